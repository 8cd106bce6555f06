import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { findPostgresPrograms, startPostgres } from '../../src/embedded/postgres.ts';
import { serverUser } from '../../src/embedded/postgres-user.ts';
import { quiet } from './local-parts.ts';
import { openTestFolder } from './test-folder.ts';
import { until } from './until.ts';

/** A PostgreSQL of a test's own that loses nothing it has committed, for tests that stop it. */
export interface OwnPostgres extends AsyncDisposable {
  /** Of a migrated database. */
  readonly url: string;
  /** As `pg_ctl stop -m immediate`: every connection is cut, and the next start recovers from the log. */
  stopImmediately(): Promise<void>;
  /** Starts it at the same address, and waits until it answers. */
  start(): Promise<void>;
}

export async function openOwnPostgres(): Promise<OwnPostgres> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await openTestFolder());
  // Makes the cluster and the database. It would start a server that ends by itself again, so ours is another one.
  const maker = await startPostgres(folder.data, { durable: true, mayCreateUser: true }, quiet);
  await maker.migrate(migrate);
  await maker[Symbol.asyncDispose]();

  const home = join(folder.data.path, 'postgres');
  const program = findPostgresPrograms().postgres;
  const { prefix } = await serverUser(home, program, true);
  const settings = ['-p', new URL(maker.url).port, '-c', 'listen_addresses=127.0.0.1'];
  const [command = program, ...args] = [
    ...prefix,
    program,
    '-D',
    join(home, 'data'),
    ...settings,
    '-c',
    'unix_socket_directories=',
  ];
  let server: ChildProcess | null = null;
  const stop = async (signal: NodeJS.Signals) => {
    if (server === null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
    server = null;
  };
  const start = async () => {
    const output = openSync(join(folder.data.logs, 'own-postgres.log'), 'a');
    server = spawn(command, args, { stdio: ['ignore', output, output], cwd: '/' });
    closeSync(output);
    await until('PostgreSQL to answer', () => answers(maker.url), 60_000);
  };
  opened.defer(() => stop('SIGINT'));
  await start();
  const closing = opened.move();
  return {
    url: maker.url,
    start,
    stopImmediately: () => stop('SIGQUIT'),
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
