import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/shared/global-id.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { startBuild, type UserErrorFacts } from '../support/builds.ts';
import { type ApiClient, createApiClient, RefusedError } from '../support/client.ts';
import { codes, errorCode } from '../support/images.ts';

interface UserFacts {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly description: string | null;
  readonly isAdmin: boolean | null;
  readonly isActive: boolean | null;
  readonly deactivatedAt: string | null;
  readonly createdAt: string | null;
  readonly accessTokens: readonly { readonly id: string; readonly name: string }[] | null;
}
interface UserPayload {
  readonly user: UserFacts | null;
  readonly userErrors: readonly UserErrorFacts[];
}
interface Users {
  readonly nodes: readonly UserFacts[];
  readonly totalCount: number;
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

const USER = 'id name kind description isAdmin isActive deactivatedAt createdAt accessTokens { id name }';
const LIST = `query ($first: Int, $after: String, $kind: UserKind) {
  users(first: $first, after: $after, kind: $kind) { nodes { ${USER} } totalCount pageInfo { hasNextPage endCursor } }
}`;
const FIND = `query ($name: String!) { user(name: $name) { ${USER} } }`;
const CREATE = `mutation ($input: CreateServiceAccountInput!) {
  createServiceAccount(input: $input) { user { ${USER} } userErrors { code message path details } }
}`;
const UPDATE = `mutation ($input: UpdateUserInput!) {
  updateUser(input: $input) { user { ${USER} } userErrors { code message path details } }
}`;
const TOKEN = `mutation ($input: CreateAccessTokenInput!) {
  createAccessToken(input: $input) { token userErrors { code message path details } }
}`;
const WHO = '{ viewer { user { name } isAdmin } }';

let slipway: TestApp;
let admin: ApiClient;
let dana: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  dana = await slipway.user('dana', { namespace: 'DEVELOPER' });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const list = async (variables: Record<string, unknown> = {}) =>
  (await admin.run<{ users: Users }>(LIST, variables)).users;
const find = async (name: string, client = admin) =>
  (await client.run<{ user: UserFacts | null }>(FIND, { name })).user;
const idOf = async (name: string) => (await find(name))?.id;
const create = async (input: Record<string, unknown>, client = admin) =>
  (await client.run<{ createServiceAccount: UserPayload }>(CREATE, { input })).createServiceAccount;
const update = async (name: string, input: Record<string, unknown>, client = admin) =>
  (await client.run<{ updateUser: UserPayload }>(UPDATE, { input: { id: await idOf(name), ...input } }))
    .updateUser;
const tokenOf = async (userName: string) =>
  (
    await admin.run<{ createAccessToken: { token: string | null; userErrors: UserErrorFacts[] } }>(TOKEN, {
      input: { name: 'test', userName },
    })
  ).createAccessToken;

/** A person of whom somebody has written down the name, and nothing came of it. */
const nameOnly = async (name: string) =>
  await slipway.database.query(
    "insert into user_account (id, name, kind, is_admin, created_at) values (gen_random_uuid(), $1, 'PERSON', false, now())",
    [name],
  );

/** An administrator besides the operator's. */
async function secondAdmin(name: string): Promise<ApiClient> {
  const client = await slipway.user(name);
  await update(name, { isAdmin: true });
  return client;
}

describe('a service account', () => {
  it('is a user that an administrator makes, with tokens that administrators make', async () => {
    const { user, userErrors } = await create({ name: 'ci-robot', description: 'Builds at night.' });
    expect(userErrors).toEqual([]);
    expect(user).toMatchObject({
      name: 'ci-robot',
      kind: 'SERVICE',
      description: 'Builds at night.',
      isAdmin: false,
      isActive: true,
      deactivatedAt: null,
      accessTokens: [],
    });
    const { token } = await tokenOf('ci-robot');
    expect(await createApiClient(slipway.url, token ?? '').run(WHO)).toEqual({
      viewer: { user: { name: 'ci-robot' }, isAdmin: false },
    });
    expect(await find('ci-robot')).toMatchObject({ kind: 'SERVICE', accessTokens: [{ name: 'test' }] });
  });

  it('stays one where its name is given a role', async () => {
    await create({ name: 'shared-robot' });
    await slipway.user('shared-robot', { namespace: 'DEVELOPER' });
    expect((await find('shared-robot'))?.kind).toBe('SERVICE');
  });

  it('takes a name that nobody has, and hears of everything that is wrong at once', async () => {
    expect(codes((await create({ name: 'dana' })).userErrors)).toEqual(['NAME_TAKEN name']);
    expect(codes((await create({ name: 'no name', description: 'x'.repeat(513) })).userErrors)).toEqual([
      'PATTERN name',
      'TOO_LONG description',
    ]);
    expect(codes((await create({ name: 'admin', description: 'a\u0000b' })).userErrors)).toEqual([
      'INVALID description',
      'NAME_TAKEN name',
    ]);
    expect((await create({ name: 'longest', description: '😀'.repeat(512) })).userErrors).toEqual([]);
  });

  it('takes the name of a person who is no more than a name', async () => {
    await nameOnly('squatted');
    const before = await find('squatted');
    const { user, userErrors } = await create({ name: 'squatted', description: 'Ours.' });
    expect(userErrors).toEqual([]);
    expect(user).toEqual({ ...before, kind: 'SERVICE', description: 'Ours.' });
    expect(codes((await create({ name: 'squatted' })).userErrors)).toEqual(['NAME_TAKEN name']);
  });

  it.each([
    [
      'has had a token',
      'insert into access_token (id, user_id, name, hash, created_at, revoked_at) select gen_random_uuid(), id, name, name, now(), now() from user_account where name = $1',
    ],
    ['is known to an issuer', "update user_account set issuer = 'x', subject = name where name = $1"],
    ['is an administrator', 'update user_account set is_admin = true where name = $1'],
    ['is deactivated', 'update user_account set deactivated_at = now() where name = $1'],
    [
      'has a role on a namespace',
      "insert into namespace_member select n.id, u.id, 'VIEWER' from namespace n, user_account u where n.name = 'default' and u.name = $1",
    ],
    [
      'has a role on a workspace',
      "insert into workspace_member select w.id, u.id, 'VIEWER' from workspace w, user_account u where w.name = 'default' and u.name = $1",
    ],
  ])('does not take the name of a person who %s', async (what, change) => {
    const name = what.replaceAll(' ', '-');
    await nameOnly(name);
    await slipway.database.query(change, [name]);
    expect(codes((await create({ name })).userErrors)).toEqual(['NAME_TAKEN name']);
    expect((await find(name))?.kind).toBe('PERSON');
  });

  it("does not look like the operator's user", async () => {
    for (const name of ['Admin', 'ADMIN']) {
      expect(codes((await create({ name })).userErrors)).toEqual(['NOT_ALLOWED name']);
      expect(codes((await tokenOf(name)).userErrors)).toEqual(['NOT_ALLOWED userName']);
      expect(await find(name)).toBeNull();
    }
  });

  it('is one, however often it is asked for at once', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => create({ name: 'racer' })));
    expect(made.filter(({ user }) => user !== null)).toHaveLength(1);
    expect(made.flatMap(({ userErrors }) => codes(userErrors))).toEqual(Array(7).fill('NAME_TAKEN name'));
  });

  it('may be an administrator', async () => {
    await create({ name: 'operator-robot' });
    expect((await update('operator-robot', { isAdmin: true })).user?.isAdmin).toBe(true);
  });
});

