import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { openDataFolder } from '../../src/embedded/data-folder.ts';
import { startPostgres } from '../../src/embedded/postgres.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { pin } from './cores.ts';
import { onInterrupt } from './interrupt.ts';

/** A PostgreSQL of its own, with Slipway's tables. */
export interface BenchDatabase extends AsyncDisposable {
  /** For Slipway, as the role that it has in production. */
  readonly url: string;
  /** The same database, for seeding: the superuser's. */
  readonly adminUrl: string;
  /** The folder with all its data. */
  readonly folder: string;
  /** Of the server's first process, whose children the others are. */
  readonly pid: number;
}

export interface DatabaseOptions {
  /** Keep the data here, for the next run; `null`: a temporary folder, removed at the end. */
  readonly data: string | null;
  /** The cores that it may use; absent: all. */
  readonly cores?: readonly number[] | undefined;
  /** `false`: for filling it, without waiting for disks and without housekeeping; a crash may spoil it. */
  readonly durable?: boolean;
}

/** Starts PostgreSQL as `npm start` does, with its settings, and brings the tables up to date. */
export async function openDatabase({ data, cores, durable = true }: DatabaseOptions): Promise<BenchDatabase> {
  await using opened = new AsyncDisposableStack();
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'slipway-bench-')));
  if (data === null) {
    opened.defer(() => rmSync(folder, { recursive: true, force: true }));
    chmodSync(folder, 0o711); // As root, PostgreSQL's own user passes through it.
  }
  const postgres = opened.use(
    await startPostgres(openDataFolder(folder), { durable, mayCreateUser: true }, createLogger('error')),
  );
  await postgres.migrate(migrate);
  const [pid = ''] = readFileSync(join(folder, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n');
  pin(Number(pid), cores);
  const adminUrl = new URL(postgres.adminUrl);
  adminUrl.pathname = new URL(postgres.url).pathname;
  const closing = opened.move();
  return {
    url: postgres.url,
    adminUrl: adminUrl.href,
    folder,
    pid: Number(pid),
    [Symbol.asyncDispose]: onInterrupt(async () => await closing.disposeAsync()),
  };
}

/** Connects, uses the connection, and closes it. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
