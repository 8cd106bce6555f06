import { type BenchDatabase, openDatabase, withClient } from '../shared/database.ts';

/** What PostgreSQL says that a request cost it, signing in apart. */
export interface Cost {
  readonly statements: number;
  /** Milliseconds of planning and executing. */
  readonly ms: number;
  /** Pages of 8 KB that were looked at, in memory or not: what grows where a statement walks, whatever else the machine does. */
  readonly pages: number;
}

/**
 * Opens a database that counts what statements cost.
 *
 * @param fill puts into it what it needs; while nobody waits for disks
 */
export async function openCountingDatabase(
  data: string,
  fill: (database: BenchDatabase) => Promise<void>,
): Promise<BenchDatabase> {
  {
    await using database = await openDatabase({ data, durable: false });
    await fill(database);
    await withClient(database.adminUrl, async (client) => {
      await client.query('create extension if not exists pg_stat_statements');
      await client.query("alter system set shared_preload_libraries = 'pg_stat_statements'");
      await client.query('alter system set pg_stat_statements.track_planning = on');
    });
  }
  return await openDatabase({ data });
}

/** Counts from now on. */
export async function countAnew(adminUrl: string): Promise<void> {
  await withClient(
    adminUrl,
    async (client) => void (await client.query('select pg_stat_statements_reset()')),
  );
}

/** The mean cost of so many requests, which were all since {@link countAnew}. */
export async function costOf(adminUrl: string, requests: number): Promise<Cost> {
  return await withClient(adminUrl, async (client) => {
    // What went on beside the requests has fewer calls than there were requests.
    const { rows } = await client.query<{ statements: number; ms: number; pages: number }>(
      `select coalesce(sum(calls), 0)::float8 as statements,
          coalesce(sum(total_plan_time + total_exec_time), 0) as ms,
          coalesce(sum(shared_blks_hit + shared_blks_read + temp_blks_read), 0)::float8 as pages
        from pg_stat_statements
        where dbid = (select oid from pg_database where datname = current_database())
          and calls >= $1 and query not like '%access_token%' and query not like '%pgboss%'`,
      [requests],
    );
    const { statements, ms, pages } = rows[0] as Cost;
    return { statements: statements / requests, ms: ms / requests, pages: pages / requests };
  });
}
