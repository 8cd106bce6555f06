import type { Db } from '../../db/tables.ts';
import { isUuid } from '../../shared/global-id.ts';

/**
 * Is what carries this build label (`<build id>:<attempt>`) left over from an attempt that is over? Labels that are
 * not ours, and builds of another database that shares the engine, are left alone; what is left of a build that retention has
 * deleted looks like these, and stays.
 */
export async function isLeftover(db: Db, label: string): Promise<boolean> {
  const [buildId = '', attempt = ''] = label.split(':');
  if (!isUuid(buildId)) return false;
  const build = await db
    .selectFrom('Build')
    .select(['attempt', 'finishedAt'])
    .where('id', '=', buildId)
    .executeTakeFirst();
  return build !== undefined && (build.finishedAt !== null || build.attempt > Number(attempt));
}

/** Where what carries this build label was to be pushed to: a worker that was lost during the push left that name as well. */
export async function pushedAs(db: Db, label: string): Promise<string[]> {
  const [buildId = ''] = label.split(':');
  if (!isUuid(buildId)) return [];
  const build = await db
    .selectFrom('Build')
    .select('targetReference')
    .where('id', '=', buildId)
    .executeTakeFirst();
  return build === undefined ? [] : [build.targetReference];
}
