import { AddressRefusedError, type Fetch } from '../outgoing/guarded-fetch.ts';
import { AnswerTooLargeError, readBytes } from '../outgoing/read-bytes.ts';
import { RegistryError } from './image-registry.ts';

export interface RegistryClient {
  /**
   * Sends a request below `/v2/`, signing in where the registry asks for it.
   *
   * @throws RegistryError it does not answer, answers 429 or 5xx, refuses the credentials, or may not be asked
   */
  send(
    method: 'GET' | 'DELETE',
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response>;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** How a registry is reached. */
export interface RegistryAccess {
  /** As it stands in references, for messages. */
  readonly host: string;
  /** Where its API is, e.g. `https://registry.example:5000`. */
  readonly origin: string;
  readonly auth: Credentials | null;
  readonly fetch: Fetch;
  /** May requests go here, where another origin sends us? That it be at a public address is for `fetch` to see to. */
  readonly maySendOn: (url: URL, sentBy: string) => boolean;
  /** May the token service here, where requests may go, see `auth`? The registry itself may. */
  readonly maySeePassword: (url: URL) => boolean;
}

const MAX_REDIRECTS = 3;
// The specification asks registries to take manifests of 4 MiB at least, and clients to bound them.
const MAX_BODY_BYTES = 4 * 1024 * 1024;
// The specification's default where the token's answer names no life time; a little is kept back for the way.
const TOKEN_SECONDS = 60;
const WITHHELD =
  ': it asks for the sign-in at another site, which does not see the password unless the operator gives it for that host as well';

/** The part of the distribution API that is about reaching a registry: sign-in, redirects, what an answer means. */
export function createRegistryClient(access: RegistryAccess): RegistryClient {
  const { host, origin, auth } = access;
  const basic = auth && `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
  // By challenge, which names the scope: one token for each repository.
  const tokens = new Map<string, { readonly value: string; readonly expiresAt: number }>();

  async function follow(
    method: string,
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal,
    by?: string,
  ): Promise<{ response: Response; from: URL }> {
    let target = url;
    let sent = headers;
    let sentBy = by;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const init = { method, headers: sent, redirect: 'manual', signal, ...(sentBy && { sentBy }) } as const;
      const response = await access.fetch(target, init).catch((cause: unknown) => {
        throw notReached(target, cause);
      });
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null)
        return { response, from: target };
      await response.body?.cancel();
      if (!URL.canParse(location, target.href))
        throw new RegistryError('PROTOCOL', `the registry ${host} redirects to no address`);
      const next = new URL(location, target);
      // Blobs are often on a storage host. Our credentials are for the registry only.
      if (next.origin !== target.origin) {
        if (!access.maySendOn(next, target.origin))
          throw new RegistryError('PROTOCOL', `the registry ${host} redirects to a place without HTTPS`);
        const { authorization: _, ...rest } = sent;
        sent = rest;
      }
      sentBy = target.origin;
      target = next;
    }
    throw new RegistryError('PROTOCOL', `the registry ${host} redirects more than ${MAX_REDIRECTS} times`);
  }

  function notReached(target: URL, cause: unknown): RegistryError {
    if (!(cause instanceof AddressRefusedError))
      return new RegistryError('REGISTRY_UNAVAILABLE', `the registry ${host} does not answer`, { cause });
    return new RegistryError(
      'NOT_ALLOWED',
      target.origin === origin
        ? `${host} is at no public address, and not a registry that this server may ask all the same`
        : `the registry ${host} sends on to a place that this server may not ask: at no public address, or with a user in its URL`,
      { cause },
    );
  }

  async function fetchToken(challenge: string, signal: AbortSignal): Promise<string> {
    const kept = tokens.get(challenge);
    if (kept && kept.expiresAt > Date.now()) return kept.value;
    const fields = new Map(
      [...challenge.matchAll(/\b(\w+)="([^"]*)"/g)].map((m) => [m[1]?.toLowerCase(), m[2] ?? '']),
    );
    const realm = parseUrl(fields.get('realm'));
    if (!realm || (realm.origin !== origin && !access.maySendOn(realm, origin))) {
      throw new RegistryError(
        'PROTOCOL',
        `the registry ${host} asks for a sign-in at a place that is not safe`,
      );
    }
    for (const name of ['service', 'scope']) {
      const value = fields.get(name);
      if (value !== undefined) realm.searchParams.set(name, value);
    }
    const showsPassword = basic !== null && (realm.origin === origin || access.maySeePassword(realm));
    const sent = showsPassword ? { authorization: basic } : {};
    const { response } = await follow('GET', realm, sent, signal, origin);
    await assertUsable(response, host, basic !== null && !showsPassword ? WITHHELD : undefined);
    const { token, access_token, expires_in } = parseObject(
      (await readBody(response, `the sign-in at ${host}`)).toString('utf8'),
    );
    const value = typeof token === 'string' ? token : access_token;
    if (typeof value !== 'string') throw new RegistryError('PROTOCOL', `the registry ${host} gave no token`);
    const seconds = typeof expires_in === 'number' && expires_in > 0 ? expires_in : TOKEN_SECONDS;
    if (tokens.size >= 1000) tokens.clear();
    tokens.set(challenge, { value, expiresAt: Date.now() + seconds * 900 });
    return value;
  }

  return {
    async send(method, path, headers, signal) {
      const url = new URL(`${origin}/v2/${path}`);
      const { response: first, from } = await follow(method, url, { ...headers }, signal);
      const asked = first.headers.get('www-authenticate');
      // Where the registry has sent us on, it is somebody else who asks, and would name a place of theirs.
      if (first.status !== 401 || asked === null || from.origin !== origin)
        return await assertUsable(first, host);
      await first.body?.cancel();
      const bearer = bearerOf(asked);
      const authorization = bearer === null ? basic : `Bearer ${await fetchToken(bearer, signal)}`;
      if (!authorization)
        throw new RegistryError('DENIED', `the registry ${host} asks for a user and a password`);
      const { response } = await follow(method, url, { ...headers, authorization }, signal);
      return await assertUsable(response, host);
    },
  };
}

/**
 * Reads an answer to its end.
 *
 * @param name what it is, for messages
 * @throws RegistryError it has more than 4 MiB
 */
export async function readBody(response: Response, name: string): Promise<Buffer> {
  try {
    return await readBytes(response, MAX_BODY_BYTES);
  } catch (cause) {
    if (!(cause instanceof AnswerTooLargeError)) throw cause;
    throw new RegistryError('PROTOCOL', `${name} has more than 4 MiB`, { cause });
  }
}

async function assertUsable(response: Response, host: string, hint = ''): Promise<Response> {
  const { status } = response;
  const isDenied = status === 401 || status === 403;
  if (!isDenied && status !== 429 && status < 500) return response;
  await response.body?.cancel();
  throw isDenied
    ? new RegistryError('DENIED', `the registry ${host} refuses the access${hint}`)
    : new RegistryError('REGISTRY_UNAVAILABLE', `the registry ${host} answers with status ${status}`);
}

/** The challenge for a token among those of a `WWW-Authenticate` header, which may offer several. */
function bearerOf(header: string): string | null {
  const challenges = header.split(/,\s*(?=\w+ +\w+=)/);
  return challenges.find((challenge) => /^bearer /i.test(challenge)) ?? null;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}

function parseUrl(text: string | undefined): URL | null {
  return text !== undefined && URL.canParse(text) ? new URL(text) : null;
}
