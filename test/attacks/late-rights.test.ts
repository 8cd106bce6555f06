import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { codes, countImages, errorCode, makeImage, readImage } from '../support/images.ts';
import { record } from '../support/imports.ts';
import { waiting, whileLocked } from '../support/locks.ts';
import { until } from '../support/until.ts';

let slipway: TestApp;
let namespaceId: string;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  ({
    namespace: { id: namespaceId },
  } = await slipway.admin.run<{ namespace: { id: string } }>('{ namespace(name: "default") { id } }'));
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const MEMBER = `mutation ($input: SetNamespaceMemberInput!) {
  done: setNamespaceMember(input: $input) { userErrors { code message path details } }
}`;
const TOKEN = `mutation ($input: CreateAccessTokenInput!) {
  done: createAccessToken(input: $input) { userErrors { code message path details } }
}`;
const UPDATE = `mutation ($input: UpdateUserInput!) {
  done: updateUser(input: $input) { userErrors { code message path details } }
}`;
const REVOKE = `mutation ($input: RevokeAccessTokenInput!) {
  done: revokeAccessToken(input: $input) { userErrors { code message path details } }
}`;
const imageMutation = (name: string, input: string) =>
  `mutation ($input: ${input}!) { done: ${name}(input: $input) { userErrors { code message path details } } }`;
const ACCOUNT = 'query ($name: String!) { user(name: $name) { id accessTokens { id } } }';
interface Done {
  readonly done: { readonly userErrors: never[] };
}
type Ask = readonly [query: string, input: Record<string, unknown>];

const accountOf = async (name: string) =>
  (
    await slipway.admin.run<{ user: { id: string; accessTokens: readonly { id: string }[] } }>(ACCOUNT, {
      name,
    })
  ).user;
const run = async (client: ApiClient, [query, input]: Ask) =>
  codes((await client.run<Done>(query, { input })).done.userErrors);
const member = (userName: string, role: string | null): Ask => [MEMBER, { namespaceId, userName, role }];
const idOf = "(select id from user_account where name = 'mallory')";

/** Mallory may give roles: as OWNER, or as an administrator without any role. */
async function mallory(as: 'OWNER' | 'administrator'): Promise<ApiClient> {
  await slipway.database.query(`delete from user_account where name in ('mallory', 'accomplice')`);
  const client = await slipway.user('mallory', as === 'OWNER' ? { namespace: 'OWNER' } : {});
  if (as === 'administrator') {
    await slipway.database.query("update user_account set is_admin = true where name = 'mallory'");
  }
  return client;
}
const made = async () =>
  await slipway.database.query(
    `select name from user_account where name = 'accomplice' union all
      select name from access_token where name = 'late' union all
      select name from namespace where name = 'theirs'`,
  );

type Case = readonly [taken: string, as: 'OWNER' | 'administrator', take: string, code: string];
const TAKEN: readonly Case[] = [
  [
    'their token is revoked',
    'OWNER',
    `update access_token set revoked_at = now() where user_id = ${idOf}`,
    'UNAUTHENTICATED',
  ],
  [
    'they are deactivated',
    'OWNER',
    "update user_account set deactivated_at = now() where name = 'mallory'",
    'UNAUTHENTICATED',
  ],
  ['their role is taken', 'OWNER', `delete from namespace_member where user_id = ${idOf}`, 'FORBIDDEN'],
  [
    'their role is made less',
    'OWNER',
    `update namespace_member set role = 'VIEWER' where user_id = ${idOf}`,
    'FORBIDDEN',
  ],
  [
    'they are no administrator any more',
    'administrator',
    "update user_account set is_admin = false where name = 'mallory'",
    'FORBIDDEN',
  ],
];

describe('somebody whose request was let in a moment before', () => {
  it.each(TAKEN)('gives no role when %s (%s)', async (_, as, take, code) => {
    const client = await mallory(as);
    const [query, input] = member('accomplice', 'OWNER');
    const give = async () => await errorCode(client, query, { input });
    expect(await whileLocked(slipway.database, [take], give)).toBe(code);
    expect(await made()).toEqual([]);
  });

  it.each(TAKEN.filter(([, , , code]) => code === 'UNAUTHENTICATED'))(
    'makes no token when %s',
    async (_, as, take, code) => {
      const client = await mallory(as);
      const give = async () => await errorCode(client, TOKEN, { input: { name: 'late' } });
      expect(await whileLocked(slipway.database, [take], give)).toBe(code);
      expect(await made()).toEqual([]);
    },
  );

  it.each<[string, Ask]>([
    ['a token for somebody else', [TOKEN, { name: 'late', userName: 'accomplice' }]],
    [
      'a service account',
      [
        'mutation ($input: CreateServiceAccountInput!) { createServiceAccount(input: $input) { userErrors { code } } }',
        { name: 'accomplice' },
      ],
    ],
    [
      'a namespace',
      [
        'mutation ($input: CreateNamespaceInput!) { createNamespace(input: $input) { userErrors { code } } }',
        { name: 'theirs' },
      ],
    ],
  ])('makes no %s when they are no administrator any more', async (_, [query, input]) => {
    const client = await mallory('administrator');
    const take = "update user_account set is_admin = false where name = 'mallory'";
    const give = async () => await errorCode(client, query, { input });
    expect(await whileLocked(slipway.database, [take], give)).toBe('FORBIDDEN');
    expect(await made()).toEqual([]);
  });

  it.each(TAKEN)('makes no image PUBLIC when %s (%s)', async (_, as, take, code) => {
    const image = await makeImage(slipway.admin, { reference: `default/${randomUUID()}:1` });
    const count = await countImages(slipway.admin);
    const document = JSON.stringify([record('imported', { visibility: 'PUBLIC' })]);
    const asks: readonly Ask[] = [
      [imageMutation('updateImage', 'UpdateImageInput'), { id: image.id, visibility: 'PUBLIC' }],
      [
        imageMutation('registerImage', 'RegisterImageInput'),
        { reference: 'default/new:1', visibility: 'PUBLIC' },
      ],
      [imageMutation('importImages', 'ImportImagesInput'), { document }],
    ];
    for (const [query, input] of asks) {
      const client = await mallory(as);
      const share = async () => await errorCode(client, query, { input });
      expect(await whileLocked(slipway.database, [take], share)).toBe(code);
    }
    expect(await readImage(slipway.admin, image.id, 'visibility')).toEqual({ visibility: 'PRIVATE' });
    expect(await countImages(slipway.admin)).toBe(count);
  });

  it('makes no other an administrator when they are none any more', async () => {
    await slipway.user('friend');
    const { id } = await accountOf('friend');
    const client = await mallory('administrator');
    const take = "update user_account set is_admin = false where name = 'mallory'";
    const give = async () => await errorCode(client, UPDATE, { input: { id, isAdmin: true } });
    expect(await whileLocked(slipway.database, [take], give)).toBe('FORBIDDEN');
    expect(
      await slipway.database.query("select is_admin from user_account where name = 'friend'"),
    ).toMatchObject([{ is_admin: false }]);
  });
});

