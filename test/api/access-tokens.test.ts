import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { UserErrorFacts } from '../support/builds.ts';
import { type ApiClient, createApiClient } from '../support/client.ts';
import { codes, errorCode } from '../support/images.ts';
import { until } from '../support/until.ts';

interface TokenFacts {
  readonly id: string;
  readonly name: string;
  readonly prefix: string | null;
  readonly scopes: readonly string[];
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
}
interface Created {
  readonly accessToken: TokenFacts | null;
  readonly token: string | null;
  readonly userErrors: readonly UserErrorFacts[];
}

const TOKEN = 'id name prefix scopes createdAt lastUsedAt expiresAt revokedAt';
const CREATE = `mutation ($input: CreateAccessTokenInput!) {
  createAccessToken(input: $input) { accessToken { ${TOKEN} } token userErrors { code message path details } }
}`;
const REVOKE = `mutation ($id: ID!) {
  revokeAccessToken(input: { id: $id }) { accessToken { ${TOKEN} } userErrors { code message path details } }
}`;
const WHO = '{ viewer { user { name } isAdmin } }';
const TOKENS = `{ viewer { scopes accessTokens { ${TOKEN} } } }`;
interface Viewer {
  readonly scopes: readonly string[];
  readonly accessTokens: readonly TokenFacts[];
}

let slipway: TestApp;
let admin: ApiClient;
let dana: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  dana = await slipway.user('dana');
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

async function create(client: ApiClient, input: Record<string, unknown>): Promise<Created> {
  return (await client.run<{ createAccessToken: Created }>(CREATE, { input })).createAccessToken;
}
const signedIn = ({ token }: Created) => createApiClient(slipway.url, token ?? '');
async function whoIs(created: Created): Promise<unknown> {
  return (await signedIn(created).run<{ viewer: unknown }>(WHO)).viewer;
}

