import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import {
  type DataFolder,
  dataFolderKey,
  openDataFolder,
  socketFolderOf,
} from '../../src/embedded/data-folder.ts';
import { isRoot, runProgram } from '../../src/embedded/machine.ts';
import { findPostgresPrograms, startPostgres } from '../../src/embedded/postgres.ts';
import { serverUser } from '../../src/embedded/postgres-user.ts';
import { readRecord } from '../../src/embedded/process-record.ts';
import { claimTestRegistryHost, quiet } from '../support/local-parts.ts';
import { runLocalServices } from '../support/local-services-process.ts';
import { openTestFolder } from '../support/test-folder.ts';

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];
const canBeNobody =
  isRoot() &&
  (await runProgram('setpriv', [...NOBODY.slice(1), process.execPath, '-e', '0'], { cwd: '/' }).then(
    () => runProgram('setpriv', [...NOBODY.slice(1), 'test', '-r', import.meta.filename]).then(() => true),
    () => false,
  ));

describe('the embedded PostgreSQL', () => {
  it('gives Slipway a database of its own, whose text is Unicode whatever the machine is set to', async () => {
    await using folder = await openTestFolder();
    await using postgres = await start(folder.data);
    const rows = await query(
      postgres.url,
      `select current_user as who, lower('ÄΩ') as lower, rolsuper as super from pg_roles where rolname = current_user`,
    );
    expect(rows).toEqual([{ who: 'slipway', lower: 'äω', super: false }]);
    // The server takes passwords only.
    const stranger = postgres.url.replace(/:[^:@]*@/, ':wrong@');
    await expect(query(stranger, 'select 1')).rejects.toThrow('password authentication failed');
  });

  it('comes back at the same address when it was killed', async () => {
    await using folder = await openTestFolder();
    await using postgres = await start(folder.data);
    const killed = readRecord(folder.data.run, 'postgres')?.pid ?? 0;
    process.kill(killed, 'SIGKILL');
    await expect
      .poll(() => query(postgres.url, 'select 1 as n').catch(() => null), { timeout: 20_000 })
      .toEqual([{ n: 1 }]);
    expect(readRecord(folder.data.run, 'postgres')?.pid).not.toBe(killed);
  });

  it('starts over where its first start was interrupted', async () => {
    await using folder = await openTestFolder();
    const half = join(folder.data.path, 'postgres', 'unfinished');
    mkdirSync(join(half, 'base'), { recursive: true });
    await using postgres = await start(folder.data);
    expect(await query(postgres.url, 'select 1 as n')).toEqual([{ n: 1 }]);
  });

  it.skipIf(!isRoot())('runs for root in a folder that its own user may not pass through', async () => {
    const closed = mkdtempSync('/root/.slipway-test-');
    chmodSync(closed, 0o700);
    try {
      // A long name, too: sockets have at most 107 bytes.
      await using postgres = await start(openDataFolder(join(closed, 'a'.repeat(90), 'data')));
      expect(await query(postgres.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    } finally {
      rmSync(socketFolderOf(join(closed, 'a'.repeat(90), 'data')), { recursive: true });
      rmSync(closed, { recursive: true });
    }
  });

  it.skipIf(!isRoot())(
    'runs for root although its programs lie in a closed folder, as below /root',
    async () => {
      const closed = mkdtempSync('/root/.slipway-test-');
      chmodSync(closed, 0o700);
      try {
        const native = dirname(dirname(findPostgresPrograms().initdb));
        cpSync(native, join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
        const database = join(closed, 'database');
        mkdirSync(database);
        const initdb = join(closed, 'native', 'bin', 'initdb');
        const { prefix } = await serverUser(database, initdb, true);
        const [command = '', ...args] = [...prefix, initdb, '-D', database, '-U', 'postgres', '--no-sync'];
        await expect(runProgram(command, args)).resolves.toBeDefined();
      } finally {
        rmSync(closed, { recursive: true });
      }
    },
  );

  it.skipIf(!canBeNobody)('and its companions start for an ordinary user, too', async () => {
    await using folder = await openTestFolder();
    const host = await claimTestRegistryHost(folder.data);
    const home = join(folder.data.path, 'home');
    mkdirSync(home);
    await runProgram('chown', ['-R', '65534:65534', folder.data.path]);
    const sockets = socketFolderOf(folder.data.path);
    if (!sockets.startsWith(folder.data.path)) rmSync(sockets, { recursive: true });
    chownSync(folder.data.path, 65534, 65534);
    await using parts = new AsyncDisposableStack();
    // That user's folder for sockets is not the one that root would have.
    parts.defer(() =>
      rmSync(join('/tmp', `slipway-${dataFolderKey(folder.data.path)}`), { recursive: true, force: true }),
    );
    const services = parts.use(await runLocalServices(folder.data.path, { HOME: home }, NOBODY));
    expect(services.summary.registryHost).toBe(host);
    expect(await query(services.summary.databaseUrl, 'select 1 as n')).toEqual([{ n: 1 }]);
  });
});

function start(folder: DataFolder) {
  return startPostgres(folder, { durable: false, mayCreateUser: true }, quiet);
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000, query_timeout: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } finally {
    // Not waited for: it may never settle on a connection that a killed server has cut.
    void client.end().catch(() => {});
  }
}
