import { LRUCache } from 'lru-cache';
import { hashAccessToken } from './access-token.ts';
import type { Authenticate } from './authenticate.ts';

/** How old the answer to a renewal may be. */
const FRESH_MS = 1500;
/** How many tokens' answers are kept for those who ask next. */
const MAX_KEPT = 10_000;

/**
 * Asks whether tokens are still good, for what lasts: of each token once in a second and a half, however many follow with it. A
 * look-up that failed is told to all who asked; they ask again by themselves.
 */
export function createRenewals(authenticate: Authenticate): Authenticate {
  // A session knows its token, so what is no longer of use is not kept either.
  const recent = new LRUCache<string, ReturnType<Authenticate>>({
    max: MAX_KEPT,
    ttl: FRESH_MS,
    ttlAutopurge: true,
  });
  return async (token) => {
    if (token === null) return null;
    const hash = hashAccessToken(token);
    const known = recent.get(hash);
    if (known !== undefined) return await known;
    const session = authenticate(token, hash);
    recent.set(hash, session);
    return await session;
  };
}