describe('an access token', () => {
  it('signs its user in until it is revoked', async () => {
    const made = await create(dana, { name: 'nightly CI' });
    expect(made.accessToken).toMatchObject({ name: 'nightly CI', expiresAt: null, revokedAt: null });
    expect(await whoIs(made)).toEqual({ user: { name: 'dana' }, isAdmin: false });
    const { revokeAccessToken } = await dana.run<{ revokeAccessToken: { accessToken: TokenFacts } }>(REVOKE, {
      id: made.accessToken?.id,
    });
    expect(revokeAccessToken.accessToken.revokedAt).not.toBeNull();
    expect(await errorCode(signedIn(made), WHO)).toBe('UNAUTHENTICATED');
    const again = await dana.run<{ revokeAccessToken: { accessToken: TokenFacts } }>(REVOKE, {
      id: made.accessToken?.id,
    });
    expect(again).toEqual({ revokeAccessToken });
  });

  it('is shown once and kept as a hash only', async () => {
    const made = await create(dana, { name: 'hashed' });
    expect(made.token).toMatch(/^slwt_[A-Za-z0-9]{49}$/);
    const { viewer } = await dana.run<{ viewer: { accessTokens: TokenFacts[] } }>(
      `{ viewer { accessTokens { ${TOKEN} } } }`,
    );
    expect(viewer.accessTokens[0]).toEqual(made.accessToken);
    const rows = await slipway.database.query<Record<string, unknown>>('select * from access_token');
    expect(JSON.stringify(rows)).not.toContain(made.token);
    expect(rows.map((row) => row['hash'])).toContain(
      createHash('sha256')
        .update(made.token ?? '')
        .digest('hex'),
    );
    expect(made.accessToken?.prefix).toBe(made.token?.slice(0, 'slwt_'.length + 6));
    expect(JSON.stringify(rows)).not.toContain(made.token?.slice('slwt_'.length + 6));
    expect(JSON.stringify(rows)).not.toContain(made.token?.slice('slwt_'.length));
  });

  it('ends by itself when it expires', async () => {
    const made = await create(dana, { name: 'short', expiresAt: new Date(Date.now() + 1500).toISOString() });
    expect(await whoIs(made)).toMatchObject({ user: { name: 'dana' } });
    await until('the token to expire', async () => (await signedIn(made).ask(WHO)).errors !== undefined);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(made.accessToken?.expiresAt ?? ''));
    expect(await errorCode(signedIn(made), WHO)).toBe('UNAUTHENTICATED');
  });

  it('is refused without a look into the database where its checksum does not fit', async () => {
    const { token } = await create(dana, { name: 'mistyped' });
    const last = token?.at(-1) === 'a' ? 'b' : 'a';
    for (const text of [`${token?.slice(0, -1)}${last}`, `${token}a`, 'slwt_', 'slw_wrong', 'a.b.c']) {
      const client = createApiClient(slipway.url, text);
      const ask = async () => expect(await errorCode(client, WHO)).toBe('UNAUTHENTICATED');
      expect(await slipway.countStatements(ask)).toBe(0);
    }
  });

  it('signs in by one statement', async () => {
    const client = signedIn(await create(dana, { name: 'one' }));
    expect(await slipway.countStatements(() => client.run(WHO))).toBe(1);
  });

  it('goes on working in the form that it had before', async () => {
    const token = `slw_${randomBytes(32).toString('base64url')}`;
    await slipway.database.query(
      `insert into access_token (id, user_id, name, hash, created_at)
        select gen_random_uuid(), id, 'early', $1, now() from user_account where name = 'dana'`,
      [createHash('sha256').update(token).digest('hex')],
    );
    const { viewer } = await createApiClient(slipway.url, token).run<{ viewer: Viewer }>(TOKENS);
    expect(viewer.scopes).toEqual(['READ', 'WRITE']);
    expect(viewer.accessTokens.find(({ name }) => name === 'early')).toMatchObject({
      prefix: null,
      scopes: ['READ', 'WRITE'],
    });
  });

  it('is for reading alone, or for writing too, which holds reading', async () => {
    const scopes = async (asked?: readonly string[] | null) => {
      const made = await create(dana, { name: 'scoped', ...(asked === undefined ? {} : { scopes: asked }) });
      const { viewer } = await signedIn(made).run<{ viewer: Viewer }>('{ viewer { scopes } }');
      expect(viewer.scopes).toEqual(made.accessToken?.scopes);
      return viewer.scopes;
    };
    expect(await scopes()).toEqual(['READ', 'WRITE']);
    expect(await scopes(null)).toEqual(['READ', 'WRITE']);
    expect(await scopes(['WRITE'])).toEqual(['READ', 'WRITE']);
    expect(await scopes(['READ', 'READ'])).toEqual(['READ']);
    expect(codes((await create(dana, { name: '', scopes: [] })).userErrors)).toEqual([
      'REQUIRED name',
      'REQUIRED scopes',
    ]);
  });

  it('that ends makes none that ends later', async () => {
    const end = new Date(Date.now() + 60_000).toISOString();
    const ending = signedIn(await create(dana, { name: 'ending', expiresAt: end }));
    const later = await create(ending, {
      name: 'later',
      expiresAt: new Date(Date.parse(end) + 1).toISOString(),
    });
    expect(codes(later.userErrors)).toEqual(['OUT_OF_RANGE expiresAt']);
    expect(later.userErrors[0]?.details).toEqual({ max: end });
    const sooner = new Date(Date.parse(end) - 1000).toISOString();
    expect((await create(ending, { name: 'sooner', expiresAt: sooner })).accessToken?.expiresAt).toBe(sooner);
    // A chain of tokens has the end of its first one.
    const second = await create(ending, { name: 'second' });
    expect(second.accessToken?.expiresAt).toBe(end);
    expect((await create(signedIn(second), { name: 'third' })).accessToken?.expiresAt).toBe(end);
  });

  it('says when it was used last, and many uses at once are written down once', async () => {
    await slipway.database.query('create table token_write (at timestamptz default clock_timestamp())');
    await slipway.database.query(
      `create function count_token_write() returns trigger language plpgsql as
        $$ begin insert into token_write default values; return new; end $$`,
    );
    await slipway.database.query(
      `create trigger count_token_write after update on access_token for each row
        when (new.name = 'used') execute function count_token_write()`,
    );
    const erin = await slipway.user('erin');
    const made = await create(erin, { name: 'used' });
    expect(made.accessToken?.lastUsedAt).toBeNull();
    const before = Date.now();
    const used = signedIn(made);
    await Promise.all(Array.from({ length: 20 }, () => used.run(WHO)));
    const lastUsedAt = async () => {
      const { viewer } = await erin.run<{ viewer: Viewer }>(TOKENS);
      return viewer.accessTokens.find(({ name }) => name === 'used')?.lastUsedAt ?? null;
    };
    await until('the use to be written down', async () => (await lastUsedAt()) !== null);
    const at = Date.parse((await lastUsedAt()) ?? '');
    expect(Math.abs(at - before)).toBeLessThan(60_000);
    await used.run(WHO);
    // Of another token a use is written after it: then this one's would have been, too.
    const other = await create(erin, { name: 'other' });
    await signedIn(other).run(WHO);
    await until('the other use to be written down', async () => {
      const { viewer } = await erin.run<{ viewer: Viewer }>(TOKENS);
      return viewer.accessTokens.some(({ name, lastUsedAt: used }) => name === 'other' && used !== null);
    });
    expect(await slipway.database.query('select at from token_write')).toHaveLength(1);
  });

  it('works on where its use cannot be written down', async () => {
    const made = await create(dana, { name: 'held' });
    await slipway.database.query(
      `create function refuse_token_write() returns trigger language plpgsql as
        $$ begin raise exception 'not now'; end $$`,
    );
    await slipway.database.query(
      `create trigger refuse_token_write before update on access_token for each row
        when (new.name = 'held') execute function refuse_token_write()`,
    );
    const held = signedIn(made);
    expect(await whoIs(made)).toMatchObject({ user: { name: 'dana' } });
    const refused = await held.run<{ viewer: Viewer }>(TOKENS);
    expect(refused.viewer.accessTokens.find(({ name }) => name === 'held')?.lastUsedAt).toBeNull();
  });

  it('is one of at most 100 good ones, however many are asked for at once', async () => {
    const frank = await slipway.user('frank');
    await slipway.database.query(
      `insert into access_token (id, user_id, name, hash, created_at, expires_at)
        select gen_random_uuid(), id, 'filler', 'filler-' || i, now(), case when i > 97 then now() end
          from user_account, generate_series(1, 120) i where name = 'frank'`,
    );
    const many = await Promise.all(Array.from({ length: 6 }, () => create(frank, { name: 'more' })));
    expect(many.filter(({ token }) => token !== null)).toHaveLength(2);
    const refused = many.find(({ token }) => token === null);
    expect(codes(refused?.userErrors ?? [])).toEqual(['TOO_MANY ']);
    expect(refused?.userErrors[0]?.details).toEqual({ max: 100, current: 100 });
    expect(codes((await create(admin, { name: 'x', userName: 'frank' })).userErrors)).toEqual([
      'TOO_MANY userName',
    ]);
    const { viewer } = await frank.run<{ viewer: Viewer }>(TOKENS);
    expect(viewer.accessTokens).toHaveLength(100);
    await frank.run(REVOKE, { id: viewer.accessTokens[0]?.id });
    expect((await create(frank, { name: 'room again' })).userErrors).toEqual([]);
  });

  it('is made for others by administrators only, and the user with it', async () => {
    const made = await create(admin, { name: 'first', userName: 'robot@ci' });
    expect(await whoIs(made)).toEqual({ user: { name: 'robot@ci' }, isAdmin: false });
    expect(await errorCode(dana, CREATE, { input: { name: 'x', userName: 'admin' } })).toBe('FORBIDDEN');
    expect(await whoIs(await create(dana, { name: 'own', userName: 'dana' }))).toMatchObject({
      user: { name: 'dana' },
    });
    const second = await create(admin, { name: 'second', userName: 'robot@ci' });
    const users = await slipway.database.query("select id from user_account where name = 'robot@ci'");
    expect(users).toHaveLength(1);
    expect(await whoIs(second)).toEqual(await whoIs(made));
  });

  it('signs in with the rights of its user', async () => {
    expect(await whoIs(await create(admin, { name: 'admin, too' }))).toEqual({
      user: { name: 'admin' },
      isAdmin: true,
    });
  });

  it("is made for the operator's user with the operator's token alone", async () => {
    const helper = await slipway.user('helper');
    await slipway.database.query("update user_account set is_admin = true where name = 'helper'");
    const refused = await create(helper, { name: 'to keep', userName: 'admin' });
    expect(refused.token).toBeNull();
    expect(codes(refused.userErrors)).toEqual(['NOT_ALLOWED userName']);
    const second = signedIn(await create(admin, { name: 'second', userName: 'admin' }));
    expect(codes((await create(second, { name: 'third' })).userErrors)).toEqual(['NOT_ALLOWED userName']);
    expect((await create(second, { name: 'for others', userName: 'helper' })).userErrors).toEqual([]);
  });

  it('is refused with everything that is wrong at once, and then makes no user', async () => {
    const { token, accessToken, userErrors } = await create(admin, {
      name: ' ',
      userName: 'not a name',
      expiresAt: '2020-01-01T00:00:00Z',
    });
    expect([token, accessToken]).toEqual([null, null]);
    expect(codes(userErrors)).toEqual(['OUT_OF_RANGE expiresAt', 'PATTERN userName', 'REQUIRED name']);
    expect(codes((await create(admin, { name: 'x'.repeat(129), userName: 'nobody' })).userErrors)).toEqual([
      'TOO_LONG name',
    ]);
    expect(await slipway.database.query("select id from user_account where name = 'nobody'")).toEqual([]);
  });

  it('is revoked by its user and by administrators, and does not exist for others', async () => {
    const made = await create(dana, { name: 'guarded' });
    const stranger = await slipway.user('stranger');
    const revoke = async (client: ApiClient, id: string | undefined) =>
      codes(
        (await client.run<{ revokeAccessToken: { userErrors: UserErrorFacts[] } }>(REVOKE, { id }))
          .revokeAccessToken.userErrors,
      );
    expect(await revoke(stranger, made.accessToken?.id)).toEqual(['NOT_FOUND id']);
    expect(await whoIs(made)).toMatchObject({ user: { name: 'dana' } });
    expect(await revoke(admin, made.accessToken?.id)).toEqual([]);
    expect(await errorCode(signedIn(made), WHO)).toBe('UNAUTHENTICATED');
    expect(await revoke(dana, 'nonsense')).toEqual(['INVALID id']);
  });

  it('is revoked together with those that were made with it, and with those, where that is asked for', async () => {
    const leaked = await create(dana, { name: 'leaked' });
    const child = await create(signedIn(leaked), { name: 'child' });
    const grandchild = await create(signedIn(child), { name: 'grandchild' });
    const other = await create(dana, { name: 'other' });
    const revoke = async (withMade: boolean) =>
      (
        await dana.run<{ revokeAccessToken: { alsoRevoked: { name: string }[]; stillGoodCount: number } }>(
          `mutation ($input: RevokeAccessTokenInput!) {
            revokeAccessToken(input: $input) { alsoRevoked { name } stillGoodCount }
          }`,
          { input: { id: leaked.accessToken?.id, withMade } },
        )
      ).revokeAccessToken;
    expect(await revoke(false)).toEqual({ alsoRevoked: [], stillGoodCount: 2 });
    expect(await whoIs(grandchild)).toMatchObject({ user: { name: 'dana' } });
    const { alsoRevoked, stillGoodCount } = await revoke(true);
    expect(alsoRevoked.map(({ name }) => name).sort()).toEqual(['child', 'grandchild']);
    expect(stillGoodCount).toBe(0);
    for (const gone of [leaked, child, grandchild])
      expect(await errorCode(signedIn(gone), WHO)).toBe('UNAUTHENTICATED');
    expect(await whoIs(other)).toMatchObject({ user: { name: 'dana' } });
  });

  it('is listed for its own user only', async () => {
    await create(admin, { name: "not dana's" });
    const { viewer } = await dana.run<{ viewer: { accessTokens: TokenFacts[] } }>(
      '{ viewer { accessTokens { name revokedAt createdAt } } }',
    );
    expect(viewer.accessTokens.map(({ name }) => name)).not.toContain("not dana's");
    expect(viewer.accessTokens.every(({ revokedAt }) => revokedAt === null)).toBe(true);
    const times = viewer.accessTokens.map(({ createdAt }) => Date.parse(createdAt));
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  it('does not show itself through node', async () => {
    const made = await create(dana, { name: 'hidden' });
    const { node } = await dana.run<{ node: unknown }>('query ($id: ID!) { node(id: $id) { id } }', {
      id: made.accessToken?.id,
    });
    expect(node).toBeNull();
  });

  it('closes no door for the operator: the token that the server was started with stays', async () => {
    const { viewer } = await admin.run<{ viewer: { accessTokens: TokenFacts[] } }>(
      '{ viewer { accessTokens { id } } }',
    );
    for (const { id } of viewer.accessTokens) await admin.run(REVOKE, { id });
    expect(await admin.run(WHO)).toEqual({ viewer: { user: { name: 'admin' }, isAdmin: true } });
  });
});
