import { sql } from 'kysely';
import type { Session } from '../../auth/session.ts';
import type { Db } from '../../db/tables.ts';
import { liveImages, readableImages } from '../filter/image-filter.reads.ts';
import type { GivenDependency, ImageName } from './image-dependency.rules.ts';

/** How many of the images that are in the way of something are named. */
const SHOWN = 10;

/** One of the images that an image needs. */
export interface DependencyRow extends GivenDependency {
  readonly imageId: string;
  /** The live image of that name, whoever may read it; `null`: there is none. */
  readonly targetId: string | null;
}

/** What these images need, each one's in the order in which it was given. */
export async function dependenciesOf(db: Db, imageIds: readonly string[]): Promise<DependencyRow[]> {
  const { rows } = await sql<DependencyRow>`
    select dependency.image_id as "imageId", dependency.position as index, dependency.namespace, dependency.name, dependency.tag,
        dependency.reference, target.id as "targetId"
      from image_dependency dependency
      left join namespace on namespace.name = dependency.namespace
      left join image target on target.namespace_id = namespace.id and target.name = dependency.name
        and target.tag = dependency.tag and ${liveImages('target')}
      where dependency.image_id = any(${[...imageIds]}::uuid[])
      order by dependency.image_id, dependency.position`.execute(db);
  return rows;
}

/** Those of these names that a live image has which the viewer may read, each once. */
export async function resolveTargets(
  db: Db,
  session: Session,
  targets: readonly ImageName[],
): Promise<ImageName[]> {
  const { rows } = await sql<ImageName>`
    select distinct target.namespace, target.name, target.tag from ${rowsOf(targets)}
      join namespace on namespace.name = target.namespace
      join image on image.namespace_id = namespace.id and image.name = target.name and image.tag = target.tag
      where ${liveImages()} and ${readableImages(session)}`.execute(db);
  return rows;
}

/**
 * The live images that depend on an image's name, itself left out.
 *
 * @returns how many there are, and the first 10 by name of those that the viewer may read
 */
export async function dependentsOf(
  db: Db,
  session: Session,
  image: ImageName & { readonly id: string },
): Promise<{ readonly count: number; readonly shown: readonly (ImageName & { readonly id: string })[] }> {
  const { rows } = await sql<ImageName & { id: string; shown: boolean; count: string }>`
    select image.id, namespace.name as namespace, image.name, image.tag, ${readableImages(session)} as shown,
        count(*) over () as count
      from image join namespace on namespace.id = image.namespace_id
      where image.id <> ${image.id} and ${liveImages()} and image.id in (
        select image_id from image_dependency
          where namespace = ${image.namespace} and name = ${image.name} and tag = ${image.tag})
      order by shown desc, namespace.name collate "C", image.name collate "C", image.tag collate "C"
      limit ${SHOWN}`.execute(db);
  const shown = rows.filter((row) => row.shown);
  return {
    count: Number(rows[0]?.count ?? 0),
    shown: shown.map(({ id, namespace, name, tag }) => ({ id, namespace, name, tag })),
  };
}

/** A live image that needs one of some names. */
export interface Dependent {
  readonly imageId: string;
  readonly image: ImageName;
  readonly needs: ImageName;
  /** The viewer may read it. */
  readonly isShown: boolean;
}

/** All live images that depend on any of these names, in the order of their own names. */
export async function dependentsOfNames(
  db: Db,
  session: Session,
  names: readonly ImageName[],
): Promise<Dependent[]> {
  const { rows } = await sql<Dependent>`
    select image.id as "imageId", ${readableImages(session)} as "isShown",
        json_build_object('namespace', namespace.name, 'name', image.name, 'tag', image.tag) as image,
        json_build_object('namespace', target.namespace, 'name', target.name, 'tag', target.tag) as needs
      from ${rowsOf(names)}
      join image_dependency dependency using (namespace, name, tag)
      join image on image.id = dependency.image_id
      join namespace on namespace.id = image.namespace_id
      where ${liveImages()}
      order by namespace.name collate "C", image.name collate "C", image.tag collate "C"`.execute(db);
  return rows;
}

/**
 * Those of some dependencies from which dependencies of live images lead back to an image. It walks upwards from the image's own
 * name: few images are needed by many, and a new name by none, while everything may lie below one.
 *
 * @param self the image's name, which is none of the targets
 */
export async function leadingBack(
  db: Db,
  self: ImageName,
  targets: readonly ImageName[],
): Promise<ImageName[]> {
  const { rows } = await sql<ImageName>`
    with recursive ${dependents([self])}
    select target.* from ${rowsOf(targets)} join dependent using (namespace, name, tag)`.execute(db);
  return rows;
}

/** One dependency of a live image, of printed names. */
export interface DependencyEdge {
  readonly imageId: string;
  readonly from: string;
  readonly to: string;
}

/** The dependencies of all live images over which they need one of these names, directly or over others. */
export async function edgesUpwards(db: Db, names: readonly ImageName[]): Promise<DependencyEdge[]> {
  const { rows } = await sql<DependencyEdge>`
    with recursive ${dependents(names)}
    select image.id as "imageId", namespace.name || '/' || image.name || ':' || image.tag as "from",
        dependent.namespace || '/' || dependent.name || ':' || dependent.tag as "to"
      from dependent
      join image_dependency dependency using (namespace, name, tag)
      join image on image.id = dependency.image_id
      join namespace on namespace.id = image.namespace_id
      where ${liveImages()}`.execute(db);
  return rows;
}

/** A statement's table `dependent`: the names, and those of the live images that need one of them, directly or over others. */
function dependents(names: readonly ImageName[]) {
  // Each is reached once, however many ways lead to it: `union` keeps only what is new.
  return sql`dependent as (
    select namespace, name, tag from ${rowsOf(names)}
    union
    select namespace.name, image.name, image.tag
      from dependent
      join image_dependency dependency on dependency.namespace = dependent.namespace
        and dependency.name = dependent.name and dependency.tag = dependent.tag
      join image on image.id = dependency.image_id
      join namespace on namespace.id = image.namespace_id
      where ${liveImages()})`;
}

/** The names as a statement's table `target`. */
function rowsOf(names: readonly ImageName[]) {
  const column = (key: keyof ImageName) => sql`${names.map((name) => name[key])}::text[]`;
  return sql`unnest(${column('namespace')}, ${column('name')}, ${column('tag')}) as target(namespace, name, tag)`;
}
