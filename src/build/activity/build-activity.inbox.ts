import { UnavailableError } from '../../shared/errors.ts';
import type { BuildChange } from './build-activity.reads.ts';

/** Changes that may wait to be taken; beyond, only the newest of each build is kept. */
const MAX_WAITING = 1000;
/** Builds that may wait then: a client that lets more pile up is sent away. */
const MAX_BUILDS = 500;

/** What one subscriber has not taken yet, oldest first. */
export class ActivityInbox {
  #waiting: BuildChange[] = [];
  #failure: unknown = null;
  #wake: () => void = () => undefined;

  /** @param sees may the viewer see this change, and do they want to, now? */
  constructor(private readonly sees: (change: BuildChange) => boolean) {}

  put(change: BuildChange): void {
    if (!this.sees(change)) return;
    this.#waiting.push(change);
    if (this.#waiting.length > MAX_WAITING) this.#thinOut();
    this.#wake();
  }

  /** Ends the subscription with an error. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** Everything that comes in, until `signal` aborts. */
  async *changes(signal: AbortSignal): AsyncGenerator<BuildChange> {
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        if (this.#failure !== null) throw this.#failure;
        const next = this.#waiting.shift();
        if (next === undefined) {
          const { promise, resolve } = Promise.withResolvers<void>();
          this.#wake = resolve;
          await promise;
        } else if (this.sees(next)) {
          // Asked again, for it may have waited, and rights may have changed meanwhile.
          yield next;
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  #thinOut(): void {
    const newest = new Map(this.#waiting.map((change) => [change.build.id, change.version]));
    this.#waiting = this.#waiting.filter(({ build, version }) => newest.get(build.id) === version);
    if (newest.size <= MAX_BUILDS) return;
    this.#waiting = [];
    this.fail(new UnavailableError(TOO_SLOW));
  }
}

const TOO_SLOW = `More than ${MAX_BUILDS} builds have changed since you took the last event. Subscribe again, and then ask for imageBuilds.`;
