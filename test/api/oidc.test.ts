import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { UserErrorFacts } from '../support/builds.ts';
import { type ApiClient, createApiClient, RefusedError } from '../support/client.ts';
import { codes, errorCode, registerImage } from '../support/images.ts';
import { whileLocked } from '../support/locks.ts';
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

/** Gives a role on the default namespace to a name, which nobody has used yet. */
async function give(name: string, role: string): Promise<void> {
  const { namespace } = await slipway.admin.run<{ namespace: { id: string } }>(
    '{ namespace(name: "default") { id } }',
  );
  await slipway.admin.run(
    'mutation ($input: SetNamespaceMemberInput!) { setNamespaceMember(input: $input) { userErrors { message } } }',
    { input: { namespaceId: namespace.id, userName: name, role } },
  );
}

const CREATE_TOKEN = `mutation ($input: CreateAccessTokenInput!) {
  createAccessToken(input: $input) { token accessToken { id expiresAt } userErrors { code message path details } }
}`;
interface CreatedToken {
  readonly token: string | null;
  readonly accessToken: { readonly id: string; readonly expiresAt: string | null } | null;
  readonly userErrors: readonly UserErrorFacts[];
}
const createToken = async (client: ApiClient, input: Record<string, unknown> = {}) =>
  (await client.run<{ createAccessToken: CreatedToken }>(CREATE_TOKEN, { input: { name: 'made', ...input } }))
    .createAccessToken;

