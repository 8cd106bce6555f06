import { resolve } from 'node:path';
import pg from 'pg';
import { openOrm } from './orm.ts';
import { withSearchPath } from './search-path.ts';

/** The folder of migrations, as source or, in dist/, as compiled files. */
export const MIGRATIONS_DIR = resolve(import.meta.dirname, '../../migrations');

/** Two processes that start together must not migrate at the same time; any number will do, as long as it is ours. */
const LOCK = 0x736c6970;

/** Brings the database's tables up to date. @returns the names of the migrations that were applied */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const lock = new pg.Client({
    connectionString: withSearchPath(databaseUrl),
    application_name: 'slipway-migrate',
  });
  await lock.connect();
  try {
    await lock.query('select pg_advisory_lock($1)', [LOCK]);
    const orm = await openOrm(databaseUrl, MIGRATIONS_DIR);
    try {
      return (await orm.migrator.up()).map(({ name }) => name);
    } finally {
      await orm.close();
    }
  } finally {
    await lock.end();
  }
}

/** The migrations that have not been applied yet. */
export async function pendingMigrations(databaseUrl: string): Promise<string[]> {
  const orm = await openOrm(databaseUrl, MIGRATIONS_DIR);
  try {
    return (await orm.migrator.getPending()).map(({ name }) => name);
  } finally {
    await orm.close();
  }
}
