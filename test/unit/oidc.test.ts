import { exportJWK, exportSPKI, SignJWT } from 'jose';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createJwtVerifier, type VerifyJwt } from '../../src/auth/oidc.ts';
import { createGuardedFetch } from '../../src/outgoing/guarded-fetch.ts';
import { listen } from '../support/http-server.ts';
import {
  AUDIENCE,
  type IssuerMood,
  makeKey,
  type OidcIssuer,
  startOidcIssuer,
} from '../support/oidc-issuer.ts';

let issuer: OidcIssuer;
let lines: string[];

beforeEach(async () => {
  issuer = await startOidcIssuer();
  lines = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await issuer[Symbol.asyncDispose]();
});

function verifierOf(options: { usernameClaim?: string; issuer?: string } = {}): VerifyJwt {
  const fetch = createGuardedFetch(new Set([new URL(issuer.issuer).origin]));
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const oidc = {
    issuer: issuer.issuer,
    audience: AUDIENCE,
    usernameClaim: 'preferred_username',
    tokenDays: 90,
    ...options,
  };
  return createJwtVerifier(oidc, { fetch, log });
}
/** Lets this much time pass for all that asks what time it is. */
function pass(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000);
}
const holdTime = () => vi.useFakeTimers({ toFake: ['Date'] });
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const AWAY = { name: 'UnavailableError', code: 'UNAVAILABLE' };

describe('a JWT', () => {
  it('says who somebody is', async () => {
    const exp = inSeconds(600);
    expect(
      await verifierOf()(await issuer.sign({ sub: 'x|1', preferred_username: 'jo.doe@example', exp })),
    ).toEqual({
      issuer: issuer.issuer,
      subject: 'x|1',
      name: 'jo.doe@example',
      expiresAt: new Date(exp * 1000),
    });
  });

  it.each(['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'])(
    'may be signed by %s',
    async (alg) => {
      await using other = await startOidcIssuer(alg);
      const fetch = createGuardedFetch(new Set([new URL(other.issuer).origin]));
      const oidc = {
        issuer: other.issuer,
        audience: AUDIENCE,
        usernameClaim: 'preferred_username',
        tokenDays: 90,
      };
      const verify = createJwtVerifier(oidc, { fetch, log: pino({ level: 'silent' }) });
      expect(await verify(await other.sign())).toMatchObject({ subject: 'subject-1' });
    },
  );

  it('may be for several audiences, and of the type of an access token', async () => {
    const token = await issuer.sign({ aud: ['other', AUDIENCE] }, { header: { typ: 'at+jwt' } });
    expect(await verifierOf()(token)).not.toBeNull();
  });

  it.each<[string, Record<string, unknown>]>([
    ['another issuer', { iss: 'https://evil.example' }],
    ['another audience', { aud: 'other' }],
    ['no audience', { aud: undefined }],
    ['an end in the past', { exp: 1 }],
    ['no end', { exp: undefined }],
    ['a beginning in the future', { nbf: Math.floor(Date.now() / 1000) + 600 }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject that the database cannot hold', { sub: 'a\0b' }],
    ['a subject that is half a character', { sub: '\ud800' }],
    ['a subject that is too long', { sub: 'x'.repeat(256) }],
  ])('with %s is refused, and the log says why', async (_, claims) => {
    expect(await verifierOf()(await issuer.sign(claims))).toBeNull();
    expect(lines).toEqual([expect.stringMatching(/"level":[24]0.*"reason":".+"/)]);
  });

  it('that is refused is warned of once in a minute for each reason, as a wrong setting refuses all; an end is none', async () => {
    const verify = verifierOf();
    const levelOf = async (claims: Record<string, unknown>) => {
      await verify(await issuer.sign(claims));
      return (JSON.parse(lines.at(-1) ?? '') as { level: number }).level;
    };
    expect(await levelOf({ aud: 'other' })).toBe(40);
    expect(await levelOf({ aud: 'other' })).toBe(20);
    expect(await levelOf({ sub: '' })).toBe(40);
    expect(await levelOf({ exp: 1 })).toBe(20);
  });

  it.each(['logout+jwt', 'secevent+jwt', 'dpop+jwt'])(
    'that is something else, %s, is refused',
    async (typ) => {
      expect(await verifierOf()(await issuer.sign({}, { header: { typ } }))).toBeNull();
    },
  );

  it('that tells of a sign-out, and names no type, is refused', async () => {
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    expect(await verifierOf()(await issuer.sign({ events }))).toBeNull();
    expect(await verifierOf()(await issuer.sign({ events: null }))).toBeNull();
  });

  it('is good until its end, and from a little before its beginning, for clocks that differ', async () => {
    holdTime();
    const verify = verifierOf();
    const early = await issuer.sign({ nbf: inSeconds(4) });
    const ending = await issuer.sign({ exp: inSeconds(3) });
    expect(await verify(early)).not.toBeNull();
    expect(await verify(ending)).not.toBeNull();
    pass(3);
    expect(await verify(ending)).toBeNull();
  });

  it('may say of itself that it ends when nobody lives any more', async () => {
    const identity = await verifierOf()(await issuer.sign({ exp: 1e15 }));
    expect(identity?.expiresAt.getTime()).toBe(8.64e15);
  });

  it('that is longer than any header costs no look at it', async () => {
    expect(await verifierOf()(await issuer.sign({ padding: 'x'.repeat(20_000) }))).toBeNull();
    expect(issuer.asked.keys).toBe(0);
  });

  it.each([
    '',
    '.',
    '..',
    'a.b',
    'a.b.c',
    'a.b.c.d',
    'eyJhbGciOiJFUzI1NiJ9..',
    'null.null.null',
    '\0.\0.\0',
    '💥.💥.💥',
  ])('that is none is refused: %j', async (token) => {
    expect(await verifierOf()(token)).toBeNull();
  });

  it.each<[string, Record<string, unknown>]>([
    ['is not there', { preferred_username: undefined }],
    ['is no text', { preferred_username: 7 }],
    ['is no name of a user', { preferred_username: 'Jo Doe' }],
    ['is too long', { preferred_username: 'x'.repeat(65) }],
  ])('whose claim for the name %s is refused, and the log says what to do', async (_, claims) => {
    expect(await verifierOf()(await issuer.sign(claims))).toBeNull();
    expect(lines[0]).toMatch(/"level":40.*set OIDC_USERNAME_CLAIM to a claim/);
  });

  it.each([
    [true, true],
    ['true', true],
    [undefined, false],
    [null, false],
    [1, false],
    [false, false],
    ['false', false],
  ])('whose name is an address that is verified, %j, is good: %j', async (email_verified, isGood) => {
    const verify = verifierOf({ usernameClaim: 'email' });
    const identity = await verify(await issuer.sign({ email: 'jo@example.org', email_verified }));
    expect(identity?.name).toBe(isGood ? 'jo@example.org' : undefined);
  });

  it('is not good by a secret that everybody has: the public key', async () => {
    const verify = verifierOf();
    const { publicKey, kid } = issuer.key;
    const secrets = [await exportSPKI(publicKey), JSON.stringify(await exportJWK(publicKey)), ''];
    for (const secret of secrets) {
      const claims = { iss: issuer.issuer, aud: AUDIENCE, sub: 'x', preferred_username: 'jo' };
      const bytes = new TextEncoder().encode(secret || 'x'.repeat(32));
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid })
        .setExpirationTime('1h')
        .sign(bytes);
      expect(await verify(token)).toBeNull();
    }
    expect(issuer.asked.keys, 'nobody was asked').toBe(0);
  });

  it('is not good by a secret that the issuer publishes by mistake', async () => {
    const k = Buffer.from('x'.repeat(32)).toString('base64url');
    issuer.publish({ kty: 'oct', k, kid: 'secret', alg: 'HS256' });
    const token = await new SignJWT({ preferred_username: 'jo' })
      .setProtectedHeader({ alg: 'HS256', kid: 'secret' })
      .setIssuer(issuer.issuer)
      .setAudience(AUDIENCE)
      .setSubject('x')
      .setExpirationTime('1h')
      .sign(Buffer.from('x'.repeat(32)));
    expect(await verifierOf()(token)).toBeNull();
  });
});

