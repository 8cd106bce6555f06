import { UnavailableError } from './errors.ts';

/** Lets so many in at once; the others wait in a row. */
export class Turnstile {
  #free: number;
  readonly #row = new Set<() => void>();

  /** @param refusal what is said to who has waited too long */
  constructor(
    places: number,
    private readonly waitMs: number,
    private readonly refusal: string,
  ) {
    this.#free = places;
  }

  /** @throws UnavailableError its turn did not come in time; nothing was run then */
  async pass<T>(run: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await run();
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const enter = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      this.#row.delete(enter);
      reject(new UnavailableError(this.refusal));
    }, this.waitMs);
    this.#row.add(enter);
    await promise;
  }

  /** A place goes to the one who has waited longest, so that nobody who comes just now is faster. */
  #leave(): void {
    const [next] = this.#row;
    if (next === undefined) this.#free += 1;
    else {
      this.#row.delete(next);
      next();
    }
  }
}
