import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { UserErrorFacts } from '../support/builds.ts';
import { type ApiClient, createApiClient } from '../support/client.ts';
import { codes, errorCode } from '../support/images.ts';
import { until } from '../support/until.ts';

interface TokenFacts {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
}
interface Created {
  readonly accessToken: TokenFacts | null;
  readonly token: string | null;
  readonly userErrors: readonly UserErrorFacts[];
}

const TOKEN = 'id name createdAt expiresAt revokedAt';
const CREATE = `mutation ($input: CreateAccessTokenInput!) {
  createAccessToken(input: $input) { accessToken { ${TOKEN} } token userErrors { code message path details } }
}`;
const REVOKE = `mutation ($id: ID!) {
  revokeAccessToken(input: { id: $id }) { accessToken { ${TOKEN} } userErrors { code message path details } }
}`;
const WHO = '{ viewer { user { name } isAdmin } }';

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
    expect(made.token).toMatch(/^slw_[A-Za-z0-9_-]{43}$/);
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
    expect(JSON.stringify(rows)).not.toContain(made.token?.slice('slw_'.length));
  });

  it('ends by itself when it expires', async () => {
    const made = await create(dana, { name: 'short', expiresAt: new Date(Date.now() + 1500).toISOString() });
    expect(await whoIs(made)).toMatchObject({ user: { name: 'dana' } });
    await until('the token to expire', async () => (await signedIn(made).ask(WHO)).errors !== undefined);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(made.accessToken?.expiresAt ?? ''));
    expect(await errorCode(signedIn(made), WHO)).toBe('UNAUTHENTICATED');
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
