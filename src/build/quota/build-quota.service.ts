import { type EntityManager, kysely } from '../../db/orm.ts';
import type { Image } from '../../image/image.entity.ts';
import { holdsName } from '../../image/image.rules.ts';
import type { ImageQuotaService } from '../../image/quota/image-quota.service.ts';
import type { ScopeKind } from '../../scope/scope.rules.ts';
import {
  addRefusals,
  type Demand,
  type Quota,
  type QuotaPaths,
  type QuotaPlace,
  type Refusal,
  takeRoom,
} from '../../scope/scope-quota.ts';
import type { Problems } from '../../shared/problems.ts';
import type { Build } from '../build.entity.ts';
import { countUnfinishedBuilds } from './build-quota.reads.ts';

/** How many unfinished builds a scope may have. */
const BUILDS: Quota = {
  name: 'concurrentBuilds',
  limitOf: ({ buildLimit }) => buildLimit,
  count: countUnfinishedBuilds,
  refusal: ({ scope, limit, used }) =>
    `${scope} has ${used} of at most ${limit} unfinished builds; wait for one to end, cancel one, or ask an administrator for a higher limit`,
};

/** An image's size is known when it is pushed; until then, all that is known is that it takes something. */
const SOME_BYTES = 1;

/** Where an image lies, and what it takes there. */
export type SizedImage = Pick<Image, 'registryHost' | 'sizeBytes'>;

/** The quota of unfinished builds, and is there room for the images that builds make? */
export class BuildQuotaService {
  constructor(
    private readonly em: EntityManager,
    private readonly images: ImageQuotaService,
  ) {}

  /** How many builds have not ended, by the namespace's or workspace's id; one without any may be absent. */
  async unfinishedBuilds(kind: ScopeKind, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const uses = await countUnfinishedBuilds(kysely(this.em.fork()), kind, ids);
    return new Map([...uses].map(([id, { used }]) => [id, used]));
  }

  /**
   * Takes room for a build that is about to be queued, and sees that there is room for its image as things stand: see
   * `lockRoom` in scope-quota.ts. Whether there still is when the image is made, {@link takeRoomForImage} says.
   *
   * @param replaced the live image whose name the new one takes over
   * @param problems hears QUOTA_EXCEEDED for each limit that does not allow it; the caller refuses
   * @param base an image all of whose layers the new one has too; `null` where none is known
   */
  async takeRoom(
    tx: EntityManager,
    place: QuotaPlace,
    replaced: Image | null,
    problems: Problems,
    paths: QuotaPaths,
    base: SizedImage | null,
  ): Promise<void> {
    const storageBytes = base === null ? SOME_BYTES : Math.max(SOME_BYTES, this.images.storageOf(base));
    const demand = { ...place, concurrentBuilds: 1, images: 1, storageBytes };
    addRefusals(problems, await this.#take(tx, demand, replaced), paths);
  }

  /**
   * Takes room for a build's image, in the transaction that makes it live.
   *
   * @param images locked, in this transaction: the row that waits for the build, and the live image whose name it takes over
   * @param sizeBytes `null` before it is pushed
   * @returns why there is none, for a person; `null`: there is
   */
  async takeRoomForImage(
    tx: EntityManager,
    build: Build,
    { waiting, replaced }: { readonly waiting: Image | null; readonly replaced: Image | null },
    sizeBytes: number | null,
  ): Promise<string | null> {
    const { namespaceId, workspaceId } = waiting ?? build;
    const demand = {
      namespaceId,
      workspaceId,
      images: waiting !== null && holdsName(waiting) ? 0 : 1,
      storageBytes: (sizeBytes ?? SOME_BYTES) - (waiting === null ? 0 : this.images.storageOf(waiting)),
    };
    const refusals = await this.#take(tx, demand, replaced);
    return refusals.length === 0 ? null : refusals.map(({ message }) => message).join('; ');
  }

  async #take(tx: EntityManager, demand: Demand, replaced: Image | null): Promise<Refusal[]> {
    const demands: Demand[] = [demand];
    // It may belong to another workspace, which then has one less.
    if (replaced !== null) {
      demands.push({ namespaceId: replaced.namespaceId, workspaceId: replaced.workspaceId, images: -1 });
    }
    return await takeRoom(tx, [BUILDS, ...this.images.quotas], demands);
  }
}
