import { randomUUID } from 'node:crypto';
import { LockMode } from '@mikro-orm/core';
import type { Session } from '../auth/session.ts';
import type { Parents } from '../db/keyset-page.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import { isTaken } from '../db/violations.ts';
import { PLATFORM_NAMESPACE } from '../namespace/namespace.rules.ts';
import type { NamespaceService } from '../namespace/namespace.service.ts';
import { type ImageRegistry, RegistryError, type RegistryImage } from '../registry/image-registry.ts';
import type {
  Architecture,
  DevService,
  ImageOrigin,
  ResourceCategory,
  ServiceType,
  Visibility,
} from '../shared/enums.ts';
import { UnavailableError } from '../shared/errors.ts';
import { excerpt } from '../shared/excerpt.ts';
import { toGlobalId } from '../shared/global-id.ts';
import type { Page, PageArgs } from '../shared/keyset.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { checkLabels, checkText, MAX_DESCRIPTION, MAX_DISPLAY_NAME } from '../shared/text.rules.ts';
import type { WorkspaceService } from '../workspace/workspace.service.ts';
import { Image } from './image.entity.ts';
import {
  type ImageCriteria,
  type ImageParent,
  type ImageRow,
  type ImageSorting,
  imageByName,
  imagesByIds,
  pageOfImages,
  pagesOfImages,
} from './image.reads.ts';
import { architectureOf, canMove } from './image.rules.ts';
import { type Label, NO_CONTENT } from './image-content.ts';
import { type CatalogueName, catalogueNameOf } from './image-name.rules.ts';
import { readableRepositories } from './repository.reads.ts';

/** What a viewer may say about an image and change later. Absent keeps, null clears. */
export interface ImageDetails {
  readonly displayName?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly architecture?: Architecture | null | undefined;
  readonly visibility?: Visibility | null | undefined;
  readonly serviceType?: ServiceType | null | undefined;
  readonly devServices?: readonly DevService[] | null | undefined;
  readonly resourceCategories?: readonly ResourceCategory[] | null | undefined;
  readonly labels?: readonly Label[] | null | undefined;
}

export interface RegisterInput extends ImageDetails {
  readonly reference: string;
  readonly namespace?: string | null | undefined;
  /** `null` names no workspace that exists; absent means the default one. */
  readonly workspaceUid?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly tag?: string | null | undefined;
  readonly origin?: ImageOrigin | null | undefined;
  /** Ask the registry for digest, size and architecture, and refuse what it does not know. */
  readonly verify?: boolean | null | undefined;
  readonly validateOnly?: boolean | null | undefined;
}

const NO_SUCH_IMAGE = 'there is no such image';

/** The catalogue: registering, finding, changing and deleting images. */
export class ImageService {
  constructor(
    private readonly em: EntityManager,
    private readonly namespaces: NamespaceService,
    private readonly workspaces: WorkspaceService,
    /** The platform's own; `null` on a server without one. */
    private readonly registry: ImageRegistry | null,
  ) {}

  async byIds(session: Session, ids: readonly string[]): Promise<ImageRow[]> {
    return await imagesByIds(kysely(this.em.fork()), session, ids);
  }

  async findByName(
    session: Session,
    name: { namespace: string; name: string; tag: string },
  ): Promise<ImageRow | null> {
    return await imageByName(kysely(this.em.fork()), session, name);
  }

  async page(
    session: Session,
    criteria: ImageCriteria,
    sorting: ImageSorting,
    args: PageArgs,
  ): Promise<Page<ImageRow>> {
    return await pageOfImages(kysely(this.em.fork()), session, criteria, sorting, args);
  }

  /** A page of each parent's images, newest first, by the parent's id. */
  async pagesByParent(
    session: Session,
    parents: Parents<ImageParent>,
    criteria: ImageCriteria,
    args: PageArgs,
  ): Promise<ReadonlyMap<string, Page<ImageRow>>> {
    const newestFirst = { field: 'CREATED_AT', direction: 'DESC' } as const;
    return await pagesOfImages(kysely(this.em.fork()), session, parents, criteria, newestFirst, args);
  }

