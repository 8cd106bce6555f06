import { exportJWK, exportSPKI, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { createApiClient } from '../support/client.ts';
import { type HttpServer, listen } from '../support/http-server.ts';
import {
  AUDIENCE,
  makeKey,
  type OidcIssuer,
  type SigningKey,
  startOidcIssuer,
} from '../support/oidc-issuer.ts';

let issuer: OidcIssuer;
let slipway: TestApp;
/** A server of the attacker's, which would give out the attacker's key. */
let theirs: HttpServer;
let theirKey: SigningKey;

beforeAll(async () => {
  issuer = await startOidcIssuer('RS256');
  theirKey = await makeKey('RS256');
  const jwk = { ...(await exportJWK(theirKey.publicKey)), kid: theirKey.kid, alg: 'RS256' };
  theirs = await listen((_, response) => void response.end(JSON.stringify({ keys: [jwk] })));
  slipway = await createTestApp({
    worker: false,
    env: { OIDC_ISSUER: issuer.issuer, OIDC_AUDIENCE: AUDIENCE },
  });
});
afterAll(async () => {
  await slipway[Symbol.asyncDispose]();
  await theirs[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

async function send(token: string): Promise<Response> {
  return await fetch(`${slipway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: '{"query":"{ viewer { user { name } isAdmin } }"}',
  });
}

async function expectRefused(token: string): Promise<void> {
  const response = await send(token);
  const body = await response.text();
  expect({ status: response.status, body }).toMatchObject({ status: 401 });
  expect(response.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"/);
  expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
}

const now = () => Math.floor(Date.now() / 1000);
/** What a good token says. */
const claimsOf = (claims: object = {}) => ({
  iss: issuer.issuer,
  aud: AUDIENCE,
  sub: 'attacker',
  preferred_username: 'mallory',
  exp: now() + 600,
  ...claims,
});
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

// The users are those of the admin and of nobody else: no attempt has made one.
beforeEach(async () => {
  expect(await slipway.database.query("select name from user_account where name <> 'admin'")).toEqual([]);
});

describe('a JWT that is not the issuer’s', () => {
  it('without a signature', async () => {
    await expectRefused(new UnsecuredJWT(claimsOf()).encode());
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, undefined, 0, ['RS256'], { alg: 'RS256' }]) {
      const unsigned = `${encode({ alg, kid: issuer.key.kid })}.${encode(claimsOf())}`;
      for (const signature of ['', 'AA', 'bm9uZQ']) await expectRefused(`${unsigned}.${signature}`);
    }
  });

  it('signed by the public key as a shared secret, in any of its forms', async () => {
    const { publicKey, kid } = issuer.key;
    const jwk = await exportJWK(publicKey);
    const pem = await exportSPKI(publicKey);
    const secrets = [
      ...[
        pem,
        pem.trim(),
        `${pem}\n`,
        JSON.stringify(jwk),
        JSON.stringify({ ...jwk, kid, alg: 'RS256', use: 'sig' }),
      ],
      ...[jwk.n ?? ''],
    ].map((text) => new TextEncoder().encode(text));
    const der = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      for (const secret of [...secrets, der]) {
        await expectRefused(await new SignJWT(claimsOf()).setProtectedHeader({ alg, kid }).sign(secret));
      }
    }
  });

  it('for another audience, or of another issuer', async () => {
    for (const claims of [
      { aud: 'other' },
      { aud: [] },
      { aud: undefined },
      { aud: `${AUDIENCE} ` },
      { iss: 'https://evil.example' },
      { iss: `${issuer.issuer}/` },
      { iss: [issuer.issuer] },
      { iss: undefined },
    ])
      await expectRefused(await issuer.sign(claimsOf(claims)));
  });

  it('that has ended, has no end, or has not begun', async () => {
    for (const claims of [
      { exp: now() - 1 },
      { exp: undefined },
      { exp: 0 },
      { exp: -1 },
      { exp: null },
      { exp: `${now() + 600}` },
      { nbf: now() + 60 },
      { nbf: 'tomorrow' },
    ])
      await expectRefused(await issuer.sign(claimsOf(claims)));
  });

  it('by another key under the same name, or changed after it was signed', async () => {
    const key = { ...theirKey, kid: issuer.key.kid };
    await expectRefused(await issuer.sign(claimsOf(), { key }));
    const [header, , signature] = (await issuer.sign(claimsOf())).split('.');
    await expectRefused(`${header}.${encode(claimsOf({ preferred_username: 'admin' }))}.${signature}`);
    const [, payload] = (await issuer.sign(claimsOf())).split('.');
    await expectRefused(`${encode({ alg: 'RS512', kid: issuer.key.kid })}.${payload}.${signature}`);
    await expectRefused(`${header}.${payload}.${signature}AA`);
  });

  it('that says where its key is, or brings it along', async () => {
    const url = `http://${theirs.host}/keys`;
    const jwk = await exportJWK(theirKey.publicKey);
    for (const header of [
      { jku: url },
      { x5u: url },
      { jwk },
      { x5c: ['MIIB'] },
      { jku: url, jwk, x5u: url },
      { kid: url },
    ])
      for (const kid of [issuer.key.kid, theirKey.kid]) {
        await expectRefused(await issuer.sign(claimsOf(), { key: { ...theirKey, kid }, header }));
      }
    expect(theirs.connections).toBe(0);
  });

  it('whose name of a key is a path, a piece of SQL, or no text', async () => {
    for (const kid of [
      '../../../../dev/null',
      '/etc/passwd',
      "' or 1=1 --",
      "x'; drop table user_account; --",
      '__proto__',
      '',
      '\0',
    ]) {
      await expectRefused(await issuer.sign(claimsOf(), { key: { ...theirKey, kid } }));
    }
    for (const kid of [null, 1, [], {}])
      await expectRefused(`${encode({ alg: 'RS256', kid })}.${encode(claimsOf())}.AAAA`);
  });

  it('that asks for what we do not know', async () => {
    for (const header of [
      { crit: ['x'], x: 1 },
      { crit: ['b64'], b64: false },
    ]) {
      const { kid } = issuer.key;
      await expectRefused(`${encode({ alg: 'RS256', kid, ...header })}.${encode(claimsOf())}.AAAA`);
    }
    // Of five parts: encrypted.
    await expectRefused(`${encode({ alg: 'dir', enc: 'A256GCM' })}..AAAA.AAAA.AAAA`);
  });

  it('over a socket: it is closed with 4403', async () => {
    for (const token of [
      new UnsecuredJWT(claimsOf()).encode(),
      await issuer.sign(claimsOf({ exp: now() - 1 })),
      await issuer.sign(claimsOf({ aud: 'other' })),
      await issuer.sign(claimsOf(), { key: { ...theirKey, kid: issuer.key.kid } }),
    ]) {
      const events = createApiClient(slipway.url, token).subscribe(
        'subscription { imageBuildActivity { version } }',
      );
      await expect(events.next()).rejects.toMatchObject({ code: 4403 });
    }
  });

  it('by 200 unknown keys: the issuer is asked at most once', async () => {
    const before = issuer.asked.keys;
    const signature = 'A'.repeat(342);
    const tokens = Array.from(
      { length: 200 },
      (_, n) => `${encode({ alg: 'RS256', kid: `unknown-${n}` })}.${encode(claimsOf())}.${signature}`,
    );
    for (let at = 0; at < tokens.length; at += 20) {
      await Promise.all(
        tokens
          .slice(at, at + 20)
          .map(async (token) => expect([401, 429]).toContain((await send(token)).status)),
      );
    }
    expect(issuer.asked.keys - before).toBeLessThanOrEqual(1);
    expect((await send(await issuer.sign(claimsOf()))).status, 'a good one gets in all the same').toBe(200);
    await slipway.database.query("delete from user_account where name = 'mallory'");
  });
});