describe('who takes a credential or a right', () => {
  it.each<[string, 'OWNER' | 'administrator', () => Promise<Ask>]>([
    [
      'their token',
      'OWNER',
      async () => [REVOKE, { id: (await accountOf('mallory')).accessTokens[0]?.id ?? '' }],
    ],
    [
      'their sign-in',
      'OWNER',
      async () => [UPDATE, { id: (await accountOf('mallory')).id, isActive: false }],
    ],
    ['their role', 'OWNER', async () => member('mallory', null)],
    [
      'their being an administrator',
      'administrator',
      async () => [UPDATE, { id: (await accountOf('mallory')).id, isAdmin: false }],
    ],
  ])('waits for what somebody gives by it, and has the last word: %s', async (_, as, takeOf) => {
    const client = await mallory(as);
    const take = await takeOf();
    const holder = new pg.Client({ connectionString: slipway.database.url });
    await holder.connect();
    try {
      await holder.query('begin');
      // Rows can be locked, but none be written.
      await holder.query('lock table namespace_member in share mode');
      const giving = run(client, member('accomplice', 'VIEWER'));
      await until('the giving to wait', async () => (await waiting(slipway.database)) > 0);
      const taking = run(slipway.admin, take);
      await until('the taking to wait', async () => (await waiting(slipway.database)) > 1);
      await holder.query('commit');
      expect(await Promise.all([giving, taking])).toEqual([[], []]);
    } finally {
      await holder.end();
    }
    expect(await made()).toEqual([{ name: 'accomplice' }]);
    const [query, input] = member('accomplice', 'OWNER');
    await client.ask(query, { input });
    expect(
      await slipway.database.query(
        "select role from namespace_member join user_account u on u.id = user_id where u.name = 'accomplice'",
      ),
    ).toEqual([{ role: 'VIEWER' }]);
  });
});

describe('two at once', () => {
  it('who take the same right from each other: one of them has it afterwards', async () => {
    for (let round = 0; round < 5; round += 1) {
      const names = [`owner-${round}-a`, `owner-${round}-b`] as const;
      const [a, b] = await Promise.all([
        slipway.user(names[0], { namespace: 'OWNER' }),
        slipway.user(names[1], { namespace: 'OWNER' }),
      ]);
      await Promise.allSettled([run(a, member(names[1], null)), run(b, member(names[0], null))]);
      const left = await slipway.database.query(
        'select from namespace_member join user_account u on u.id = user_id where u.name = any($1)',
        [names],
      );
      expect(left).toHaveLength(1);
    }
  });

  it('who make each other no administrators: one of them is one afterwards', async () => {
    for (let round = 0; round < 5; round += 1) {
      const names = [`admin-${round}-a`, `admin-${round}-b`] as const;
      const [a, b] = await Promise.all([slipway.user(names[0]), slipway.user(names[1])]);
      await slipway.database.query('update user_account set is_admin = true where name = any($1)', [names]);
      const [{ id: idA }, { id: idB }] = await Promise.all([accountOf(names[0]), accountOf(names[1])]);
      await Promise.allSettled([
        run(a, [UPDATE, { id: idB, isAdmin: false }]),
        run(b, [UPDATE, { id: idA, isAdmin: false }]),
      ]);
      const left = await slipway.database.query(
        'select from user_account where is_admin and name = any($1)',
        [names],
      );
      expect(left).toHaveLength(1);
    }
  });

  it('who make tokens for each other and give roles wait for each other, never both', async () => {
    const names = ['grace', 'heidi'] as const;
    const clients = await Promise.all(names.map(async (name) => await slipway.user(name)));
    await slipway.database.query('update user_account set is_admin = true where name = any($1)', [names]);
    const asks = Array.from({ length: 24 }, async (_, n) => {
      const [client, name] = [clients[n % 2] as ApiClient, names[(n + (n % 3)) % 2] as string];
      const other = `shared-${Math.floor(n / 6)}`;
      const kinds: readonly Ask[] = [
        [TOKEN, { name: 'x', userName: name }],
        member(other, 'VIEWER'),
        [TOKEN, { name: 'x', userName: other }],
      ];
      return await run(client, kinds[n % 3] as Ask);
    });
    expect((await Promise.all(asks)).flat()).toEqual([]);
  });
});
