import { type CryptoKey, createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Fetch } from '../outgoing/guarded-fetch.ts';
import { readBytes } from '../outgoing/read-bytes.ts';
import { UnavailableError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';

// Somebody waits for it to sign in: for the discovery document and the keys together.
const DEADLINE_MS = 5000;
// An unknown key is a reason to ask again, but whoever makes up keys makes us ask no more often than this.
const COOL_DOWN_MS = 30_000;
// So long is a key good that the issuer has taken back,
const MAX_AGE_MS = 600_000;
// but while it cannot be asked, its tokens go on being checked by what it said last: by then they have ended, nearly all of them.
const MAX_AGE_WHILE_AWAY_MS = 86_400_000;
// Nobody waits for an issuer that was found away so recently: a while where there are keys to go on with.
const FAILURE_MS = 5000;
const FAILURE_WITH_KEYS_MS = 30_000;
// Large issuers have some 10 keys, 2 KB each with their certificates.
const MAX_BYTES = 1024 * 1024;

const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });
const Keys = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

/**
 * The keys with which an OIDC issuer signs, fetched when they are first needed and again after 10 minutes; the old ones go on being
 * good for a day where the issuer cannot be asked. A key that is not among them makes us ask again, once in 30 seconds.
 *
 * @param fetch lets us ask the issuer wherever it is, and others at public addresses only
 * @returns the key for a token's header; it throws UnavailableError where no keys are to be had
 * @see https://openid.net/specs/openid-connect-discovery-1_0.html
 */
export function createIssuerKeys(
  issuer: string,
  { fetch, log }: { readonly fetch: Fetch; readonly log: Logger },
): JWTVerifyGetKey<CryptoKey> {
  const discoveryUrl = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  let fetchedAt: number | null = null;
  let failure: { readonly at: number; readonly cause: unknown } | null = null;

  async function getJson(url: URL, signal: AbortSignal): Promise<unknown> {
    const headers = { accept: 'application/json, application/jwk-set+json' };
    const response = await fetch(url, { method: 'GET', headers, redirect: 'manual', signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`${url.href} answers with status ${response.status} instead of 200`);
    }
    return JSON.parse((await readBytes(response, MAX_BYTES)).toString('utf8'));
  }

  async function getKeys(signal: AbortSignal): Promise<z.infer<typeof Keys>> {
    const discovered = Discovery.parse(await getJson(discoveryUrl, signal));
    if (discovered.issuer !== issuer) {
      throw new Error(
        `${discoveryUrl.href} is about the issuer ${discovered.issuer}: set OIDC_ISSUER to that`,
      );
    }
    const keysUrl = new URL(discovered.jwks_uri);
    if (keysUrl.protocol !== 'https:' && keysUrl.origin !== discoveryUrl.origin) {
      throw new Error(`${keysUrl.href} is another server than OIDC_ISSUER and not at https`);
    }
    return Keys.parse(await getJson(keysUrl, signal));
  }

  async function fetchKeys(signal: AbortSignal): Promise<Response> {
    const memory = fetchedAt === null ? FAILURE_MS : FAILURE_WITH_KEYS_MS;
    if (failure !== null && Date.now() - failure.at < memory) throw keysAway(failure.cause);
    try {
      const keys = Response.json(await getKeys(signal));
      fetchedAt = Date.now();
      failure = null;
      return keys;
    } catch (cause) {
      failure = { at: Date.now(), cause };
      const message =
        'the keys of OIDC_ISSUER cannot be fetched, so tokens by keys not known yet sign nobody in';
      log.warn({ err: cause, issuer }, message);
      throw keysAway(cause);
    }
  }

  // What is fetched is both documents: so a new place for the keys is found as new keys are.
  const keys = createRemoteJWKSet(discoveryUrl, {
    timeoutDuration: DEADLINE_MS,
    cooldownDuration: COOL_DOWN_MS,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: async (_, { signal }) => await fetchKeys(signal),
  });

  return async (header, token) => {
    const age = fetchedAt === null ? Number.POSITIVE_INFINITY : Date.now() - fetchedAt;
    if (age > MAX_AGE_MS) {
      await keys.reload().catch((error: unknown) => {
        if (age > MAX_AGE_WHILE_AWAY_MS) throw error;
      });
    }
    return await keys(header, token);
  };
}

/** Whether a token is good cannot be said now. */
export function keysAway(cause: unknown): UnavailableError {
  const message =
    "The issuer's keys cannot be had, so nobody can sign in by a JWT for the moment; try again in a few seconds.";
  return new UnavailableError(message, { cause });
}
