import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { type EntityManager, kysely } from '../../db/orm.ts';
import type { Db } from '../../db/tables.ts';

/** Builds that one statement works on: fewer where their logs are long, so that none holds its locks for seconds. */
const BUILDS_PER_STATEMENT = 100;
const LOG_BYTES_PER_STATEMENT = 67_108_864;
const TOKENS_PER_STATEMENT = 1000;

/**
 * Takes the logs of builds that ended before `before` away, and notes at each build that it had one. The build itself stays.
 *
 * @returns how many logs it took away
 */
export async function deleteOldLogs(em: EntityManager, before: Date, signal?: AbortSignal): Promise<number> {
  const db = kysely(em.fork());
  const candidates = sql<boolean>`build.log_line_count > 0 and build.log_deleted_at is null`;
  return await inBatches(db, before, candidates, signal, async (ids) => {
    // One statement, so that nobody finds a log without its beginning.
    const { numAffectedRows } = await sql`
      with old as (select id from image_build where id = any(${ids}::uuid[]) and log_deleted_at is null for update skip locked),
        gone as (delete from image_build_log using old where build_id = old.id)
      update image_build set log_deleted_at = ${new Date()} from old where image_build.id = old.id`.execute(
      db,
    );
    return Number(numAffectedRows ?? 0);
  });
}

/**
 * Deletes builds that ended before `before`, with everything that belongs to them. A build that made an image stays as long
 * as the image does, also as a deleted one that can be restored: people look there how it came about.
 *
 * @returns how many it deleted
 */
export async function deleteOldBuilds(
  em: EntityManager,
  before: Date,
  signal?: AbortSignal,
): Promise<number> {
  const db = kysely(em.fork());
  const candidates = sql<boolean>`not exists (select from image where image.source_build_id = build.id)`;
  return await inBatches(db, before, candidates, signal, async (ids) => {
    const { numAffectedRows } = await sql`
      with old as (select id from image_build where id = any(${ids}::uuid[]) for update skip locked)
      delete from image_build using old where image_build.id = old.id`.execute(db);
    return Number(numAffectedRows ?? 0);
  });
}

/** Forgets client tokens from before `before`. @returns how many */
export async function deleteOldTokens(
  em: EntityManager,
  before: Date,
  signal?: AbortSignal,
): Promise<number> {
  const db = kysely(em.fork());
  for (let count = 0; ; ) {
    const { numAffectedRows } = await sql`
      delete from image_build_token where ctid = any(array(
        select ctid from image_build_token where created_at < ${before} limit ${TOKENS_PER_STATEMENT} for update skip locked
      ))`.execute(db);
    const deleted = Number(numAffectedRows ?? 0);
    count += deleted;
    if (deleted < TOKENS_PER_STATEMENT || signal?.aborted) return count;
  }
}

/**
 * Goes through the builds that ended before `before`, oldest first, a few at a time. After each piece it rests for as long as that took:
 * requests beside it shall not become slow for minutes.
 */
async function inBatches(
  db: Db,
  before: Date,
  candidates: ReturnType<typeof sql<boolean>>,
  signal: AbortSignal | undefined,
  work: (ids: readonly string[]) => Promise<number>,
): Promise<number> {
  let count = 0;
  // Onwards also past those that another process works on just now.
  let last = { id: '00000000-0000-0000-0000-000000000000', finishedAt: new Date(0) };
  while (!signal?.aborted) {
    const begunAt = performance.now();
    const found = await db
      .selectFrom('Build as build')
      .select(['build.id', 'build.finishedAt', 'build.logBytes'])
      .where('build.finishedAt', '<', before)
      .where(sql<boolean>`(build.finished_at, build.id) > (${last.finishedAt}, ${last.id}::uuid)`)
      .where(candidates)
      .orderBy('build.finishedAt')
      .orderBy('build.id')
      .limit(BUILDS_PER_STATEMENT)
      .execute();
    let bytes = 0;
    const batch = found.filter(({ logBytes }, index) => {
      bytes += logBytes ?? 0;
      return index === 0 || bytes <= LOG_BYTES_PER_STATEMENT;
    });
    const end = batch.at(-1);
    if (end === undefined) break;
    count += await work(batch.map(({ id }) => id));
    last = { id: end.id, finishedAt: end.finishedAt as Date };
    await sleep(performance.now() - begunAt, undefined, { signal }).catch(() => undefined);
  }
  return count;
}
