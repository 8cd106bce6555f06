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
// Of the database's connections.
const PLACES = 4;
const MAX_WAIT_MS = 1000;

/** Tokens of one network within a minute that were not good, and those that are being looked up. */
interface Refusals {
  count: number;
}

/**
 * Limits requests with a token that is not good by their address: not against guessing, which 256 random bits need no help against,
 * but so that strangers cannot keep the database busy. One without any token costs no statement and is not counted.
 *
 * Behind a proxy that is not trusted everybody has one address, so a good token gets in all the same. One that was good before is
 * looked up at once. The others of an address with too many refusals are looked up a few at a time, all such addresses together, and
 * take no more than that many of the database's connections; whose turn does not come within a second is told to try again.
 */
export function createSignIn<Session>(
  authenticate: (token: string | null) => Promise<Session | null>,
): SignIn<Session> {
  const refusals = new LRUCache<string, Refusals>({ max: MAX_NETWORKS, ttl: WINDOW_MS });
  const known = new LRUCache<string, true>({ max: MAX_KNOWN });
  const suspects = new Turnstile(
    PLACES,
    MAX_WAIT_MS,
    'Too many sign-ins are refused at the moment; try again in a while.',
  );

  function refusalsOf(network: string): Refusals {
    const counted = refusals.get(network) ?? { count: 0 };
    if (!refusals.has(network)) refusals.set(network, counted);
    return counted;
  }

  return async (token, address) => {
    if (token === null) return null;
    const network = address === null ? 'unknown' : networkOf(address);
    const hash = hashAccessToken(token);
    const isKnown = known.has(hash);
    const refused = refusalsOf(network);
    const isSuspect = !isKnown && refused.count >= MAX_REFUSED;
    // Before it is looked up: of a thousand at once each would find that there were none before it.
    const counts = !isKnown && !isSuspect;
    if (counts) refused.count += 1;
    let session: Session | null | undefined;
    try {
      session = isSuspect ? await suspects.pass(() => authenticate(token)) : await authenticate(token);
    } finally {
      if (counts && session !== null) refused.count -= 1;
    }
    if (session !== null) {
      known.set(hash, true);
      return session;
    }
    if (isSuspect) {
      throw new RateLimitedError(
        'Too many requests without a valid token came from this address.',
        Math.max(1, Math.ceil(refusals.getRemainingTTL(network) / 1000)),
      );
    }
    if (isKnown) refused.count += 1;
    known.delete(hash);
    return null;
  };
}
