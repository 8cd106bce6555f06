import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import {
  type DataFolder,
  dataFolderKey,
  openDataFolder,
  socketFolderOf,
} from '../../src/embedded/data-folder.ts';
import { isRoot, runProgram } from '../../src/embedded/machine.ts';
import { type EmbeddedPostgres, findPostgresPrograms, startPostgres } from '../../src/embedded/postgres.ts';
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

describe("the database of the embedded PostgreSQL, to Slipway's role", () => {
  it('is as one to which docs/database-role.sql was applied', async () => {
    await using folder = await openTestFolder();
    await using postgres = await start(folder.data);
    await postgres.migrate(migrate);
    const recipe = readFileSync('docs/database-role.sql', 'utf8')
      .replaceAll('slipway_owner', 'recipe_owner')
      .replaceAll('slipway_api', 'recipe_api')
      .replaceAll('database slipway', 'database recipe');
    await query(postgres.adminUrl, "create role recipe_owner login password 'of the owner'");
    await query(postgres.adminUrl, 'create database recipe owner recipe_owner');
    const recipeUrl = inDatabase(postgres.adminUrl, 'recipe');
    await migrate(
      Object.assign(new URL(recipeUrl), { username: 'recipe_owner', password: 'of the owner' }).href,
    );
    await query(recipeUrl, recipe);

    const rights = await rightsIn(postgres.adminUrl, 'slipway', NAMES);
    expect(rights).toEqual(
      await rightsIn(postgres.adminUrl, 'recipe', { owner: 'recipe_owner', app: 'recipe_api' }),
    );
    expect(rights).toContain('table public.audit_event of OWNER: APP=ar/OWNER');
    // The next start leaves it so.
    await postgres.migrate(migrate);
    expect(await rightsIn(postgres.adminUrl, 'slipway', NAMES)).toEqual(rights);
  });

  it('keeps its audit trail from whoever has the password of that role', async () => {
    await using folder = await openTestFolder();
    await using postgres = await start(folder.data);
    await postgres.migrate(migrate);
    await query(postgres.url, WRITE_EVENT);
    for (const attack of ATTACKS) {
      const tried = query(postgres.url, attack);
      await expect(tried, attack).rejects.toMatchObject({ code: INSUFFICIENT_PRIVILEGE });
    }
    expect(await query(postgres.url, COUNT_EVENTS)).toEqual([{ n: 1 }]);
  });

  it('is taken over where that role owned all of it, with what is in it, also when the start is interrupted', async () => {
    await using folder = await openTestFolder();
    let rights: string[];
    {
      await using postgres = await start(folder.data);
      await postgres.migrate(migrate);
      rights = await rightsIn(postgres.adminUrl, 'slipway', NAMES);
      await makeAsBefore(postgres);
      await query(postgres.url, WRITE_EVENT);
      await query(
        postgres.url,
        "alter table audit_event disable trigger all; update audit_event set action = 'a'",
      );
    }
    {
      // Ends before anything was migrated.
      await using _interrupted = await start(folder.data);
    }
    await using postgres = await start(folder.data);
    await postgres.migrate(migrate);
    expect(await query(postgres.url, COUNT_EVENTS)).toEqual([{ n: 1 }]);
    for (const attack of ATTACKS) {
      const tried = query(postgres.url, attack);
      await expect(tried, attack).rejects.toMatchObject({ code: INSUFFICIENT_PRIVILEGE });
    }
    await query(postgres.url, 'drop function pgboss.f; drop table pgboss.job; drop type pgboss.job_state');
    expect(await rightsIn(postgres.adminUrl, 'slipway', NAMES)).toEqual(rights);
  });
});

const NAMES = { owner: 'slipway_owner', app: 'slipway' };
const INSUFFICIENT_PRIVILEGE = '42501';
const WRITE_EVENT = `insert into audit_event (id, at, user_id, user_name, credential, action, input_ids, request_id)
  values (gen_random_uuid(), now(), gen_random_uuid(), 'ann', 'TOKEN', 'purgeImage', '{}', 'r')`;
const COUNT_EVENTS = 'select count(*)::int as n from audit_event';
const ATTACKS = [
  "update audit_event set user_name = 'nobody'",
  'delete from audit_event',
  'truncate audit_event',
  'alter table audit_event disable trigger all',
  'drop table audit_event',
  'alter table audit_event owner to slipway',
  'create schema slipway',
  'create table public.other ()',
  'alter database slipway owner to slipway',
  'set role slipway_owner',
  'set role postgres',
];

/** The database as versions made it that knew one role. */
async function makeAsBefore({ adminUrl, url }: EmbeddedPostgres): Promise<void> {
  await query(adminUrl, 'drop database slipway');
  await query(adminUrl, 'drop role slipway_owner');
  await query(adminUrl, 'create database slipway owner slipway');
  await migrate(url);
  await query(
    url,
    `create type pgboss.job_state as enum ('created');
     create table pgboss.job (id serial, state pgboss.job_state);
     create function pgboss.f() returns void language sql as ''`,
  );
}

/** Who owns a database and what is in it, and who may do what with it, in PostgreSQL's letters. */
async function rightsIn(
  adminUrl: string,
  database: string,
  { owner, app }: { owner: string; app: string },
): Promise<string[]> {
  const rows = await query(
    inDatabase(adminUrl, database),
    `with objects (what, owner, rights) as (
       select 'database', datdba, datacl from pg_database where datname = current_database()
       union all select 'schema ' || nspname, nspowner, nspacl from pg_namespace where nspname in ('public', 'pgboss')
       union all select format('table %s.%s', relnamespace::regnamespace, relname), relowner, relacl
         from pg_class where relnamespace in ('public'::regnamespace, 'pgboss'::regnamespace)
       union all select 'routine ' || oid::regprocedure, proowner, proacl
         from pg_proc where pronamespace in ('public'::regnamespace, 'pgboss'::regnamespace)
       union all select format('new %s in %s', defaclobjtype, defaclnamespace::regnamespace), defaclrole, defaclacl
         from pg_default_acl
     )
     select what || ' of ' || owner::regrole || ': ' || coalesce(one::text, 'none') as line
     from objects left join lateral unnest(rights) one on true`,
  );
  const named = (line: string) =>
    line
      .replaceAll(new RegExp(`\\b${owner}\\b`, 'g'), 'OWNER')
      .replaceAll(new RegExp(`\\b${app}\\b`, 'g'), 'APP');
  return rows.map((row) => named((row as { line: string }).line)).toSorted();
}

function inDatabase(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href;
}

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