  /**
   * The one answer to "whose images in the platform's registry may this viewer use?", for building on them and for telling
   * about them. Below `slipway/` are the platform's own, for everybody; else it takes a role on the namespace that the path
   * begins with, or an image in the catalogue that the viewer may read, and then any tag and digest of its repository.
   */
  async usableRepositories(session: Session, repositories: readonly string[]): Promise<ReadonlySet<string>> {
    if (session.isAdmin) return new Set(repositories);
    // A path of one segment is below no namespace.
    const ownerOf = (repository: string) => repository.slice(0, Math.max(0, repository.indexOf('/')));
    const owners = await this.namespaces.readableNames(session, repositories.map(ownerOf));
    const isOwn = (repository: string) =>
      ownerOf(repository) === PLATFORM_NAMESPACE || owners.has(ownerOf(repository));
    const others = repositories.filter((repository) => !isOwn(repository));
    if (this.registry === null || others.length === 0) return new Set(repositories.filter(isOwn));
    const db = kysely(this.em.fork());
    const shown = await readableRepositories(db, session, this.registry.host, others);
    return new Set([...repositories.filter(isOwn), ...shown]);
  }

  /**
   * Puts an image that exists in some registry into the catalogue. One in the platform's own registry takes the right to use
   * it, since whoever may read the catalogue's row may use it from then on.
   *
   *
   * @returns the image, `null` if only checking was asked for
   * @throws InputRefused with everything that is wrong
   */
  async register(session: Session, input: RegisterInput): Promise<Image | null> {
    const problems = new Problems();
    const name = catalogueNameOf(input, problems);
    checkDetails(input, problems);
    const workspace = await this.workspaces.findTarget(
      session,
      input.workspaceUid,
      ['workspaceId'],
      problems,
    );
    const em = this.em.fork();
    const namespace =
      name === null
        ? null
        : await this.namespaces.findTarget(session, name.namespace, ['namespace'], problems);
    const found =
      name === null || problems.has(['namespace'])
        ? null
        : await this.#look(session, name, input.verify === true, input.reference, problems);
    const taken = name === null || namespace === null ? null : await this.findByName(session, name);
    if (taken !== null) problems.add(...nameTaken(taken));
    problems.refuseIfAny();
    if (name === null || workspace === null || input.validateOnly === true) return null;
    const now = new Date();
    try {
      return await em.transactional(async (tx) =>
        tx.create(Image, {
          ...NO_CONTENT,
          version: 1,
          lastChanges: {},
          statusBefore: null,
          id: randomUUID(),
          namespaceId: namespace?.id ?? (await this.namespaces.ensure(tx, name.namespace)).id,
          workspaceId: workspace.id,
          name: name.name,
          tag: name.tag,
          displayName: input.displayName ?? name.displayName,
          description: input.description ?? null,
          reference: input.reference,
          registryHost: name.registryHost,
          repository: name.repository,
          digest: found?.digest ?? name.digest,
          sizeBytes: found?.sizeBytes ?? null,
          layers: found?.layers ?? [],
          architecture: input.architecture ?? architectureOf(found?.architecture ?? null),
          origin: input.origin ?? 'CUSTOMIZE',
          type: 'DEDICATED',
          status: 'ACTIVE',
          statusMessage: null,
          visibility: input.visibility ?? 'PRIVATE',
          serviceType: input.serviceType ?? 'UNKNOWN',
          devServices: input.devServices ?? ['NOTEBOOK', 'SSH'],
          resourceCategories: input.resourceCategories ?? [],
          labels: input.labels ?? [],
          sourceBuildId: null,
          sourceNotebookId: null,
          replacesId: null,
          createdById: session.user.id,
          createdAt: now,
          updatedAt: now,
          deletedAt: null,
        }),
      );
    } catch (error) {
      if (!isTaken(error, 'image_catalogue_name')) throw error;
      return refuse(...nameTaken((await this.findByName(session, name)) ?? name));
    }
  }

  /** Changes what is said about an image. Absent keeps, null clears. */
  async update(session: Session, id: string | null, changes: ImageDetails): Promise<Image> {
    const problems = new Problems();
    checkDetails(changes, problems);
    return await this.em.fork().transactional(async (tx) => {
      const image = await this.#getForChange(tx, session, id, 'image:update', problems);
      problems.refuseIfAny();
      if (changes.displayName !== undefined) image.displayName = changes.displayName;
      if (changes.description !== undefined) image.description = changes.description;
      if (changes.architecture !== undefined) image.architecture = changes.architecture;
      if (changes.visibility !== undefined) image.visibility = changes.visibility ?? 'PRIVATE';
      if (changes.serviceType !== undefined) image.serviceType = changes.serviceType ?? 'UNKNOWN';
      if (changes.devServices !== undefined) image.devServices = changes.devServices ?? [];
      if (changes.resourceCategories !== undefined)
        image.resourceCategories = changes.resourceCategories ?? [];
      if (changes.labels !== undefined) image.labels = changes.labels ?? [];
      image.updatedAt = new Date();
      return image;
    });
  }

