import { sql } from 'kysely';
import type { Session } from '../auth/session.ts';
import type { Db } from '../db/tables.ts';
import { shortestWayBack } from './image-cycle.rules.ts';
import { type ImageName, printImageName } from './image-dependency.rules.ts';
import { liveImages, readableImages } from './image-filter.reads.ts';

/** How many of the images that are in the way of something are named. */
const SHOWN = 10;

/** One of the images that an image needs. */
export interface DependencyRow extends ImageName {
  readonly imageId: string;
  /** As it was written. */
  readonly reference: string;
  /** The live image of that name, whoever may read it; `null`: there is none. */
  readonly targetId: string | null;
}

/** What these images need, each one's in the order in which it was given. */
export async function dependenciesOf(db: Db, imageIds: readonly string[]): Promise<DependencyRow[]> {
  const { rows } = await sql<DependencyRow>`
    select dependency.image_id as "imageId", dependency.namespace, dependency.name, dependency.tag,
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

/**
 * Looks for a way from an image over its dependencies, and those of the live images that have these names, back to itself.
 *
 * @param self the image's name; what it depends on by now does not count
 * @param targets what it is to depend on; itself among them is no cycle
 * @returns the shortest way, the image's own name at both ends; `null`: there is none
 */
export async function findCycle(
  db: Db,
  self: ImageName,
  targets: readonly ImageName[],
): Promise<readonly ImageName[] | null> {
  return shortestWayBack(self, targets, await dependencyGraph(db, targets));
}

/** What every live image depends on to which dependencies lead from these names, by its name as it is printed. */
export async function dependencyGraph(
  db: Db,
  names: readonly ImageName[],
): Promise<ReadonlyMap<string, readonly ImageName[]>> {
  // Each image is reached once, however many ways lead to it: `union` keeps only what is new.
  const { rows } = await sql<{ readonly from: ImageName; readonly to: ImageName }>`
    with recursive needed as not materialized (
      select namespace.name as namespace, image.name, image.tag, dependency.position,
          dependency.namespace as to_namespace, dependency.name as to_name, dependency.tag as to_tag
        from namespace join image on image.namespace_id = namespace.id
        join image_dependency dependency on dependency.image_id = image.id
        where ${liveImages()}
    ), reached as (
      select namespace, name, tag from ${rowsOf(names)}
      union
      select to_namespace, to_name, to_tag from reached join needed using (namespace, name, tag)
    )
    select json_build_object('namespace', namespace, 'name', name, 'tag', tag) as "from",
        json_build_object('namespace', to_namespace, 'name', to_name, 'tag', to_tag) as "to"
      from reached join needed using (namespace, name, tag)
      order by namespace, name, tag, position`.execute(db);
  return new Map(
    [...Map.groupBy(rows, ({ from }) => printImageName(from))].map(([name, edges]) => [
      name,
      edges.map(({ to }) => to),
    ]),
  );
}

/** The names as a statement's table `target`. */
function rowsOf(names: readonly ImageName[]) {
  const column = (key: keyof ImageName) => sql`${names.map((name) => name[key])}::text[]`;
  return sql`unnest(${column('namespace')}, ${column('name')}, ${column('tag')}) as target(namespace, name, tag)`;
}
