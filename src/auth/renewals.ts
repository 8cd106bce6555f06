import { LRUCache } from 'lru-cache';
import type { Authenticate } from './authenticate.ts';

/** How old the answer to a renewal may be. */
const FRESH_MS = 1500;
/** How many tokens' answers are kept for those who ask next. */
const MAX_KEPT = 10_000;

/**
 * Asks whether tokens are still good, for what lasts longer than a request: of each token once in a second and a half, however many
 * follow with it. A look-up that failed is told to all who asked; they ask again by themselves.
 */
export function createRenewals(authenticate: Authenticate): Authenticate {
  const recent = new LRUCache<string, { readonly at: number; readonly session: ReturnType<Authenticate> }>({
    max: MAX_KEPT,
  });
  return async (token) => {
    if (token === null) return null;
    const now = performance.now();
    const known = recent.get(token);
    if (known !== undefined && now - known.at < FRESH_MS) return await known.session;
    const session = authenticate(token);
    recent.set(token, { at: now, session });
    return await session;
  };
}