  /** Takes an image out of the catalogue; its row stays, and so does what the registry holds. */
  async delete(session: Session, id: string | null): Promise<Image> {
    return await this.em.fork().transactional(async (tx) => {
      const image = await this.#getForChange(tx, session, id, 'image:delete', new Problems());
      if (!canMove(image.status, 'DELETED')) {
        refuse('IN_USE', ['id'], `the image is ${image.status}: cancel the build that makes it first`, {
          status: image.status,
          ...(image.sourceBuildId === null ? {} : { buildId: toGlobalId('ImageBuild', image.sourceBuildId) }),
        });
      }
      image.status = 'DELETED';
      image.deletedAt = new Date();
      image.updatedAt = image.deletedAt;
      return image;
    });
  }

  /** The live image, locked for the transaction, if the viewer may see and change it. */
  async #getForChange(
    tx: EntityManager,
    session: Session,
    id: string | null,
    action: 'image:update' | 'image:delete',
    problems: Problems,
  ): Promise<Image> {
    const [seen] = id === null ? [] : await imagesByIds(kysely(tx), session, [id]);
    if (seen === undefined || seen.status === 'DELETED') {
      return problems.refuse('NOT_FOUND', ['id'], NO_SUCH_IMAGE);
    }
    session.assertCan(action, seen.namespaceId);
    if (seen.type === 'BUILD_IN') problems.refuse('BUILT_IN', ['id'], 'built-in images are read-only');
    const image = await tx.findOneOrFail(Image, { id: seen.id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    return image.status === 'DELETED' ? problems.refuse('NOT_FOUND', ['id'], NO_SUCH_IMAGE) : image;
  }

  /**
   * Checks a reference against the platform's registry, which is only asked about what the viewer may use: its answer would
   * tell them of images of others.
   *
   * @returns what the registry has; `null` where it was not asked, or does not know the reference, which is a problem then
   */
  async #look(
    session: Session,
    name: CatalogueName,
    verify: boolean,
    reference: string,
    problems: Problems,
  ): Promise<RegistryImage | null> {
    const { registry } = this;
    const unknown = `the registry has no ${excerpt(reference)} that you may use`;
    const isOurs = registry !== null && registry.host === name.registryHost;
    if (isOurs && !(await this.usableRepositories(session, [name.repository])).has(name.repository)) {
      problems.add('REFERENCE_NOT_FOUND', ['reference'], unknown);
      return null;
    }
    if (!verify) return null;
    if (!isOurs) {
      const allowed = registry === null ? [] : [registry.host];
      const message = `only references to ${registry?.host ?? 'a registry of this server'} can be verified; leave verify out`;
      problems.add('REGISTRY_NOT_ALLOWED', ['reference'], message, { allowed });
      return null;
    }
    try {
      const found = await registry.manifest(name.repository, name.digest ?? name.tagInRegistry);
      if (found === null) {
        problems.add('REFERENCE_NOT_FOUND', ['reference'], unknown);
      }
      return found;
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      throw new UnavailableError('The registry does not answer as it should; try again in a while.', {
        cause: error,
      });
    }
  }
}

/** The image that holds a catalogue name, if there is one. */
export async function findLive(
  em: EntityManager,
  namespaceId: string,
  name: { readonly name: string; readonly tag: string },
): Promise<Image | null> {
  return await em.findOne(Image, {
    namespaceId,
    name: name.name,
    tag: name.tag,
    status: { $nin: ['DELETED', 'CREATE_FAILED'] },
    replacesId: null,
  });
}

/** @param holder the image that has the name; only the name where it has just gone again */
function nameTaken(holder: { readonly name: string; readonly tag: string; readonly id?: string }) {
  const { id, name, tag } = holder;
  const message = `a live image has the name ${excerpt(`${name}:${tag}`)} in this namespace`;
  const imageId = id === undefined ? {} : { imageId: toGlobalId('Image', id) };
  return ['NAME_TAKEN', ['name'], message, { name, tag, ...imageId }] as const;
}

function checkDetails(details: ImageDetails, problems: Problems): void {
  checkText(problems, ['displayName'], details.displayName, MAX_DISPLAY_NAME);
  checkText(problems, ['description'], details.description, MAX_DESCRIPTION);
  checkLabels(problems, ['labels'], details.labels);
}
