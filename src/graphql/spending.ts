import { GraphQLError } from 'graphql';

/** What each viewer may spend on operations in a while. */
export interface Spending {
  /**
   * Takes `cost` from what is left to a viewer. What is refused is taken, too.
   *
   * @throws GraphQLError RATE_LIMITED, with `retryAfter` in seconds: there was less left
   */
  spend(viewer: string, cost: number): void;
  /** Takes it for what is done already: whoever has not that much left is refused the next time. */
  owe(viewer: string, cost: number): void;
  /** @throws GraphQLError RATE_LIMITED: nothing is left to the viewer */
  assertSomeLeft(viewer: string): void;
}

const MINUTE_SECONDS = 60;
const WINDOW_SECONDS = 10;
const DAY_SECONDS = 86_400;

/** What a viewer has spent until `endsAt`, in milliseconds of `performance.now()`. */
interface Window {
  spent: number;
  readonly endsAt: number;
}

/**
 * Counts in windows of ten seconds, a sixth of what a minute gives: whoever is refused waits that long at the most. Where the
 * limit is so low that what is dearest would never fit in, the windows are longer. Viewers are kept for one window, or until somebody
 * begins another one.
 *
 * @param costPerMinute `null`: as much as they like
 * @param dearest what one request may have to pay, in parts, before it is answered
 */
export function createSpending(costPerMinute: number | null, dearest: number): Spending {
  if (costPerMinute === null) return { spend: () => {}, owe: () => {}, assertSomeLeft: () => {} };
  const limit = Math.max(Math.ceil((costPerMinute * WINDOW_SECONDS) / MINUTE_SECONDS), dearest);
  const duration = Math.min(Math.ceil((limit * MINUTE_SECONDS) / costPerMinute), DAY_SECONDS);
  // All windows are as long, so those that end first come first.
  const windows = new Map<string, Window>();

  function windowOf(viewer: string): Window {
    const now = performance.now();
    const open = windows.get(viewer);
    if (open !== undefined && now < open.endsAt) return open;
    for (const [other, { endsAt }] of windows) {
      if (now < endsAt) break;
      windows.delete(other);
    }
    const begun = { spent: 0, endsAt: now + duration * 1000 };
    windows.set(viewer, begun);
    return begun;
  }

  function limited({ endsAt }: Window): GraphQLError {
    const retryAfter = Math.max(1, Math.ceil((endsAt - performance.now()) / 1000));
    return rateLimited(
      `You have spent what is given for ${duration} seconds; try again in ${retryAfter}, or ask for less at once.`,
      { retryAfter, limit },
    );
  }

  return {
    spend(viewer, cost) {
      const window = windowOf(viewer);
      window.spent += cost;
      if (window.spent > limit) throw limited(window);
    },
    owe(viewer, cost) {
      windowOf(viewer).spent += cost;
    },
    assertSomeLeft(viewer) {
      const window = windows.get(viewer);
      if (window === undefined || window.endsAt <= performance.now()) return;
      if (window.spent >= limit) throw limited(window);
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
