import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Row } from '../shared/row.ts';
import { User } from './user.entity.ts';

/** A user's key to the API. Only its SHA-256 is kept: the token itself has 256 random bits, so a slow hash adds nothing. */
export const AccessToken = defineEntity({
  name: 'AccessToken',
  tableName: 'access_token',
  properties: {
    id: p.uuid().primary(),
    userId: () =>
      p.manyToOne(User).mapToPk().name('user_id').deleteRule('cascade').index('access_token_user'),
    name: p.string(),
    /** SHA-256 of the token, 64 hex digits. */
    hash: p.string().unique('access_token_hash'),
    /** The token's first characters, by which its owner knows it; `null` for one that was made before they were kept. */
    prefix: p.string().strictNullable(),
    /** Is it for changing things too, or for reading alone? */
    canWrite: p.boolean().default(true),
    /** The access token that it was made with; `null`: it was made with another credential, or before this was kept. */
    madeWithId: p.uuid().strictNullable().index('access_token_made_with'),
    /** To the minute; `null`: never. */
    lastUsedAt: p.datetime(3).strictNullable(),
    expiresAt: p.datetime(3).strictNullable(),
    revokedAt: p.datetime(3).strictNullable(),
    createdAt: p.datetime(3),
  },
});
export type AccessToken = Row<InferEntity<typeof AccessToken>>;
