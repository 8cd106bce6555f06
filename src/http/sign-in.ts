import { LRUCache } from 'lru-cache';
import { hashAccessToken } from '../auth/access-token.ts';
import { RateLimitedError } from '../shared/errors.ts';
import { Turnstile } from '../shared/turnstile.ts';
import { networkOf } from './client-address.ts';

/**
 * Whose token it is; `null` where nobody's.
 *
 * @throws RateLimitedError it is nobody's, as were too many from that address before
 * @throws UnavailableError too many from that address, or from such addresses, are being looked up
 */
export type SignIn<Session> = (token: string | null, address: string | null) => Promise<Session | null>;

// More than a misconfigured client's retries, and far less than a flood.
const MAX_REFUSED = 300;
const WINDOW_MS = 60_000;
// About 100 bytes each.
const MAX_NETWORKS = 10_000;
const MAX_KNOWN = 10_000;
// Of the looks at the database, which all who sign in share.
const SUSPECTS = { places: 4, waitMs: 1000 };
// At 5 ms each, 8,000 are looked up while the last one waits.
const CROWD = { places: 8, waitMs: 5000 };

/** What came from one network within a minute with tokens that are not known to be good. */
interface Strangers {
  /** Those that were not good. */
  refused: number;
  /** Those that are being looked up at once, without waiting. */
  underWay: number;
}

/**
 * Limits requests with a token that is not good by their address: not against guessing, which 256 random bits need no help against,
 * but so that strangers cannot keep the database busy. One without any token costs no statement and is not counted.
 *
 * Behind a proxy that is not trusted everybody has one address, so a good token gets in all the same. One that was good before is
 * looked up at once. The others of an address with too many refusals are looked up a few at a time, all such addresses together;
 * whose turn does not come within a second is told to try again.
 *
 * After a restart no token is known, and a thousand sockets of one address come back at once. Of so many that were not refused
 * yet, those for whom nothing would be left if all before them were bad wait in a row of their own, for up to five seconds.
 */
export function createSignIn<Session>(
  authenticate: (token: string, hash: string) => Promise<Session | null>,
): SignIn<Session> {
  const networks = new LRUCache<string, Strangers>({ max: MAX_NETWORKS, ttl: WINDOW_MS });
  const known = new LRUCache<string, true>({ max: MAX_KNOWN });
  const suspects = new Turnstile(
    SUSPECTS.places,
    SUSPECTS.waitMs,
    'Too many sign-ins are refused at the moment; try again in a while.',
  );
  const crowd = new Turnstile(
    CROWD.places,
    CROWD.waitMs,
    'Too many sign-ins are under way at the moment; try again in a few seconds.',
  );

  function strangersOf(network: string): Strangers {
    const counted = networks.get(network) ?? { refused: 0, underWay: 0 };
    if (!networks.has(network)) networks.set(network, counted);
    return counted;
  }

  const areSuspect = (strangers: Strangers) => strangers.refused >= MAX_REFUSED;

  async function lookUp(token: string, hash: string, strangers: Strangers): Promise<Session | null> {
    // Also those under way: of a thousand bad ones at once each would find that none was refused before it.
    if (strangers.refused + strangers.underWay < MAX_REFUSED) {
      strangers.underWay += 1;
      try {
        return await authenticate(token, hash);
      } finally {
        strangers.underWay -= 1;
      }
    }
    if (!areSuspect(strangers)) {
      // Those before it may have been refused while it waited: it must not keep a place of this row while it waits in the other.
      const session = await crowd.pass(async () =>
        areSuspect(strangers) ? undefined : await authenticate(token, hash),
      );
      if (session !== undefined) return session;
    }
    return await suspects.pass(() => authenticate(token, hash));
  }

  async function stranger(token: string, hash: string, address: string | null): Promise<Session | null> {
    const network = address === null ? 'unknown' : networkOf(address);
    const strangers = strangersOf(network);
    const session = await lookUp(token, hash, strangers);
    if (session !== null) {
      known.set(hash, true);
      return session;
    }
    if (areSuspect(strangers)) {
      throw new RateLimitedError(
        'Too many requests without a valid token came from this address.',
        Math.max(1, Math.ceil(networks.getRemainingTTL(network) / 1000)),
      );
    }
    strangers.refused += 1;
    return null;
  }

  return async (token, address) => {
    if (token === null) return null;
    const hash = hashAccessToken(token);
    if (known.get(hash) === undefined) return await stranger(token, hash, address);
    const session = await authenticate(token, hash);
    if (session !== null) return session;
    known.delete(hash);
    strangersOf(address === null ? 'unknown' : networkOf(address)).refused += 1;
    return null;
  };
}
