import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { KnownRoles, lookUpUsers, type UserRow } from '../../src/auth/look-up-users.ts';
import { plainSql } from '../../src/db/plain-sql.ts';
import { ReadConnections } from '../../src/db/read-connections.ts';
import type { Role } from '../../src/shared/enums.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { holding } from '../support/locks.ts';

let database: TestDatabase;
let reads: ReadConnections;
let users: ReturnType<typeof lookUpUsers<UserRow>>;
/** The same by their ids: another way to sign in. */
let usersById: typeof users;
/** Of `ada`, of a namespace and of a workspace. */
let ids: { readonly ada: string; readonly team: string; readonly lab: string };

beforeAll(async () => {
  database = await createTestDatabase();
  reads = new ReadConnections(database.url);
  const known = new KnownRoles();
  users = lookUpUsers(
    reads.signIn,
    known,
    (names) =>
      plainSql<UserRow>`select name as key, id, name, is_admin as "isAdmin" from user_account where name = any(${names})`,
  );
  usersById = lookUpUsers(
    reads.signIn,
    known,
    (userIds) =>
      plainSql<UserRow>`select id::text as key, id, name, is_admin as "isAdmin" from user_account where id = any(${userIds}::uuid[])`,
  );
});
afterAll(async () => {
  await reads[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

beforeEach(async () => {
  ids = { ada: randomUUID(), team: randomUUID(), lab: randomUUID() };
  await database.query("delete from user_account where name in ('ada', 'bob')");
  await insertUser(ids.ada, 'ada');
  await database.query(
    'insert into namespace (id, name, created_at, updated_at) values ($1, $2, now(), now())',
    [ids.team, `n${ids.team}`],
  );
  await database.query(
    'insert into workspace (id, name, is_default, created_at, updated_at) values ($1, $2, false, now(), now())',
    [ids.lab, `n${ids.lab}`],
  );
  await database.query("insert into namespace_member values ($1, $2, 'VIEWER')", [ids.team, ids.ada]);
  await database.query("insert into workspace_member values ($1, $2, 'VIEWER')", [ids.lab, ids.ada]);
});

async function insertUser(id: string, name: string): Promise<void> {
  const values = [id, name];
  await database.query(
    'insert into user_account (id, name, is_admin, created_at) values ($1, $2, false, now())',
    values,
  );
}

const rolesOf = async (name: string) => (await users.find(name))?.roles;
const on = (namespace: Role | null, workspace: Role | null) => ({
  namespaceRoles: new Map(namespace && [[ids.team, namespace]]),
  workspaceRoles: new Map(workspace && [[ids.lab, workspace]]),
});

it('reads roles once, as long as they stay the same', async () => {
  const first = await rolesOf('ada');
  expect(first).toEqual(on('VIEWER', 'VIEWER'));
  await database.query('update user_account set is_admin = true where id = $1', [ids.ada]);
  const again = await users.find('ada');
  expect(again?.row.isAdmin).toBe(true);
  expect(again?.roles).toBe(first);
  expect((await usersById.find(ids.ada))?.roles).toBe(first);
});

it('knows nothing of a change that was taken back', async () => {
  const first = await rolesOf('ada');
  const change = ["update namespace_member set role = 'OWNER' where user_id = $1", [ids.ada]] as const;
  await holding(database, change, async () => expect(await rolesOf('ada')).toBe(first));
  expect(await rolesOf('ada')).toBe(first);
});

it.each<[string, () => [string, ...unknown[]], () => object]>([
  [
    'a role that is given',
    () => ["update namespace_member set role = 'OWNER' where user_id = $1", ids.ada],
    () => on('OWNER', 'VIEWER'),
  ],
  [
    'one on a workspace',
    () => ["update workspace_member set role = 'OWNER' where user_id = $1", ids.ada],
    () => on('VIEWER', 'OWNER'),
  ],
  [
    'one that is taken',
    () => ['delete from namespace_member where user_id = $1', ids.ada],
    () => on(null, 'VIEWER'),
  ],
  [
    'one that goes with its namespace',
    () => ['delete from namespace where id = $1', ids.team],
    () => on(null, 'VIEWER'),
  ],
  [
    'one that goes with its workspace',
    () => ['delete from workspace where id = $1', ids.lab],
    () => on('VIEWER', null),
  ],
  ['all that are taken at once', () => ['truncate workspace_member'], () => on('VIEWER', null)],
])('sees %s, whoever does it, at once', async (_what, change, expected) => {
  expect(await rolesOf('ada')).toEqual(on('VIEWER', 'VIEWER'));
  const [sql, ...values] = change();
  await database.query(sql, values);
  expect(await rolesOf('ada')).toEqual(expected());
});

it('sees a role that is handed on to somebody else, of both', async () => {
  await insertUser(randomUUID(), 'bob');
  expect([await rolesOf('ada'), await rolesOf('bob')]).toEqual([on('VIEWER', 'VIEWER'), on(null, null)]);
  await database.query(
    "update namespace_member set user_id = (select id from user_account where name = 'bob')",
  );
  expect([await rolesOf('ada'), await rolesOf('bob')]).toEqual([on(null, 'VIEWER'), on('VIEWER', null)]);
});

it('sees what two transactions have changed side by side only when it is done, and then all of it', async () => {
  const open = async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin');
    return client;
  };
  const [first, second] = await Promise.all([open(), open()]);
  try {
    await first.query("update namespace_member set role = 'OWNER' where user_id = $1", [ids.ada]);
    const waits = second.query('delete from workspace_member where user_id = $1', [ids.ada]);
    expect(await rolesOf('ada')).toEqual(on('VIEWER', 'VIEWER'));
    await first.query('commit');
    expect(await rolesOf('ada')).toEqual(on('OWNER', 'VIEWER'));
    await waits;
    expect(await rolesOf('ada')).toEqual(on('OWNER', 'VIEWER'));
    await second.query('commit');
    expect(await rolesOf('ada')).toEqual(on('OWNER', null));
  } finally {
    await Promise.all([first.end(), second.end()]);
  }
});

it('follows a user who gets another id', async () => {
  expect(await rolesOf('ada')).toEqual(on('VIEWER', 'VIEWER'));
  await database.query('update user_account set id = gen_random_uuid() where id = $1', [ids.ada]);
  expect(await rolesOf('ada')).toEqual(on('VIEWER', 'VIEWER'));
  await database.query('delete from namespace_member');
  expect(await rolesOf('ada')).toEqual(on(null, 'VIEWER'));
});

it('knows nobody who is deleted, and no version of their roles', async () => {
  expect(await rolesOf('ada')).toEqual(on('VIEWER', 'VIEWER'));
  await database.query('delete from user_account where id = $1', [ids.ada]);
  expect(await rolesOf('ada')).toBeUndefined();
  expect(await database.query('select from role_version where user_id = $1', [ids.ada])).toEqual([]);
});
