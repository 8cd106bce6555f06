import { LockMode } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { Session } from '../../auth/session.ts';
import { type EntityManager, kysely } from '../../db/orm.ts';
import { Namespace } from '../../namespace/namespace.entity.ts';
import type { Workspace } from '../../workspace/workspace.entity.ts';
import type { WorkspaceService } from '../../workspace/workspace.service.ts';
import { dependenciesOf } from '../dependency/image-dependency.reads.ts';
import {
  type GivenDependency,
  type ImageName,
  printImageName,
} from '../dependency/image-dependency.rules.ts';
import { liveImages, readableImages } from '../filter/image-filter.reads.ts';
import { Image } from '../image.entity.ts';
import { holdsName } from '../image.rules.ts';
import type { ImageListRow } from './image-list-reading.rules.ts';

/** Others get a turn after so many: making their objects takes some 20 ms. */
const IMAGES_PER_READ = 500;

/** What the database has of all that the rows of an import name. */
export interface Found {
  /** Live images that the viewer may read. */
  readonly byId: ReadonlyMap<string, Image>;
  /** The same and others, by their printed names. */
  readonly byName: ReadonlyMap<string, Image>;
  /** Of all images, whoever may see them. */
  readonly usedIds: ReadonlySet<string>;
  /** Ids by name. */
  readonly namespaces: ReadonlyMap<string, string>;
  /** Names by id. */
  readonly namespaceNames: ReadonlyMap<string, string>;
  readonly workspaces: ReadonlyMap<string, Workspace>;
  readonly defaultWorkspace: Workspace;
  /** Of the existing images, by the image's id. */
  readonly dependencies: ReadonlyMap<string, readonly GivenDependency[]>;
}

/** @param tx in which the images stay locked */
export async function lookUp(
  tx: EntityManager,
  session: Session,
  listed: readonly ImageListRow[],
  workspaces: WorkspaceService,
): Promise<Found> {
  const db = kysely(tx);
  const names = listed.flatMap(({ name }) => (name === null ? [] : [name]));
  const ids = listed.flatMap(({ imageId }) => (imageId === null ? [] : [imageId]));
  const column = (key: keyof ImageName) => names.map((name) => name[key]);
  const { rows: used } = await sql<{ id: string; isMeant: boolean }>`
    select image.id, (${liveImages()} and ${readableImages(session)}) as "isMeant" from image
      where image.id = any(${ids}::uuid[])`.execute(db);
  const { rows: holders } = await sql<{ id: string }>`
    select image.id from unnest(${column('namespace')}::text[], ${column('name')}::text[], ${column('tag')}::text[])
        as target(namespace, name, tag)
      join namespace on namespace.name = target.namespace
      join image on image.namespace_id = namespace.id and image.name = target.name and image.tag = target.tag
      where ${liveImages()} and ${readableImages(session)}`.execute(db);
  const meant = new Set(used.filter(({ isMeant }) => isMeant).map(({ id }) => id));
  const images = await lock(tx, new Set([...meant, ...holders.map(({ id }) => id)]));
  const namespaces = await tx.find(
    Namespace,
    {
      $or: [
        { name: { $in: [...new Set(column('namespace'))] } },
        { id: { $in: [...new Set(images.map(({ namespaceId }) => namespaceId))] } },
      ],
    },
    { disableIdentityMap: true },
  );
  const namespaceNames = new Map(namespaces.map(({ id, name }) => [id, name]));
  const nameOf = ({ namespaceId, name, tag }: Image) =>
    printImageName({ namespace: namespaceNames.get(namespaceId) ?? '', name, tag });
  const dependencies = await dependenciesOf(
    db,
    images.map(({ id }) => id),
  );
  const workspaceNames = listed.flatMap(({ workspace }) => (workspace ? [workspace] : []));
  return {
    byId: new Map(images.filter(({ id }) => meant.has(id)).map((image) => [image.id, image])),
    byName: new Map(images.map((image) => [nameOf(image), image])),
    usedIds: new Set(used.map(({ id }) => id)),
    namespaces: new Map(namespaces.map(({ id, name }) => [name, id])),
    namespaceNames,
    workspaces: await workspaces.byNames(workspaceNames, tx),
    defaultWorkspace: await workspaces.default(tx),
    dependencies: Map.groupBy(dependencies, ({ imageId }) => imageId),
  };
}

async function lock(tx: EntityManager, ids: ReadonlySet<string>): Promise<Image[]> {
  const sorted = [...ids].sort();
  const images: Image[] = [];
  for (let from = 0; from < sorted.length; from += IMAGES_PER_READ) {
    const part = await tx.find(
      Image,
      { id: { $in: sorted.slice(from, from + IMAGES_PER_READ) } },
      { orderBy: { id: 'asc' }, lockMode: LockMode.PESSIMISTIC_WRITE, disableIdentityMap: true },
    );
    // Somebody else may have been faster with the lock: a build that replaces an image. Who has the name now is seen when it
    // is to be written.
    images.push(...part.filter(holdsName));
  }
  return images;
}
