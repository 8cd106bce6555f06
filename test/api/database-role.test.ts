import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { migrate, pendingMigrations } from '../../src/db/migrate.ts';
import { createTestApp } from '../support/app.ts';
import { finished, startBuild } from '../support/builds.ts';
import type { TestDatabase } from '../support/database.ts';
import { deleteImage, makeImage, purgeImage } from '../support/images.ts';

const DOCKERFILE = 'FROM scratch\nRUN echo hello\n';
const TRAIL = '{ auditEvents { nodes { action result } } }';
const PASSWORD = 'change me';

/** A database that one role owns and migrates, and another one runs, as docs/database-role.sql has it. */
interface TwoRoles extends AsyncDisposable {
  readonly ownerUrl: string;
  /** As the role that runs Slipway. */
  readonly api: TestDatabase;
  query(url: string, sql: string): Promise<unknown>;
  /** The statements with this database's names in the place of the file's. */
  named(sql: string): string;
  /** Carries out the file, as a superuser. */
  takeRecipe(): Promise<void>;
}

async function createTwoRoles(): Promise<TwoRoles> {
  const superuserUrl = inject('databaseUrl');
  const suffix = randomBytes(6).toString('hex');
  const names = { database: `roles_${suffix}`, owner: `owner_${suffix}`, api: `api_${suffix}` };
  const urlOf = (user: string | null) => {
    const url = new URL(superuserUrl);
    url.pathname = `/${names.database}`;
    if (user !== null) {
      url.username = user;
      url.password = encodeURIComponent(PASSWORD);
    }
    return url.href;
  };
  await query(superuserUrl, `create role ${names.owner} login password '${PASSWORD}'`);
  await query(superuserUrl, `create database ${names.database} owner ${names.owner}`);
  await migrate(urlOf(names.owner));
  const named = (sql: string) =>
    sql
      .replaceAll('slipway_owner', names.owner)
      .replaceAll('slipway_api', names.api)
      .replaceAll('database slipway', `database ${names.database}`);
  const pool = new pg.Pool({ connectionString: urlOf(names.api), max: 2 });
  pool.on('error', () => undefined);
  const end = async () => {
    await pool.end();
    await query(superuserUrl, `drop database ${names.database} with (force)`);
    for (const role of [names.owner, names.api]) await query(superuserUrl, `drop role if exists ${role}`);
  };
  return {
    ownerUrl: urlOf(names.owner),
    api: {
      url: urlOf(names.api),
      query: async (sql, values) =>
        (await pool.query(sql, values === undefined ? undefined : [...values])).rows,
      [Symbol.asyncDispose]: async () => undefined,
    },
    query,
    named,
    takeRecipe: async () => {
      await query(urlOf(null), named(await readFile('docs/database-role.sql', 'utf8')));
    },
    [Symbol.asyncDispose]: end,
  };
}

