import type { ServerResponse } from 'node:http';
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';
import { listen } from './http-server.ts';

/** How an issuer answers: as it should, never, or with what is no use. */
export type IssuerMood = 'well' | 'silent' | 'failing' | 'endless' | 'redirecting' | 'text';

/** An OIDC issuer of a test's own, on the loopback. */
export interface OidcIssuer extends AsyncDisposable {
  /** `http://127.0.0.1:port/realm`. */
  readonly issuer: string;
  readonly host: string;
  /** How often its discovery document, and its keys, were asked for. */
  readonly asked: { readonly discovery: number; readonly keys: number };
  /** Public and private key, and their name. */
  readonly key: SigningKey;
  /** A token for the audience `slipway` that is good for 10 minutes, but for what is said otherwise; `undefined` leaves a claim out. */
  sign(
    claims?: Readonly<Record<string, unknown>>,
    options?: { readonly header?: object; readonly key?: SigningKey },
  ): Promise<string>;
  /** Signs with a new key from now on, and knows the old one no more. */
  rotate(): Promise<void>;
  /** @param keys how it answers for its keys, where that is not how it answers for its discovery document */
  be(mood: IssuerMood, keys?: IssuerMood): void;
  /** Says other things in its discovery document. */
  discover(facts: { readonly issuer?: string; readonly jwks_uri?: string }): void;
  /** Has these among its keys as well. */
  publish(jwk: object): void;
}

export interface SigningKey extends GenerateKeyPairResult {
  readonly kid: string;
  readonly alg: string;
}

export const AUDIENCE = 'slipway';

let made = 0;
export async function makeKey(alg = 'ES256', kid?: string): Promise<SigningKey> {
  made += 1;
  return { ...(await generateKeyPair(alg, { extractable: true })), kid: kid ?? `key-${made}`, alg };
}

export async function startOidcIssuer(alg = 'ES256'): Promise<OidcIssuer> {
  let key = await makeKey(alg);
  let moods: { readonly discovery: IssuerMood; readonly keys: IssuerMood } = {
    discovery: 'well',
    keys: 'well',
  };
  let facts: object = {};
  const published: object[] = [];
  const asked = { discovery: 0, keys: 0 };
  const server = await listen((request, response) => {
    const what = request.url === '/realm/.well-known/openid-configuration' ? 'discovery' : 'keys';
    asked[what] += 1;
    void (async () => {
      const jwk = { ...(await exportJWK(key.publicKey)), kid: key.kid, alg: key.alg, use: 'sig' };
      const document =
        what === 'discovery'
          ? { issuer, jwks_uri: `${issuer}/keys`, ...facts }
          : { keys: [jwk, ...published] };
      answer(response, moods[what], document);
    })();
  });
  const issuer = `http://${server.host}/realm`;

  return {
    issuer,
    host: server.host,
    asked,
    get key() {
      return key;
    },
    async sign(claims = {}, options = {}) {
      const by = options.key ?? key;
      const now = Math.floor(Date.now() / 1000);
      const good = {
        iss: issuer,
        aud: AUDIENCE,
        sub: 'subject-1',
        preferred_username: 'jo',
        iat: now,
        exp: now + 600,
      };
      return await new SignJWT({ ...good, ...claims })
        .setProtectedHeader({ alg: by.alg, kid: by.kid, ...options.header })
        .sign(by.privateKey);
    },
    async rotate() {
      key = await makeKey(alg);
    },
    be(discovery, keys = discovery) {
      moods = { discovery, keys };
    },
    discover(told) {
      facts = told;
    },
    publish(jwk) {
      published.push(jwk);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function answer(response: ServerResponse, mood: IssuerMood, document: object): void {
  switch (mood) {
    case 'well':
      response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
      return;
    case 'silent':
      return;
    case 'failing':
      response.writeHead(500).end();
      return;
    case 'endless': {
      const more = () => {
        while (response.write(' '.repeat(65_536)));
      };
      response.on('drain', more);
      more();
      return;
    }
    case 'redirecting':
      response.writeHead(302, { location: '/elsewhere' }).end();
      return;
    case 'text':
      response.end('It works!');
  }
}
