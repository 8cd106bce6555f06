import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../../user/user.entity.ts';
import { Build } from '../build.entity.ts';

/** A client token that brought a build, so that the same request sent again brings the same build. Each user has their own. */
export const BuildToken = defineEntity({
  name: 'BuildToken',
  tableName: 'image_build_token',
  indexes: [
    { name: 'image_build_token_created', properties: ['createdAt'] },
    // For deleting builds.
    { name: 'image_build_token_build', properties: ['buildId'] },
  ],
  properties: {
    userId: () => p.manyToOne(User).mapToPk().name('user_id').primary().deleteRule('cascade'),
    token: p.string().primary(),
    /** HMAC of the input, in hex: see build-token.ts. */
    inputHash: p.string().length(64),
    buildId: () => p.manyToOne(Build).mapToPk().name('build_id').deleteRule('cascade'),
    createdAt: p.datetime(3),
  },
});
