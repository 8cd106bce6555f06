import type { EntityManager } from '../../db/orm.ts';

/** What later features push to the platform's own registry, as far as removing from it has to know. */
export interface RegistryPushes {
  /**
   * Runs in the transaction that has locked the repository: see `lockRepository` in image-access.ts.
   *
   * @param reference of the repository, `host/path`, without a tag
   * @param exceptBuildId the one that asks
   * @returns the id of a build that is pushing to it, or has pushed and not put its image into the catalogue yet
   */
  pushing(tx: EntityManager, reference: string, exceptBuildId?: string): Promise<string | null>;
}
