import { defineEntity, p } from '@mikro-orm/core';
import { Build } from '../build.entity.ts';

/** A secret of an unfinished build, sealed with the server's key. The rows go with the transaction that ends the build. */
export const BuildSecret = defineEntity({
  name: 'BuildSecret',
  tableName: 'image_build_secret',
  properties: {
    buildId: () => p.manyToOne(Build).mapToPk().name('build_id').primary().deleteRule('cascade'),
    /** `SECRET`: of `RUN --mount=type=secret`; `REGISTRY_AUTH`: `user:password` for a registry of its bases. */
    kind: p.string().$type<'SECRET' | 'REGISTRY_AUTH'>().primary(),
    /** The secret's id, or the registry's host. */
    name: p.string().primary(),
    sealed: p.blob(),
  },
});
