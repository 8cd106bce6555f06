import { UnavailableError } from '../../shared/errors.ts';
import type { ChangeNotice } from './build-activity.reads.ts';

/** Changes that may wait to be taken; beyond, only the newest of each build is kept. */
const MAX_WAITING = 1000;
/** Builds that may wait then: a client that lets more pile up is sent away. */
const MAX_BUILDS = 500;

/** What one subscriber has not taken yet, oldest first: notices only, a client that stands still must not hold builds. */
export class ActivityInbox {
  #waiting: ChangeNotice[] = [];
  #failure: unknown = null;
  #wake: () => void = () => undefined;

  /** @param sees may the viewer see this change, and do they want to, now? */
  constructor(private readonly sees: (notice: ChangeNotice) => boolean) {}

  put(notice: ChangeNotice): void {
    if (!this.sees(notice)) return;
    this.#waiting.push(notice);
    if (this.#waiting.length > MAX_WAITING) this.#thinOut();
    this.#wake();
  }

  /** Ends the subscription with an error. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** Everything that comes in, at most `size` at once, until `signal` aborts. */
  async *batches(size: number, signal: AbortSignal): AsyncGenerator<ChangeNotice[]> {
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        if (this.#failure !== null) throw this.#failure;
        const batch = this.#waiting.splice(0, size);
        if (batch.length > 0) {
          yield batch;
          continue;
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  #thinOut(): void {
    const newest = new Map(this.#waiting.map(({ buildId, version }) => [buildId, version]));
    this.#waiting = this.#waiting.filter(({ buildId, version }) => newest.get(buildId) === version);
    if (newest.size <= MAX_BUILDS) return;
    this.#waiting = [];
    this.fail(new UnavailableError(TOO_SLOW));
  }
}

const TOO_SLOW = `More than ${MAX_BUILDS} builds have changed since you took the last event. Subscribe again, and then ask for imageBuilds.`;
