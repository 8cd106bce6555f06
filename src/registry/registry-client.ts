import { RegistryError } from './image-registry.ts';

export interface RegistryClient {
  /**
   * Sends a GET below `/v2/`, signing in where the registry asks for it.
   *
   * @throws RegistryError it does not answer, answers 429 or 5xx, or refuses the credentials
   */
  get(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response>;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

const MAX_REDIRECTS = 3;
// The specification's default where the token's answer names no life time; a little is kept back for the way.
const TOKEN_SECONDS = 60;

/** Plain HTTP is spoken with this machine only. */
function registryOrigin(host: string): string {
  const name = host.replace(/:\d+$/, '');
  const isLoopback = name === 'localhost' || /^127(\.\d+){3}$/.test(name) || name === '[::1]';
  return `${isLoopback ? 'http' : 'https'}://${host}`;
}

/** The part of the distribution API that is about reaching a registry: sign-in, redirects, what an answer means. */
export function createRegistryClient(
  host: string,
  auth: Credentials | null,
  fetchImpl: typeof fetch,
): RegistryClient {
  const origin = registryOrigin(host);
  const basic = auth && `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
  // By challenge, which names the scope: one token for each repository.
  const tokens = new Map<string, { readonly value: string; readonly expiresAt: number }>();

  async function send(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    let target = new URL(url);
    let sent = headers;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const response = await fetchImpl(target, { headers: sent, redirect: 'manual', signal }).catch(
        (cause: unknown) => {
          throw new RegistryError('REGISTRY_UNAVAILABLE', `the registry ${host} does not answer`, { cause });
        },
      );
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      const next = new URL(location, target);
      // Blobs are often on a storage host. Our credentials are for the registry only.
      if (next.origin !== target.origin) {
        if (next.protocol !== 'https:')
          throw new RegistryError('PROTOCOL', `the registry ${host} redirects to plain HTTP`);
        const { authorization: _, ...rest } = sent;
        sent = rest;
      }
      target = next;
    }
    throw new RegistryError('PROTOCOL', `the registry ${host} redirects more than ${MAX_REDIRECTS} times`);
  }

  async function fetchToken(challenge: string, signal: AbortSignal): Promise<string> {
    const kept = tokens.get(challenge);
    if (kept && kept.expiresAt > Date.now()) return kept.value;
    const fields = new Map(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1]?.toLowerCase(), m[2] ?? '']),
    );
    const realm = parseUrl(fields.get('realm'));
    if (!realm || (realm.origin !== origin && realm.protocol !== 'https:')) {
      throw new RegistryError(
        'PROTOCOL',
        `the registry ${host} asks for a sign-in at a place that is not safe`,
      );
    }
    for (const name of ['service', 'scope']) {
      const value = fields.get(name);
      if (value !== undefined) realm.searchParams.set(name, value);
    }
    const response = await send(realm.href, basic ? { authorization: basic } : {}, signal);
    assertUsable(response, host);
    const body: unknown = await response.json().catch(() => null);
    const { token, access_token, expires_in } = (
      typeof body === 'object' && body !== null ? body : {}
    ) as Record<string, unknown>;
    const value = typeof token === 'string' ? token : access_token;
    if (typeof value !== 'string') throw new RegistryError('PROTOCOL', `the registry ${host} gave no token`);
    const seconds = typeof expires_in === 'number' && expires_in > 0 ? expires_in : TOKEN_SECONDS;
    if (tokens.size >= 1000) tokens.clear();
    tokens.set(challenge, { value, expiresAt: Date.now() + seconds * 900 });
    return value;
  }

  return {
    async get(path, headers, signal) {
      const url = `${origin}/v2/${path}`;
      const first = await send(url, { ...headers }, signal);
      const challenge = first.headers.get('www-authenticate');
      if (first.status !== 401 || challenge === null) return assertUsable(first, host);
      await first.body?.cancel();
      const authorization = /^bearer /i.test(challenge)
        ? `Bearer ${await fetchToken(challenge, signal)}`
        : basic;
      if (!authorization)
        throw new RegistryError('DENIED', `the registry ${host} asks for a user and a password`);
      return assertUsable(await send(url, { ...headers, authorization }, signal), host);
    },
  };
}

function assertUsable(response: Response, host: string): Response {
  const { status } = response;
  if (status === 429 || status >= 500) {
    throw new RegistryError('REGISTRY_UNAVAILABLE', `the registry ${host} answers with status ${status}`);
  }
  if (status === 401 || status === 403)
    throw new RegistryError('DENIED', `the registry ${host} refuses the access`);
  return response;
}

function parseUrl(text: string | undefined): URL | null {
  return text !== undefined && URL.canParse(text) ? new URL(text) : null;
}
