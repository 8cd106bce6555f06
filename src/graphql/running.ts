import { rateLimited } from './spending.ts';

/** How many operations each viewer has running, over all connections. */
export class Running {
  readonly #counts = new Map<string, number>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Counts one more. Disposing of what comes back counts it out again, once.
   *
   * @throws GraphQLError RATE_LIMITED: as many as may be are running
   */
  start(viewer: string): Disposable {
    const before = this.#counts.get(viewer) ?? 0;
    if (before >= this.#limit) {
      const message = `At most ${this.#limit} of your operations run at a time; end some, or wait for one to end.`;
      throw rateLimited(message, { retryAfter: 1, limit: this.#limit });
    }
    this.#counts.set(viewer, before + 1);
    return new Run(this, viewer);
  }

  /** Counts one out again. */
  end(viewer: string): void {
    const left = (this.#counts.get(viewer) ?? 1) - 1;
    if (left > 0) this.#counts.set(viewer, left);
    else this.#counts.delete(viewer);
  }
}

/** A class: V8 makes objects with a symbol for a key slowly where they are written as literals. */
class Run implements Disposable {
  #isRunning = true;

  constructor(
    private readonly all: Running,
    private readonly viewer: string,
  ) {}

  [Symbol.dispose](): void {
    if (this.#isRunning) this.all.end(this.viewer);
    this.#isRunning = false;
  }
}
