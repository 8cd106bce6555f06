import pg from 'pg';
import type { TestDatabase } from './database.ts';
import { until } from './until.ts';

type Statement = readonly [sql: string, values?: readonly unknown[]];

/**
 * Runs `run` while another transaction holds what `first` locks. When somebody waits for that, the transaction does `then`, and ends.
 */
export async function whileLocked<T>(
  database: TestDatabase,
  first: Statement,
  run: () => Promise<T>,
  ...then: readonly Statement[]
): Promise<T> {
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  const query = async ([sql, values = []]: Statement) => await holder.query(sql, [...values]);
  try {
    await query(['begin']);
    await query(first);
    const running = run();
    await until('somebody to wait for a lock', async () => (await waiting(database)) > 0);
    for (const statement of then) await query(statement);
    await query(['commit']);
    return await running;
  } finally {
    await holder.end();
  }
}

/** Runs `run`, to its end, while another transaction holds what `first` locks. */
export async function holding<T>(
  database: TestDatabase,
  [sql, values = []]: Statement,
  run: () => Promise<T>,
): Promise<T> {
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query(sql, [...values]);
    return await run();
  } finally {
    await holder.end();
  }
}

/** How many connections wait for a lock. */
export async function waiting(database: TestDatabase): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return row?.count ?? 0;
}
