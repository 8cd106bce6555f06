import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { type ApiClient, createApiClient, RefusedError } from '../support/client.ts';
import { codes, errorCode, registerImage } from '../support/images.ts';
import { AUDIENCE, type OidcIssuer, startOidcIssuer } from '../support/oidc-issuer.ts';

let issuer: OidcIssuer;
let env: Record<string, string>;
let slipway: TestApp;
let otherProcess: TestApp;

beforeAll(async () => {
  issuer = await startOidcIssuer('RS256');
  env = { OIDC_ISSUER: issuer.issuer, OIDC_AUDIENCE: AUDIENCE };
  slipway = await createTestApp({ env });
  otherProcess = await createTestApp({ env, worker: false, database: slipway.database });
});
afterAll(async () => {
  await otherProcess[Symbol.asyncDispose]();
  await slipway[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});
beforeEach(() => issuer.be('well'));

const WHO = '{ viewer { user { id name } isAdmin namespaces { role } } }';
interface Viewer {
  readonly user: { readonly id: string; readonly name: string };
  readonly isAdmin: boolean;
  readonly namespaces: readonly { readonly role: string }[];
}

let subjects = 0;
/** Somebody whom the issuer has just got to know. */
function newcomer(name: string): { readonly sub: string; readonly preferred_username: string } {
  subjects += 1;
  return { sub: `subject-of-${name}-${subjects}`, preferred_username: name };
}

async function clientOf(claims: Readonly<Record<string, unknown>>, at = slipway): Promise<ApiClient> {
  return createApiClient(at.url, await issuer.sign(claims));
}
const whoIs = async (client: ApiClient) => (await client.run<{ viewer: Viewer }>(WHO)).viewer;

const usersOf = async (column: 'name' | 'subject', value: string) =>
  await slipway.database.query<{ id: string; name: string; subject: string | null }>(
    `select id, name, subject from user_account where ${column} = $1`,
    [value],
  );
const userIs = async (name: string, change: string) =>
  await slipway.database.query(`update user_account set ${change} where name = $1`, [name]);

describe('who signs in by a JWT', () => {
  it('becomes a user on first sight, and is that user from then on', async () => {
    const jo = newcomer('jo');
    const first = await whoIs(await clientOf(jo));
    expect(first).toMatchObject({ user: { name: 'jo' }, isAdmin: false, namespaces: [] });
    expect(await whoIs(await clientOf(jo))).toEqual(first);
    expect(await whoIs(await clientOf(jo, otherProcess))).toEqual(first);
  });

  it('stays that user when the issuer calls them something else', async () => {
    const kim = newcomer('kim');
    const first = await whoIs(await clientOf(kim));
    expect(await whoIs(await clientOf({ ...kim, preferred_username: 'admin' }))).toEqual(first);
    expect(await whoIs(await clientOf({ ...kim, preferred_username: 'jo' }))).toEqual(first);
  });

  it('has the roles that the name was given before', async () => {
    await slipway.user('ann', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
    const [before] = await usersOf('name', 'ann');
    const ann = await clientOf(newcomer('ann'));
    expect(await whoIs(ann)).toMatchObject({ user: { name: 'ann' }, namespaces: [{ role: 'DEVELOPER' }] });
    expect(
      codes((await registerImage(ann, { reference: 'default/anns:1', namespace: 'default' })).userErrors),
    ).toEqual([]);
    expect((await usersOf('name', 'ann'))[0]?.id).toBe(before?.id);
  });

  it('gets no right by any claim', async () => {
    const claims = {
      isAdmin: true,
      is_admin: true,
      admin: true,
      roles: ['admin'],
      groups: ['admin'],
      scope: 'admin',
    };
    expect(await whoIs(await clientOf({ ...newcomer('ivy'), ...claims }))).toMatchObject({
      isAdmin: false,
      namespaces: [],
    });
  });

  it('costs two statements: one for who it is, one for what they may do', async () => {
    const { token } = await clientOf(newcomer('lou'));
    await slipway.app.authenticate(token);
    expect(await slipway.countStatements(async () => await slipway.app.authenticate(token))).toBe(2);
  });

  it('is one user, though many requests are the first on two processes', async () => {
    await slipway.user('max', { namespace: 'VIEWER' });
    for (const name of ['max', 'mia']) {
      const claims = newcomer(name);
      const viewers = await Promise.all(
        Array.from(
          { length: 40 },
          async (_, n) => await whoIs(await clientOf(claims, n % 2 ? slipway : otherProcess)),
        ),
      );
      expect(new Set(viewers.map(({ user }) => user.id)).size).toBe(1);
      expect(await usersOf('name', name)).toHaveLength(1);
    }
  });

  it('is one user under several names that come at once', async () => {
    await slipway.user('nat-0');
    await slipway.user('nat-3');
    const { sub } = newcomer('nat');
    const viewers = await Promise.all(
      Array.from(
        { length: 40 },
        async (_, n) =>
          await whoIs(
            await clientOf({ sub, preferred_username: `nat-${n % 5}` }, n % 2 ? slipway : otherProcess),
          ),
      ),
    );
    expect(new Set(viewers.map(({ user }) => user.id)).size).toBe(1);
    expect(await usersOf('subject', sub)).toHaveLength(1);
  });

  it('gets the name where several come for it at once, and only one of them does', async () => {
    const tokens = await Promise.all(
      Array.from({ length: 10 }, async () => await issuer.sign(newcomer('sought'))),
    );
    const sessions = await Promise.all(
      tokens.map(async (token, n) => await (n % 2 ? slipway : otherProcess).app.authenticate(token)),
    );
    expect(sessions.filter((session) => session !== null)).toHaveLength(1);
    expect(await usersOf('name', 'sought')).toHaveLength(1);
  });

  it('can do nothing once they are deactivated, nor become another user', async () => {
    const oda = newcomer('oda');
    const client = await clientOf(oda);
    await whoIs(client);
    await userIs('oda', 'deactivated_at = now()');
    expect(await errorCode(client, WHO)).toBe('UNAUTHENTICATED');
    expect(await errorCode(await clientOf({ ...oda, preferred_username: 'oda2' }), WHO)).toBe(
      'UNAUTHENTICATED',
    );
    expect(await usersOf('name', 'oda2')).toEqual([]);
  });
});

describe('a name that is not to be had', () => {
  const REFUSED: readonly (readonly [string, string, string])[] = [
    ['boss', 'is_admin = true', 'is an administrator'],
    ['robot', "kind = 'SERVICE'", 'is a service account'],
    ['left', 'deactivated_at = now()', 'is deactivated'],
    ['taken', "issuer = 'https://other.example', subject = 'x'", 'belongs to another subject'],
  ];
  it.each(REFUSED)('signs nobody in, and the log says why: %s, with %s', async (name, change, reason) => {
    await slipway.user(name);
    await userIs(name, change);
    const before = await usersOf('name', name);
    const warn = vi.spyOn(slipway.app.log, 'warn');
    expect(await errorCode(await clientOf(newcomer(name)), WHO)).toBe('UNAUTHENTICATED');
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.anything(),
      expect.stringContaining(`the name "${name}" ${reason}`),
    );
    expect(await usersOf('name', name)).toEqual(before);
  });

  it.each(['admin', 'Admin', 'ADMIN'])("is the operator's: %s", async (name) => {
    const before = await usersOf('name', name);
    expect(await errorCode(await clientOf(newcomer(name)), WHO)).toBe('UNAUTHENTICATED');
    expect(await usersOf('name', name)).toEqual(before);
  });
});

describe('a JWT over a socket', () => {
  it('ends what it subscribed to when it ends itself', async () => {
    const exp = Math.floor(Date.now() / 1000) + 3;
    const client = await clientOf({ ...newcomer('uma'), exp });
    const events = client.subscribe('subscription { imageBuildActivity { version } }');
    const ended = await events.next().then(
      () => null,
      (error: unknown) => error,
    );
    expect(ended).toBeInstanceOf(RefusedError);
    expect((ended as RefusedError).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    expect(Date.now(), 'not before its end').toBeGreaterThanOrEqual(exp * 1000);
    expect(Date.now(), 'within 5 s').toBeLessThan(exp * 1000 + 5000);
  });
});

describe('an issuer that is away', () => {
  it('is no reason to say that a token is bad, nor to keep those with other tokens out', async () => {
    const dana = await slipway.user('dana');
    issuer.be('failing');
    const late = await createTestApp({ env, worker: false, database: slipway.database });
    const token = await issuer.sign(newcomer('vic'));
    const response = await fetch(`${late.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: WHO }),
    });
    expect(response.status).toBe(503);
    expect(response.headers.get('www-authenticate')).toBeNull();
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] });
    expect(text).not.toContain(issuer.host);
    expect(await whoIs(createApiClient(late.url, dana.token))).toMatchObject({ user: { name: 'dana' } });
    await late[Symbol.asyncDispose]();
  });
});

describe('a server without an issuer', () => {
  it('knows no JWT', async () => {
    const without = await createTestApp({ worker: false, database: slipway.database });
    expect(await errorCode(await clientOf(newcomer('wim'), without), WHO)).toBe('UNAUTHENTICATED');
    await without[Symbol.asyncDispose]();
  });
});
