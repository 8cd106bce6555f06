import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';

/** A database of its own for one test file, on the run's server. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  query<T extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<T[]>;
}

/**
 * Clones the migrated template (0.1 s), making it first where no other test file has.
 *
 * @param locale C: as an operator's own may be, which takes no letters but ASCII's for letters; migrated anew (1 s)
 */
export async function createTestDatabase(locale: 'C.UTF-8' | 'C' = 'C.UTF-8'): Promise<TestDatabase> {
  const adminUrl = inject('databaseUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const url = withDatabase(adminUrl, name);
  await asAdmin(adminUrl, async (admin) => {
    if (locale === 'C') {
      await admin.query(
        `create database ${name} template template0 encoding 'UTF8' locale_provider libc locale 'C'`,
      );
      return;
    }
    await admin.query('select pg_advisory_lock(1)');
    await ensureTemplate(admin, adminUrl);
    await admin.query(`create database ${name} template slipway_template`);
  });
  if (locale === 'C') await migrate(url);
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => undefined);
  return {
    url,
    query: async (sql, values) =>
      (await pool.query(sql, values === undefined ? undefined : [...values])).rows,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await asAdmin(adminUrl, (admin) => admin.query(`drop database if exists ${name} with (force)`));
    },
  };
}

async function ensureTemplate(admin: pg.Client, adminUrl: string): Promise<void> {
  const { rowCount } = await admin.query("select 1 from pg_database where datname = 'slipway_template'");
  if (rowCount === 1) return;
  await admin.query('create database slipway_template_making');
  await migrate(withDatabase(adminUrl, 'slipway_template_making'));
  await admin.query('alter database slipway_template_making rename to slipway_template');
}

async function asAdmin(url: string, run: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    await run(admin);
  } finally {
    await admin.end();
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
