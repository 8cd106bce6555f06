import { kysely } from '../db/orm.ts';
import type { RegistryPushes } from '../image/registry/registry-pushes.ts';

/** What is pushed to the platform's own registry: the images of builds. */
export const registryPushes: RegistryPushes = {
  async pushing(tx, reference, exceptBuildId) {
    const builds = kysely(tx)
      .selectFrom('Build')
      .select('id')
      .where('phase', 'in', ['PUSHING', 'REGISTERING'])
      .where('finishedAt', 'is', null)
      .where(({ fn, val }) => fn<boolean>('starts_with', ['targetReference', val(`${reference}:`)]));
    const others = exceptBuildId === undefined ? builds : builds.where('id', '<>', exceptBuildId);
    const build = await others.limit(1).executeTakeFirst();
    return build?.id ?? null;
  },
};
