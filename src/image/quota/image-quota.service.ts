import { type EntityManager, kysely } from '../../db/orm.ts';
import type { ScopeKind } from '../../scope/scope.rules.ts';
import {
  addRefusals,
  type Demand,
  lockRoom,
  type Quota,
  type QuotaPaths,
  type QuotaPlace,
  type QuotaUse,
  type Room,
  takeRoom,
} from '../../scope/scope-quota.ts';
import type { Problems } from '../../shared/problems.ts';
import type { Image } from '../image.entity.ts';
import { holdsName } from '../image.rules.ts';
import { countLiveImages, sumStorage } from './image-quota.reads.ts';

const ASK = 'or ask an administrator for a higher limit';

/** Where an image is to belong, and what it takes there. */
export interface QuotaStanding extends Pick<Image, 'registryHost' | 'sizeBytes' | 'workspaceId'> {
  readonly namespaceId: string | null;
}

/** How many live images a scope may have. */
const IMAGES: Quota = {
  name: 'images',
  limitOf: ({ imageLimit }) => imageLimit,
  count: countLiveImages,
  refusal: ({ scope, limit, used, requested }) =>
    `${scope} has ${used} of at most ${limit} live images, and this takes ${requested} more; delete some, ${ASK}`,
};

/**
 * The quotas of images and of what they take in the platform's registry: what is used, and is there room for more?
 *
 * | what happens | images | storageBytes |
 * |---|---|---|
 * | registered, or saved from a notebook | +1 | + its size where it lies in the platform's registry and that is known |
 * | made live by a build, or instead of another image | +1, and -1 for the one that it replaces | + its size |
 * | moved to another namespace or workspace | -1 here if it is live, +1 there | - its size here, + its size there |
 * | failed to be made | -1 | as before |
 * | deleted | -1 if it was live | as before: it still lies in the registry |
 * | restored | +1 if it is live again | as before |
 * | purged | as before | - its size |
 *
 * Only the rows say so: nothing is kept in counters, which could drift.
 */
export class ImageQuotaService {
  /** Both, for {@link lockRoom} together with the quotas of later features. */
  readonly quotas: readonly Quota[];

  constructor(
    private readonly em: EntityManager,
    /** The platform's own; `null` on a server without one, where images take no storage of ours. */
    private readonly registryHost: string | null,
  ) {
    this.quotas = [
      IMAGES,
      {
        name: 'storageBytes',
        limitOf: ({ storageLimitBytes }) => storageLimitBytes,
        count: async (db, kind, ids) =>
          registryHost === null ? new Map() : await sumStorage(db, registryHost, kind, ids),
        refusal: ({ scope, limit, used, requested, purgeable }) =>
          `the images of ${scope} take ${used} of at most ${limit} bytes in the registry, and this takes at least ${requested} more; purge images (deleted ones hold ${purgeable} bytes until then), ${ASK}`,
      },
    ];
  }

  /** How many live images there are, by the namespace's or workspace's id; one without any may be absent. */
  async liveImages(kind: ScopeKind, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return usedOf(await countLiveImages(kysely(this.em.fork()), kind, ids));
  }

  /** How many bytes images take in the platform's registry, by the namespace's or workspace's id. */
  async storedBytes(kind: ScopeKind, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (this.registryHost === null) return new Map();
    return usedOf(await sumStorage(kysely(this.em.fork()), this.registryHost, kind, ids));
  }

  /** What an image takes of a storage quota: nothing where it lies in another registry or its size is not known. */
  storageOf({ registryHost, sizeBytes }: Pick<Image, 'registryHost' | 'sizeBytes'>): number {
    return registryHost === this.registryHost ? (sizeBytes ?? 0) : 0;
  }

  /**
   * What an image asks of its places when it is new, moved, or has another size: a moved one leaves room where it was, and takes
   * it where it goes. Nothing where it all stays as it is.
   *
   * @param before `null` for one that is new
   * @param after a namespace of `null` is made with it, so it has no limit yet
   */
  demandsOf(before: Image | null, after: QuotaStanding): Demand[] {
    const left = before === null ? 0 : this.storageOf(before);
    const taken = this.storageOf(after);
    const images = before === null || holdsName(before) ? 1 : 0;
    return (['namespaceId', 'workspaceId'] as const).flatMap((scope): Demand[] => {
      const [from, to] = [before?.[scope] ?? null, after[scope]];
      if (from === to) return taken === left ? [] : [{ [scope]: to, storageBytes: taken - left }];
      return [
        ...(from === null ? [] : [{ [scope]: from, images: -images, storageBytes: -left }]),
        ...(to === null ? [] : [{ [scope]: to, images, storageBytes: taken }]),
      ];
    });
  }

  /** The room for images in some places, locked: see {@link lockRoom}. For who takes it image by image. */
  async lockRoom(tx: EntityManager, places: readonly QuotaPlace[]): Promise<Room> {
    return await lockRoom(tx, this.quotas, places);
  }

  /**
   * Takes room for images, in the transaction that is about to write them: see {@link lockRoom}.
   *
   * @param demands all that the transaction adds, e.g. `{ namespaceId, workspaceId, images: 1, storageBytes: 0 }`
   * @param problems hears QUOTA_EXCEEDED for each limit that does not allow it; the caller refuses
   */
  async takeRoom(
    tx: EntityManager,
    demands: readonly Demand[],
    problems: Problems,
    paths: QuotaPaths,
  ): Promise<void> {
    addRefusals(problems, await takeRoom(tx, this.quotas, demands), paths);
  }
}

const usedOf = (uses: ReadonlyMap<string, QuotaUse>) =>
  new Map([...uses].map(([id, { used }]) => [id, used]));
