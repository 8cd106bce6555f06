import { setImmediate as nextTurn } from 'node:timers/promises';

/** How often a reader who has heard of no news looks by himself. */
const LOOK_MS = 2000;

/**
 * How long a reader waits for news before the next look, in milliseconds: all readers look at the same moments, so that their
 * reads are joined. Between half of {@link LOOK_MS} and one and a half, since a timer may be early by a millisecond.
 */
export const untilNextLook = (): number => 1.5 * LOOK_MS - ((Date.now() + LOOK_MS / 2) % LOOK_MS);

/**
 * Makes one read of equal ones that are asked for at the same time, so that a thousand readers who are woken by one hint cost
 * one read; `BatchedLookUps` is for questions that differ.
 *
 * A caller never joins a read that is under way: that one may have looked before the caller asked, and not know what the
 * caller knows already. Who comes while one is under way shares the next one with all others who do. So an answer is never
 * older than the question, and of each key at most one read runs and one waits.
 */
export class JoinedReads<T> {
  /** Not begun: may be joined. */
  readonly #waiting = new Map<string, Promise<T>>();
  readonly #running = new Map<string, Promise<unknown>>();

  read(key: string, run: () => Promise<T>): Promise<T> {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) return waiting;
    const read = this.#start(key, run);
    this.#waiting.set(key, read);
    return read;
  }

  async #start(key: string, run: () => Promise<T>): Promise<T> {
    await this.#running.get(key)?.catch(() => undefined);
    // All who are woken together ask in the same turn of the event loop.
    await nextTurn();
    this.#waiting.delete(key);
    const running = run();
    this.#running.set(key, running);
    try {
      return await running;
    } finally {
      if (this.#running.get(key) === running) this.#running.delete(key);
    }
  }
}