describe("the issuer's keys", () => {
  it('are fetched once for many requests at once, and kept for ten minutes', async () => {
    holdTime();
    const verify = verifierOf();
    const token = await issuer.sign({ exp: inSeconds(3600) });
    await Promise.all(Array.from({ length: 50 }, async () => expect(await verify(token)).not.toBeNull()));
    pass(599);
    await verify(token);
    expect(issuer.asked).toEqual({ discovery: 1, keys: 1 });
    pass(2);
    await verify(token);
    expect(issuer.asked).toEqual({ discovery: 2, keys: 2 });
  });

  it('may change: a token by a new one is good, one by an old one no more', async () => {
    holdTime();
    const verify = verifierOf();
    const old = await issuer.sign();
    expect(await verify(old)).not.toBeNull();
    await issuer.rotate();
    pass(31);
    expect(await verify(await issuer.sign())).not.toBeNull();
    expect(await verify(old)).toBeNull();
  });

  it('are asked for once in 30 s, however many unknown ones there are', async () => {
    holdTime();
    const verify = verifierOf();
    expect(await verify(await issuer.sign())).not.toBeNull();
    const unknown = async () => {
      const key = await makeKey();
      expect(await verify(await issuer.sign({}, { key }))).toBeNull();
    };
    for (let n = 0; n < 20; n += 1) await unknown();
    expect(issuer.asked.keys).toBe(1);
    pass(31);
    for (let n = 0; n < 20; n += 1) await unknown();
    expect(issuer.asked.keys).toBe(2);
  });

  it.each<[IssuerMood, IssuerMood]>([
    ['failing', 'well'],
    ['redirecting', 'well'],
    ['endless', 'well'],
    ['text', 'well'],
    ['well', 'failing'],
    ['well', 'redirecting'],
    ['well', 'endless'],
    ['well', 'text'],
  ])(
    'cannot be had from an issuer that is %s, or whose keys are %s: nobody knows whether a token is good',
    async (...moods) => {
      holdTime();
      const verify = verifierOf();
      issuer.be(...moods);
      const token = await issuer.sign();
      await Promise.all(
        Array.from({ length: 20 }, async () => await expect(verify(token)).rejects.toMatchObject(AWAY)),
      );
      await expect(verify(token)).rejects.toMatchObject(AWAY);
      expect(issuer.asked.discovery, 'a failure is remembered').toBe(1);
      expect(lines, 'and told once').toEqual([expect.stringMatching(/"level":40.*OIDC_ISSUER/)]);
      issuer.be('well');
      pass(5);
      expect(await verify(token)).not.toBeNull();
    },
  );

  it('are waited for in vain for 5 s, discovery and keys together, by whoever comes first', async () => {
    const verify = verifierOf();
    issuer.be('well', 'silent');
    const token = await issuer.sign();
    const begin = performance.now();
    await Promise.all([1, 2, 3].map(async () => await expect(verify(token)).rejects.toMatchObject(AWAY)));
    expect(performance.now() - begin).toBeGreaterThan(4900);
    expect(performance.now() - begin).toBeLessThan(7000);
    await expect(verify(token)).rejects.toMatchObject(AWAY);
    expect(performance.now() - begin).toBeLessThan(7000);
    expect(issuer.asked.keys).toBe(1);
  }, 10_000);

  it('go on being good while the issuer is away, for a day, and tokens end all the same', async () => {
    holdTime();
    const verify = verifierOf();
    const token = await issuer.sign({ exp: inSeconds(200_000) });
    const ending = await issuer.sign({ exp: inSeconds(3600) });
    await verify(token);
    issuer.be('failing');
    pass(3500);
    expect(await verify(token)).not.toBeNull();
    expect(await verify(ending)).not.toBeNull();
    const unknown = await issuer.sign({}, { key: await makeKey() });
    await expect(verify(unknown)).rejects.toMatchObject(AWAY);
    expect(await verify(token), 'by a key that is known').not.toBeNull();
    expect(issuer.asked.discovery, 'the failure is remembered').toBe(2);
    pass(100);
    expect(await verify(ending)).toBeNull();
    pass(86_400);
    await expect(verify(token)).rejects.toMatchObject(AWAY);
    expect(await verify(ending), 'whether the keys are to be had or not').toBeNull();
  });

  it('that the issuer takes back are good for ten minutes, and for nobody then', async () => {
    holdTime();
    const verify = verifierOf();
    const token = await issuer.sign({ exp: inSeconds(3600) });
    await verify(token);
    await issuer.rotate();
    pass(599);
    expect(await verify(token)).not.toBeNull();
    pass(2);
    expect(await verify(token)).toBeNull();
  });

  it('are not those of another issuer', async () => {
    issuer.discover({ issuer: 'https://evil.example' });
    await expect(verifierOf()(await issuer.sign())).rejects.toMatchObject(AWAY);
    expect(lines[0]).toMatch(/set OIDC_ISSUER to that/);
  });

  it('may be elsewhere over HTTPS at a public address only', async () => {
    await using inside = await listen(() => {});
    const token = await issuer.sign();
    for (const place of [
      `http://${inside.host}/keys`,
      `https://${inside.host}/keys`,
      `https://localhost:${inside.port}/`,
      'file:///etc/passwd',
      'nonsense',
    ]) {
      issuer.discover({ jwks_uri: place });
      await expect(verifierOf()(token), place).rejects.toMatchObject(AWAY);
    }
    expect(inside.connections).toBe(0);
  });

  it('that are too short to be safe are good for nobody', async () => {
    const { publicKey, privateKey } = await crypto.subtle.generateKey(
      {
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: 1024,
        publicExponent: new Uint8Array([1, 0, 1]),
        hash: 'SHA-256',
      },
      true,
      ['sign', 'verify'],
    );
    issuer.publish({
      ...(await crypto.subtle.exportKey('jwk', publicKey)),
      kid: 'short',
      alg: 'RS256',
      key_ops: ['verify'],
    });
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      iss: issuer.issuer,
      aud: AUDIENCE,
      sub: 'x',
      preferred_username: 'jo',
      exp: inSeconds(60),
    };
    const signed = `${encode({ alg: 'RS256', kid: 'short' })}.${encode(claims)}`;
    const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', privateKey, Buffer.from(signed));
    await expect(
      verifierOf()(`${signed}.${Buffer.from(signature).toString('base64url')}`),
    ).rejects.toMatchObject(AWAY);
  });
});
