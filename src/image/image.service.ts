import type { Session } from '../auth/session.ts';
import type { Parents } from '../db/keyset-page.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import type { Reads } from '../db/read-connections.ts';
import { PLATFORM_NAMESPACE } from '../namespace/namespace.rules.ts';
import type { NamespaceService } from '../namespace/namespace.service.ts';
import type { Page, PageArgs } from '../shared/keyset.ts';
import type { Selection } from '../shared/selection.ts';
import { type DependencyRow, dependenciesOf } from './dependency/image-dependency.reads.ts';
import type { CommonGrams } from './filter/common-grams.reads.ts';
import { withNamespaceId } from './filter/image-filter.reads.ts';
import type { ImageCriteria } from './filter/image-filter.rules.ts';
import {
  type ImageParent,
  type ImageRow,
  imageByName,
  imageColumns,
  imagesByDigest,
  pagesOfImages,
  readImages,
} from './image.reads.ts';
import { isLive } from './image.rules.ts';
import type { ImageJoin } from './image-join.ts';
import { type ImagePage, pageOfImages } from './image-page.reads.ts';
import { isAt, placeOfReference } from './registry/registry-place.rules.ts';
import { readableRepositories } from './registry/repository.reads.ts';

/** Finding images. */
export class ImageService {
  constructor(
    private readonly em: EntityManager,
    private readonly reads: Reads,
    private readonly namespaces: NamespaceService,
    /** What is read together with pages of images. */
    private readonly joins: readonly ImageJoin[],
    /** The platform's own registry's; `null` on a server without one. */
    private readonly registryHost: string | null,
    private readonly commonGrams: CommonGrams,
  ) {}

  /** @param selection what is asked for of them; absent: everything */
  async byIds(session: Session, ids: readonly string[], selection?: Selection): Promise<readonly ImageRow[]> {
    return await readImages(this.reads, session, ids, selection && imageColumns(selection));
  }

  async findByName(
    session: Session,
    name: { namespace: string; name: string; tag: string },
  ): Promise<ImageRow | null> {
    return await imageByName(kysely(this.em.fork()), session, name);
  }

  /**
   * The images that an engine knows under these names, `host/path@sha256:…`, by the name; for one that several images have, a live
   * one, and the one that came first: another that was registered under the same name later is not what was meant.
   */
  async byReferences(
    session: Session,
    references: readonly string[],
  ): Promise<ReadonlyMap<string, ImageRow>> {
    const places = references.flatMap((reference) => placeOfReference(reference) ?? []);
    if (places.length === 0) return new Map();
    const repositories = new Set(places.flatMap((place) => place.repositories));
    const digests = new Set(places.map(({ digest }) => digest));
    const rows = await imagesByDigest(kysely(this.em.fork()), session, [...repositories], [...digests]);
    const liveFirst = rows.sort(
      (a, b) =>
        Number(isLive(b.status)) - Number(isLive(a.status)) || Number(a.createdAt) - Number(b.createdAt),
    );
    return new Map(
      places.flatMap((place) => {
        const row = liveFirst.find((image) => isAt(place, image));
        return row === undefined ? [] : [[place.reference, row] as const];
      }),
    );
  }

  async page(session: Session, page: ImagePage): Promise<Page<ImageRow>> {
    const criteria = this.commonGrams.leaveOut(await withNamespaceId(this.reads, page.criteria));
    return pageOfImages(this.reads, session, { ...page, criteria }, this.joins);
  }

  /** What these images need, by the image's id. */
  async dependencies(ids: readonly string[]): Promise<ReadonlyMap<string, readonly DependencyRow[]>> {
    const rows = await dependenciesOf(kysely(this.em.fork()), ids);
    return Map.groupBy(rows, ({ imageId }) => imageId);
  }

  /** A page of each parent's images, newest first, by the parent's id. */
  async pagesByParent(
    session: Session,
    parents: Parents<ImageParent>,
    criteria: ImageCriteria,
    args: PageArgs,
  ): Promise<ReadonlyMap<string, Page<ImageRow>>> {
    const newestFirst = { field: 'CREATED_AT', direction: 'DESC' } as const;
    return pagesOfImages(kysely(this.em.fork()), session, parents, criteria, newestFirst, args);
  }

  /**
   * The one answer to "whose images in the platform's registry may this viewer use?", for building on them and for telling
   * about them. Below `slipway/` are the platform's own, for everybody; else it takes a role on the namespace that the path
   * begins with, or an image in the catalogue that the viewer may read, and then any tag and digest of its repository.
   */
  async usableRepositories(
    session: Session,
    repositories: readonly string[],
    em: EntityManager = this.em.fork(),
  ): Promise<ReadonlySet<string>> {
    if (session.can('registry:use-any')) return new Set(repositories);
    // A path of one segment is below no namespace.
    const ownerOf = (repository: string) => repository.slice(0, Math.max(0, repository.indexOf('/')));
    const owners = await this.namespaces.readableNames(session, repositories.map(ownerOf), em);
    const isOwn = (repository: string) =>
      ownerOf(repository) === PLATFORM_NAMESPACE || owners.has(ownerOf(repository));
    const others = repositories.filter((repository) => !isOwn(repository));
    if (this.registryHost === null || others.length === 0) return new Set(repositories.filter(isOwn));
    const shown = await readableRepositories(kysely(em), session, this.registryHost, others);
    return new Set([...repositories.filter(isOwn), ...shown]);
  }
}