describe('the list of users', () => {
  it('is in the order of names, in pages, of all or of one kind', async () => {
    const names = new Set<string>();
    let after: string | null = null;
    do {
      const page: Users = await list({ first: 2, after });
      for (const { name } of page.nodes) names.add(name);
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    const rows = await slipway.database.query<{ name: string }>(
      'select name from user_account order by name collate "C"',
    );
    expect([...names]).toEqual(rows.map(({ name }) => name));
    expect((await list()).totalCount).toBe(rows.length);
    const services = await list({ kind: 'SERVICE' });
    expect(services.totalCount).toBe(services.nodes.length);
    expect(new Set(services.nodes.map(({ kind }) => kind))).toEqual(new Set(['SERVICE']));
    expect((await list({ kind: 'PERSON' })).nodes.map(({ name }) => name)).toContain('dana');
  });

  it("refuses a cursor of another kind's list", async () => {
    const { pageInfo } = await list({ first: 1, kind: 'PERSON' });
    const variables = { after: pageInfo.endCursor, kind: 'SERVICE' };
    expect(await errorCode(admin, LIST, variables)).toBe('BAD_USER_INPUT');
  });

  it('costs two statements besides the sign-in, however many users there are', async () => {
    const one = await slipway.countStatements(() => admin.run(LIST, { first: 1 }));
    expect(await slipway.countStatements(() => admin.run(LIST, { first: 100 }))).toBe(one);
    const asked = `{ users(first: 100) { nodes { ${USER} } } }`;
    expect(await slipway.countStatements(() => admin.run(asked))).toBe(3);
  });

  it.each(['nobody', '', "'; drop table user_account; --", 'a\u0000b'])('has no user %j', async (name) =>
    expect(await find(name)).toBeNull(),
  );
});

describe('what is not for everybody', () => {
  it('is forbidden to who is no administrator', async () => {
    const id = await idOf('dana');
    expect(await errorCode(dana, LIST)).toBe('FORBIDDEN');
    expect(await errorCode(dana, FIND, { name: 'dana' })).toBe('FORBIDDEN');
    expect(await errorCode(dana, FIND, { name: 'nobody' })).toBe('FORBIDDEN');
    expect(await errorCode(dana, CREATE, { input: { name: 'mine' } })).toBe('FORBIDDEN');
    expect(await errorCode(dana, UPDATE, { input: { id, isAdmin: true } })).toBe('FORBIDDEN');
    expect(await errorCode(dana, UPDATE, { input: { id: toGlobalId('User', UNKNOWN) } })).toBe('FORBIDDEN');
    expect(await find('mine')).toBeNull();
  });

  it('is null on users who are others, and there on oneself', async () => {
    const node = async (name: string, client: ApiClient) => {
      const query = `query ($id: ID!) { node(id: $id) { ... on User { ${USER} } } }`;
      return (await client.run<{ node: UserFacts }>(query, { id: await idOf(name) })).node;
    };
    expect(await node('ci-robot', dana)).toMatchObject({
      name: 'ci-robot',
      kind: 'SERVICE',
      description: null,
      isAdmin: null,
      isActive: null,
      deactivatedAt: null,
      createdAt: null,
      accessTokens: null,
    });
    expect(await node('dana', dana)).toEqual(await find('dana'));
    expect(
      (await dana.run<{ viewer: { user: UserFacts } }>(`{ viewer { user { ${USER} } } }`)).viewer.user,
    ).toEqual(await find('dana'));
    expect((await find('dana'))?.accessTokens).toMatchObject([{ name: 'test' }]);
  });
});

describe('an administrator', () => {
  it('makes others administrators, and takes it from them', async () => {
    const ada = await slipway.user('ada');
    expect((await update('ada', { isAdmin: true })).user?.isAdmin).toBe(true);
    expect((await ada.ask(LIST)).errors).toBeUndefined();
    expect((await update('ada', {})).user?.isAdmin).toBe(true);
    expect((await update('ada', { isAdmin: null, isActive: null })).user).toMatchObject({
      isAdmin: true,
      isActive: true,
    });
    expect((await update('ada', { isAdmin: false })).user?.isAdmin).toBe(false);
    expect(await errorCode(ada, LIST)).toBe('FORBIDDEN');
  });

  it('says what a service account is for, and not what a person is', async () => {
    expect((await update('ci-robot', { description: 'Day and night.' })).user?.description).toBe(
      'Day and night.',
    );
    expect((await update('ci-robot', {})).user?.description).toBe('Day and night.');
    expect((await update('ci-robot', { description: null })).user?.description).toBeNull();
    expect(codes((await update('dana', { description: 'nice' })).userErrors)).toEqual([
      'NOT_ALLOWED description',
    ]);
  });

  it('neither deactivates nor demotes themself', async () => {
    const grace = await secondAdmin('grace');
    expect(codes((await update('grace', { isAdmin: false, isActive: false }, grace)).userErrors)).toEqual([
      'NOT_ALLOWED isActive',
      'NOT_ALLOWED isAdmin',
    ]);
    expect((await update('grace', { isAdmin: true, isActive: true }, grace)).userErrors).toEqual([]);
    expect((await find('grace', grace))?.isActive).toBe(true);
  });

  it("leaves the operator's user as it is", async () => {
    const heidi = await secondAdmin('heidi');
    for (const change of [{ isActive: false }, { isAdmin: false }, { description: 'x' }, {}]) {
      expect(codes((await update('admin', change, heidi)).userErrors)).toEqual(['NOT_ALLOWED id']);
    }
    expect(await find('admin')).toMatchObject({ isAdmin: true, isActive: true, kind: 'PERSON' });
  });

  it('hears of everything that is wrong at once, and of what is no user', async () => {
    const run = async (input: Record<string, unknown>) =>
      codes((await admin.run<{ updateUser: UserPayload }>(UPDATE, { input })).updateUser.userErrors);
    const long = 'x'.repeat(600);
    expect(await run({ id: toGlobalId('User', UNKNOWN), description: long })).toEqual([
      'NOT_FOUND id',
      'TOO_LONG description',
    ]);
    expect(await run({ id: toGlobalId('Namespace', UNKNOWN) })).toEqual(['NOT_FOUND id']);
    expect(await run({ id: 'nonsense' })).toEqual(['INVALID id']);
  });
});

describe('who is deactivated', () => {
  it('is signed in by nothing from the next request on, until they are activated again', async () => {
    const olga = await slipway.user('olga', { namespace: 'DEVELOPER' });
    await olga.run(WHO);
    const { user } = await update('olga', { isActive: false });
    expect(user).toMatchObject({ isActive: false, isAdmin: false, name: 'olga' });
    expect(user?.deactivatedAt).not.toBeNull();
    expect(await errorCode(olga, WHO)).toBe('UNAUTHENTICATED');
    expect((await update('olga', { isActive: false })).user?.deactivatedAt).toBe(user?.deactivatedAt);
    expect((await update('olga', { isActive: true })).user).toMatchObject({
      isActive: true,
      deactivatedAt: null,
    });
    expect(await olga.run(WHO)).toEqual({ viewer: { user: { name: 'olga' }, isAdmin: false } });
  });

  it('was an administrator for nothing', async () => {
    const ivan = await secondAdmin('ivan');
    await update('ivan', { isActive: false });
    expect(await errorCode(ivan, LIST)).toBe('UNAUTHENTICATED');
    expect((await find('ivan'))?.isAdmin).toBe(true);
  });

  it('gets no token', async () => {
    await slipway.user('paul');
    await update('paul', { isActive: false });
    const refused = await tokenOf('paul');
    expect(refused.token).toBeNull();
    expect(codes(refused.userErrors)).toEqual(['NOT_ALLOWED userName']);
  });

  it('sees within 5 s the end of what they watch', async () => {
    const quinn = await slipway.user('quinn', { namespace: 'VIEWER' });
    const { id } = await startBuild(admin, { dockerfile: 'FROM scratch' });
    const events = quinn.subscribe(
      'subscription ($id: ID!) { imageBuildStatus(buildId: $id) { build { status } } }',
      { id },
    );
    expect(await events.next()).toMatchObject({ done: false });
    await update('quinn', { isActive: false });
    const deactivated = Date.now();
    // The subscription's error and the end of its socket come one after the other.
    const end: unknown = await events.next().catch((error: unknown) => error);
    const refused = { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] };
    expect(end).toMatchObject(end instanceof RefusedError ? refused : { code: 4403 });
    expect(Date.now() - deactivated).toBeLessThan(5000);
  });
});

/** Nobody's. */
const UNKNOWN = '00000000-0000-4000-8000-00000000dead';
