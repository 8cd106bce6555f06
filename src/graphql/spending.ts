import { GraphQLError } from 'graphql';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** What each viewer may spend on operations in a while. */
export interface Spending {
  /**
   * Takes `cost` from what is left to a viewer. What is refused is taken, too.
   *
   * @throws GraphQLError RATE_LIMITED, with `retryAfter` in seconds: there was less left
   */
  spend(viewer: string, cost: number): Promise<void>;
  /** @throws GraphQLError RATE_LIMITED: nothing is left to the viewer */
  assertSomeLeft(viewer: string): Promise<void>;
}

const MINUTE_SECONDS = 60;
const WINDOW_SECONDS = 10;
const DAY_SECONDS = 86_400;

/**
 * Counts in windows of ten seconds, a sixth of what a minute gives: whoever is refused waits that long at the most. Where the
 * limit is so low that what is dearest would never fit in, the windows are longer. Viewers are kept for one window.
 *
 * @param costPerMinute `null`: as much as they like
 * @param dearest what one request may have to pay, in parts, before it is answered
 */
export function createSpending(costPerMinute: number | null, dearest: number): Spending {
  if (costPerMinute === null) return { spend: async () => {}, assertSomeLeft: async () => {} };
  const points = Math.max(Math.ceil((costPerMinute * WINDOW_SECONDS) / MINUTE_SECONDS), dearest);
  const duration = Math.min(Math.ceil((points * MINUTE_SECONDS) / costPerMinute), DAY_SECONDS);
  const limiter = new RateLimiterMemory({ points, duration });
  const limited = ({ msBeforeNext }: RateLimiterRes) => {
    const retryAfter = Math.max(1, Math.ceil(msBeforeNext / 1000));
    return rateLimited(
      `You have spent what is given for ${duration} seconds; try again in ${retryAfter}, or ask for less at once.`,
      { retryAfter, limit: points },
    );
  };
  return {
    async spend(viewer, cost) {
      try {
        await limiter.consume(viewer, cost);
      } catch (error) {
        throw error instanceof RateLimiterRes ? limited(error) : error;
      }
    },
    async assertSomeLeft(viewer) {
      const spent = await limiter.get(viewer);
      if (spent !== null && spent.consumedPoints >= points) throw limited(spent);
    },
  };
}

/** @param details `retryAfter` in whole seconds, at least 1 */
export function rateLimited(
  message: string,
  details: { readonly retryAfter: number; readonly limit: number },
): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'RATE_LIMITED', details } });
}