async function query(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** What takes every kind of table and the queue. */
async function work(database: TestDatabase, name: string): Promise<void> {
  await using slipway = await createTestApp({ database });
  const { admin } = slipway;
  const image = await makeImage(admin, {
    reference: `default/${name}:1`,
    labels: [{ key: 'a', value: 'b' }],
  });
  await deleteImage(admin, { id: image.id });
  await purgeImage(admin, { id: image.id });
  const user = await slipway.user(name, { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
  const build = await startBuild(user, { dockerfile: DOCKERFILE, name: `${name}-built` });
  expect((await finished(user, build.id)).status).toBe('SUCCEEDED');
  const { auditEvents } = await admin.run<{ auditEvents: { nodes: { action: string; result: string }[] } }>(
    TRAIL,
  );
  expect(auditEvents.nodes).toContainEqual({ action: 'purgeImage', result: 'DONE' });
  expect(auditEvents.nodes).toContainEqual({ action: 'buildImage', result: 'DONE' });
}

describe('a role that owns no table', () => {
  let roles: TwoRoles;

  beforeAll(async () => {
    roles = await createTwoRoles();
    await roles.takeRecipe();
    await work(roles.api, 'first');
  }, 60_000);
  afterAll(async () => await roles[Symbol.asyncDispose]());

  it('runs the whole of Slipway, and starts it again', async () => {
    expect(await pendingMigrations(roles.api.url)).toEqual([]);
    expect(await migrate(roles.api.url)).toEqual([]);
    await work(roles.api, 'again');
  });

  it.each([
    "update audit_event set user_name = 'nobody'",
    "update audit_outcome set result = 'DONE'",
    'delete from audit_event',
    'delete from audit_outcome',
    'truncate audit_event',
    'truncate audit_outcome',
    'insert into audit_event select * from audit_event on conflict (id) do update set address = null',
    'drop table audit_event',
    'alter table audit_event rename to elsewhere',
    'drop trigger audit_event_only_grows on audit_event',
    'alter table audit_event disable trigger all',
    'drop function audit_event_only_grows cascade',
    'create or replace function audit_event_only_grows() returns trigger language plpgsql as $$ begin return null; end $$',
    'create trigger lose before insert on audit_event for each row execute function suppress_redundant_updates_trigger()',
    'create rule lose as on insert to audit_event do instead nothing',
    'set session_replication_role = replica',
    'delete from schema_migration',
    'create table public.audit_event_2 ()',
    'drop schema public cascade',
    'create schema slipway_owner',
    'create schema slipway_api',
    'create function public.pg_advisory_lock(text) returns void language sql return null',
    'create view public.schema_migration_2 as select 1',
    'alter role slipway_owner set search_path = pgboss',
    'alter database slipway set search_path = pgboss, public',
  ])('cannot: %s', async (sql) => {
    // insufficient_privilege
    await expect(roles.api.query(roles.named(sql))).rejects.toMatchObject({ code: '42501' });
  });

  it('cannot become the owner', async () => {
    const become = roles.named('set role slipway_owner');
    await expect(roles.api.query(become)).rejects.toMatchObject({ code: '42501' });
  });

  it('lays out nothing that the owner runs into, even where it may make schemas', async () => {
    const asApi = async (sql: string) => await roles.api.query(roles.named(sql));
    await roles.query(roles.ownerUrl, roles.named('grant create on database slipway to slipway_api'));
    await asApi(
      `create schema slipway_owner;
       create function slipway_owner.trap() returns boolean language plpgsql as $$ begin
         if current_user = 'slipway_owner' then
           alter table public.audit_event disable trigger all;
           grant update, delete on public.audit_event to slipway_api;
         end if;
         return true;
       end $$;
       create view slipway_owner.schema_migration as select * from public.schema_migration where slipway_owner.trap();
       grant all on schema slipway_owner to public;
       grant all on all tables in schema slipway_owner to public`,
    );
    expect(await pendingMigrations(roles.ownerUrl)).toEqual([]);
    expect(await migrate(roles.ownerUrl)).toEqual([]);
    await expect(asApi('delete from audit_event')).rejects.toMatchObject({ code: '42501' });
    await asApi('drop schema slipway_owner cascade');
    await roles.query(roles.ownerUrl, roles.named('revoke create on database slipway from slipway_api'));
  });

  it('meets no other search path than ours, whatever its own is', async () => {
    await roles.api.query(roles.named('alter role slipway_api set search_path = nowhere'));
    await work(roles.api, 'elsewhere');
    await roles.api.query(roles.named('alter role slipway_api reset search_path'));
  }, 60_000);

  it('may use the tables that later migrations make', async () => {
    await roles.query(roles.ownerUrl, 'create table later (id serial, word text)');
    await roles.api.query("insert into later (word) values ('new')");
    await roles.api.query("update later set word = 'newer'");
    expect(await roles.api.query('delete from later returning word')).toEqual([{ word: 'newer' }]);
  });
});

it('takes over from the owner, as whom Slipway has worked before, with the jobs that wait', async () => {
  await using roles = await createTwoRoles();
  const owners: TestDatabase = { ...roles.api, url: roles.ownerUrl };
  await work(owners, 'before');
  let id: string;
  {
    await using idle = await createTestApp({ database: owners, worker: false });
    id = (await startBuild(idle.admin, { dockerfile: DOCKERFILE, name: 'waits' })).id;
  }
  await roles.takeRecipe();
  await using slipway = await createTestApp({ database: roles.api });
  expect((await finished(slipway.admin, id)).status).toBe('SUCCEEDED');
}, 60_000);
