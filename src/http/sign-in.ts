import { LRUCache } from 'lru-cache';
import { hashAccessToken } from '../auth/access-token.ts';
import { RateLimitedError } from '../shared/errors.ts';
import { Turnstile } from '../shared/turnstile.ts';
import { networkOf } from './client-address.ts';

/**
 * Whose token it is; `null` where nobody's.
 *
 * @throws RateLimitedError it is nobody's, as were too many from that address before
 * @throws UnavailableError too many from such addresses are being looked up
 */
export type SignIn<Session> = (token: string | null, address: string | null) => Promise<Session | null>;

// More than a misconfigured client's retries, and far less than a flood.
const MAX_REFUSED = 300;
const WINDOW_MS = 60_000;
// About 100 bytes each.
const MAX_NETWORKS = 10_000;
const MAX_KNOWN = 10_000;
const MAX_WAIT_MS = 1000;

/**
 * Limits requests without a good token by their address: not against guessing, which 256 random bits need no help against,
 * but so that strangers cannot keep the database busy.
 *
 * Behind a proxy that is not trusted everybody has one address, so a good token gets in all the same. One that was good before is
 * looked up at once. The others of an address with too many refusals are looked up one at a time, all such addresses together, and
 * take no more than one of the database's connections; whose turn does not come within a second is told to try again.
 */
export function createSignIn<Session>(
  authenticate: (token: string | null) => Promise<Session | null>,
): SignIn<Session> {
  const refused = new LRUCache<string, number>({ max: MAX_NETWORKS, ttl: WINDOW_MS, noUpdateTTL: true });
  const known = new LRUCache<string, true>({ max: MAX_KNOWN });
  const suspects = new Turnstile(
    1,
    MAX_WAIT_MS,
    'Too many sign-ins are refused at the moment; try again in a while.',
  );

  return async (token, address) => {
    const network = address === null ? 'unknown' : networkOf(address);
    const isSuspect = (refused.get(network) ?? 0) >= MAX_REFUSED;
    const hash = token === null ? null : hashAccessToken(token);
    const isKnown = hash !== null && known.has(hash);
    const session =
      isSuspect && hash !== null && !isKnown
        ? await suspects.pass(() => authenticate(token))
        : await authenticate(token);
    if (session !== null) {
      if (hash !== null) known.set(hash, true);
      return session;
    }
    if (hash !== null) known.delete(hash);
    if (isSuspect && !isKnown) {
      throw new RateLimitedError(
        'Too many requests without a valid token came from this address.',
        Math.max(1, Math.ceil(refused.getRemainingTTL(network) / 1000)),
      );
    }
    refused.set(network, (refused.get(network) ?? 0) + 1);
    return null;
  };
}
