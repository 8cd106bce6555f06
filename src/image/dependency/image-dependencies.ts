import { sql } from 'kysely';
import type { Session } from '../../auth/session.ts';
import { insertRows } from '../../db/bulk.ts';
import { type EntityManager, kysely } from '../../db/orm.ts';
import type { Db } from '../../db/tables.ts';
import { toGlobalId } from '../../shared/global-id.ts';
import type { Problems } from '../../shared/problems.ts';
import { ImageDependency } from './image-dependency.entity.ts';
import { dependenciesOf, dependentsOf, leadingBack, resolveTargets } from './image-dependency.reads.ts';
import {
  type GivenDependency,
  type ImageName,
  isSameName,
  printImageName,
} from './image-dependency.rules.ts';

/**
 * Keeps everybody else from changing what depends on what until the transaction ends: two images that begin to depend on each
 * other at once would each see no cycle. Take it before any image is locked, as everywhere, so that nobody who has an image
 * waits for it.
 */
export async function lockDependencies(tx: EntityManager): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('slipway image dependencies'))`.execute(kysely(tx));
}

/**
 * Checks the dependencies of an image: each names a live image that the viewer may read, and none leads back to it.
 *
 * @param self the image's own name, as it will be
 * @param before of an image that is there already: the name that it has now, and whether its list stays as it is. What such a
 *   list has lost already is no reason to refuse a new name.
 * @returns warnings: an image that names itself is one, since S1's own example does it
 */
export async function checkDependencies(
  db: Db,
  session: Session,
  self: ImageName,
  dependencies: readonly GivenDependency[],
  problems: Problems,
  before: { readonly name: ImageName; readonly isListKept: boolean } | null = null,
): Promise<string[]> {
  const others = dependencies.filter((dependency) => !isSameName(dependency, self));
  const warnings = others.length < dependencies.length ? [`${printImageName(self)} depends on itself`] : [];
  if (others.length === 0) return warnings;
  const live = before?.isListKept ? others : await resolveTargets(db, session, others);
  const isLost = (dependency: ImageName) => before !== null && isSameName(dependency, before.name);
  const isLive = (dependency: ImageName) => live.some((name) => isSameName(name, dependency));
  for (const dependency of others) {
    if (!isLost(dependency) && isLive(dependency)) continue;
    const name = printImageName(dependency);
    const message = isLost(dependency)
      ? `${name} is the name that the image is to lose; give the dependencies anew, without it`
      : `there is no live image ${name} that you may see; register it first, or leave it out`;
    problems.add('DEPENDENCY_UNRESOLVED', ['dependencies', String(dependency.index)], message, { name });
  }
  // What a hidden image depends on must not tell that it is there.
  const known = others.filter((dependency) => isLost(dependency) || isLive(dependency));
  await checkCycle(db, self, known, ({ index }) => ['dependencies', String(index)], problems);
  return warnings;
}

/** What of an image's dependencies is not there for the viewer, as warnings. */
export async function lostDependencies(
  db: Db,
  session: Session,
  self: ImageName,
  dependencies: readonly GivenDependency[],
): Promise<string[]> {
  const others = dependencies.filter((dependency) => !isSameName(dependency, self));
  const live = others.length === 0 ? [] : await resolveTargets(db, session, others);
  return others
    .filter((dependency) => !live.some((name) => isSameName(name, dependency)))
    .map(
      (dependency) => `it depends on ${printImageName(dependency)}, which is no live image that you may see`,
    );
}

/**
 * Does one of the dependencies lead back to the image?
 *
 * @param pathOf where in the input that one is
 */
export async function checkCycle(
  db: Db,
  self: ImageName,
  dependencies: readonly GivenDependency[],
  pathOf: (dependency: GivenDependency) => readonly string[],
  problems: Problems,
): Promise<void> {
  const others = dependencies.filter((dependency) => !isSameName(dependency, self));
  const leading = others.length === 0 ? [] : await leadingBack(db, self, others);
  const through = others.find((dependency) => leading.some((name) => isSameName(name, dependency)));
  if (through === undefined) return;
  // The images further along are not named: the viewer may not be allowed to see them.
  const name = printImageName(through);
  const message = `${name} depends on ${printImageName(self)} itself`;
  problems.add('DEPENDENCY_CYCLE', pathOf(through), message, { through: name });
}

/** What an image depends on, as it was written. */
export async function readDependenciesOf(em: EntityManager, imageId: string): Promise<GivenDependency[]> {
  return await dependenciesOf(kysely(em), [imageId]);
}

/** Writes what images depend on, in the place of what they depended on before. */
export async function replaceDependencies(
  tx: EntityManager,
  lists: readonly { readonly imageId: string; readonly dependencies: readonly GivenDependency[] }[],
): Promise<void> {
  await tx.nativeDelete(ImageDependency, { imageId: { $in: lists.map(({ imageId }) => imageId) } });
  const rows = lists.flatMap(({ imageId, dependencies }) =>
    dependencies.map(({ reference, namespace, name, tag }, position) => ({
      imageId,
      position,
      reference,
      namespace,
      name,
      tag,
    })),
  );
  const properties = ['imageId', 'position', 'reference', 'namespace', 'name', 'tag'] as const;
  await insertRows(tx, ImageDependency, properties, rows);
}

/** Refuses to take away a name that live images depend on; names those that the viewer may see. */
export async function checkNotNeeded(
  db: Db,
  session: Session,
  image: ImageName & { readonly id: string },
  path: readonly string[],
  advice: string,
  problems: Problems,
): Promise<void> {
  const { count, shown } = await dependentsOf(db, session, image);
  if (count === 0) return;
  problems.add('IN_USE', path, inUse(count, shown, advice), {
    count,
    dependents: shown.map((one) => ({ id: toGlobalId('Image', one.id), name: printImageName(one) })),
  });
}

/**
 * Says who is in the way of something.
 *
 * @param count of all who depend on it
 * @param shown those of them that are named
 */
export function inUse(count: number, shown: readonly ImageName[], advice: string): string {
  const more = count - shown.length;
  const who = [...shown.map(printImageName), ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return `${who} ${count === 1 ? 'depends' : 'depend'} on it; ${advice}`;
}