const UPDATE_USER = `mutation ($input: UpdateUserInput!) {
  updateUser(input: $input) { user { name subject } userErrors { code message path details } }
}`;
interface UpdatedUser {
  readonly user: { readonly name: string; readonly subject: string | null } | null;
  readonly userErrors: readonly UserErrorFacts[];
}
async function updateUser(name: string, changes: object, at = slipway): Promise<UpdatedUser> {
  const find = 'query ($name: String!) { user(name: $name) { id } }';
  const { user } = await at.admin.run<{ user: { id: string } }>(find, { name });
  return (
    await at.admin.run<{ updateUser: UpdatedUser }>(UPDATE_USER, { input: { id: user.id, ...changes } })
  ).updateUser;
}

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
    await give('ann', 'DEVELOPER');
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
    await give('max', 'VIEWER');
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
    await give('nat-0', 'VIEWER');
    await give('nat-3', 'VIEWER');
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

  it.each(['in use', 'revoked long ago'])(
    'signs nobody in where it is that of a program of the time before, whose token is %s',
    async (what) => {
      const name = `program-${what.replaceAll(' ', '-')}`;
      const program = await slipway.user(name, { namespace: 'OWNER' });
      const [{ id } = { id: '' }] = await usersOf('name', name);
      if (what !== 'in use') {
        await slipway.database.query('update access_token set revoked_at = now() where user_id = $1', [id]);
      }
      const warn = vi.spyOn(slipway.app.log, 'warn');
      expect(await errorCode(await clientOf(newcomer(name)), WHO)).toBe('UNAUTHENTICATED');
      expect(warn).toHaveBeenCalledExactlyOnceWith(
        expect.anything(),
        expect.stringMatching(`the name "${name}" has had access tokens; .*updateUser`),
      );
      expect(await usersOf('name', name)).toMatchObject([{ id, subject: null }]);
      if (what === 'in use') expect(await whoIs(program)).toMatchObject({ user: { name } });
    },
  );

  it.each(REFUSED)('signs nobody in, and the log says why: %s, with %s', async (name, change, reason) => {
    await give(name, 'OWNER');
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

describe('a user whom an administrator links to a subject', () => {
  it('is signed in by its JWTs, whatever they did before, and no more when they are unlinked', async () => {
    await slipway.user('paula', { namespace: 'DEVELOPER' });
    const paula = newcomer('somebody-else');
    expect(await updateUser('paula', { subject: paula.sub })).toEqual({
      user: { name: 'paula', subject: paula.sub },
      userErrors: [],
    });
    const client = await clientOf(paula);
    expect(await whoIs(client)).toMatchObject({
      user: { name: 'paula' },
      namespaces: [{ role: 'DEVELOPER' }],
    });
    expect((await updateUser('paula', {})).user?.subject).toBe(paula.sub);
    expect((await updateUser('paula', { subject: null })).user?.subject).toBeNull();
    expect(await whoIs(client)).toMatchObject({ user: { name: 'somebody-else' }, namespaces: [] });
    expect(await usersOf('name', 'paula')).toMatchObject([{ subject: null }]);
  });

  it('makes no token by a JWT of a subject that they are unlinked from meanwhile', async () => {
    const xenia = newcomer('xenia');
    const client = await clientOf(xenia);
    await whoIs(client);
    const unlink = "update user_account set subject = 'somebody else' where name = 'xenia'";
    const make = async () => await errorCode(client, CREATE_TOKEN, { input: { name: 'late' } });
    expect(await whileLocked(slipway.database, [unlink], make)).toBe('UNAUTHENTICATED');
    expect(await slipway.database.query("select from access_token where name = 'late'")).toEqual([]);
  });

  it('shows the subject to administrators and to themself only', async () => {
    const rosa = newcomer('rosa');
    const { user } = await whoIs(await clientOf(rosa));
    const subjectFor = async (client: ApiClient) =>
      (
        await client.run<{ node: { subject: string | null } }>(
          'query ($id: ID!) { node(id: $id) { ... on User { subject } } }',
          { id: user.id },
        )
      ).node.subject;
    expect(await subjectFor(slipway.admin)).toBe(rosa.sub);
    expect(await subjectFor(await clientOf(rosa))).toBe(rosa.sub);
    expect(await subjectFor(await clientOf(newcomer('sven')))).toBeNull();
  });

  it('is the only one of that subject, no service account, and not the operator’s', async () => {
    const tess = newcomer('tess');
    await whoIs(await clientOf(tess));
    await slipway.user('ugo');
    await give('bot', 'VIEWER');
    await userIs('bot', "kind = 'SERVICE'");
    const refused = async (name: string, subject: string) =>
      codes((await updateUser(name, { subject })).userErrors);
    expect(await refused('ugo', tess.sub)).toEqual(['NAME_TAKEN subject']);
    expect((await updateUser('ugo', { subject: tess.sub })).userErrors[0]?.message).toContain('tess');
    expect(await refused('ugo', '')).toEqual(['REQUIRED subject']);
    expect(await refused('ugo', 'x'.repeat(256))).toEqual(['TOO_LONG subject']);
    expect(await refused('ugo', 'a\u0000b')).toEqual(['INVALID subject']);
    expect(await refused('bot', 'new')).toEqual(['NOT_ALLOWED subject']);
    expect(await refused('admin', 'new')).toEqual(['NOT_ALLOWED id']);
    expect(await usersOf('name', 'ugo')).toMatchObject([{ subject: null }]);
    expect((await updateUser('tess', { subject: null, isActive: false })).userErrors).toEqual([]);
    expect(await refused('ugo', tess.sub)).toEqual([]);
    expect(await whoIs(await clientOf(tess))).toMatchObject({ user: { name: 'ugo' } });
  });
});

describe('an access token that somebody makes who has signed in by a JWT', () => {
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);

  it('ends after 90 days, or before', async () => {
    const yan = await clientOf(newcomer('yan'));
    const { accessToken } = await createToken(yan);
    const end = Date.parse(accessToken?.expiresAt ?? '');
    expect(end).toBeLessThanOrEqual(inDays(90).getTime());
    expect(end).toBeGreaterThan(inDays(90).getTime() - 60_000);
    const soon = inDays(1).toISOString();
    expect((await createToken(yan, { expiresAt: soon })).accessToken?.expiresAt).toBe(soon);
    const { userErrors } = await createToken(yan, { expiresAt: inDays(91).toISOString() });
    expect(codes(userErrors)).toEqual(['OUT_OF_RANGE expiresAt']);
    expect(userErrors[0]?.message).toContain('OIDC_TOKEN_DAYS is 90');
    const max = String(userErrors[0]?.details?.['max']);
    expect((await createToken(yan, { expiresAt: max })).userErrors).toEqual([]);
  });

  it('makes none that ends later', async () => {
    const zoe = await clientOf(newcomer('zoe'));
    const first = await createToken(zoe, { expiresAt: inDays(2).toISOString() });
    const holder = createApiClient(slipway.url, first.token ?? '');
    expect((await createToken(holder)).accessToken?.expiresAt).toBe(first.accessToken?.expiresAt);
    const later = await createToken(holder, { expiresAt: inDays(3).toISOString() });
    expect(later.userErrors).toMatchObject([
      { code: 'OUT_OF_RANGE', details: { max: first.accessToken?.expiresAt } },
    ]);
  });

  it('ends when the operator says, also one that an administrator makes for others', async () => {
    const strict = await createTestApp({
      env: { ...env, OIDC_TOKEN_DAYS: '7' },
      worker: false,
      database: slipway.database,
    });
    const ada = newcomer('ada');
    await whoIs(await clientOf(ada));
    await userIs('ada', 'is_admin = true');
    const { accessToken } = await createToken(await clientOf(ada, strict), { userName: 'robot-of-ada' });
    const end = Date.parse(accessToken?.expiresAt ?? '');
    expect(Math.abs(end - inDays(7).getTime())).toBeLessThan(60_000);
    await strict[Symbol.asyncDispose]();
  });
});

describe('a name that is an address', () => {
  it('signs nobody in unless the issuer says that it is theirs', async () => {
    const byEmail = await createTestApp({
      env: { ...env, OIDC_USERNAME_CLAIM: 'email' },
      worker: false,
      database: slipway.database,
    });
    await give('ceo@corp.example', 'OWNER');
    const claims = { sub: 'guest-7', email: 'ceo@corp.example' };
    expect(await errorCode(await clientOf(claims, byEmail), WHO)).toBe('UNAUTHENTICATED');
    expect(await whoIs(await clientOf({ ...claims, email_verified: true }, byEmail))).toMatchObject({
      user: { name: 'ceo@corp.example' },
    });
    await byEmail[Symbol.asyncDispose]();
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
    await give('wilma', 'VIEWER');
    expect(codes((await updateUser('wilma', { subject: 'x' }, without)).userErrors)).toEqual([
      'NOT_ALLOWED subject',
    ]);
    await without[Symbol.asyncDispose]();
  });
});
