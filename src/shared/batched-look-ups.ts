/** Finds what belongs to each of `keys`; what is not in the map, there is not. */
export type LookUp<T> = (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>;

/** A look that takes longer holds up nobody who comes after it: the next one begins beside it. */
const PATIENCE_MS = 20;
/** How many may be under way at once. */
const MAX_UNDER_WAY = 4;

/**
 * Looks up single keys, those that are asked for at the same time in one go: different questions in one statement, where `JoinedReads`
 * makes one read of equal questions.
 *
 * Nobody joins a look that is under way: it may have looked before they asked. Who comes while one is under way shares the next one with
 * all others who do. So an answer is never older than the question. A look that fails has failed for all who shared it.
 */
export class BatchedLookUps<T> {
  readonly #lookUp: LookUp<T>;
  /** Those for whom no look has begun. */
  #waiting = new Map<string, PromiseWithResolvers<T | null>>();
  #underWay = 0;
  #begunAt = 0;

  constructor(lookUp: LookUp<T>) {
    this.#lookUp = lookUp;
  }

  /** @returns `null` where there is nothing */
  find(key: string): Promise<T | null> {
    const known = this.#waiting.get(key);
    if (known !== undefined) return known.promise;
    const asked = Promise.withResolvers<T | null>();
    this.#waiting.set(key, asked);
    const isHeldUp = this.#underWay > 0 && performance.now() - this.#begunAt < PATIENCE_MS;
    // Requests that have come at the same time are read in one turn of the event loop.
    if (this.#waiting.size === 1 && !isHeldUp) setImmediate(() => this.#begin());
    return asked.promise;
  }

  #begin(): void {
    if (this.#waiting.size === 0 || this.#underWay === MAX_UNDER_WAY) return;
    const asked = this.#waiting;
    this.#waiting = new Map();
    this.#underWay += 1;
    this.#begunAt = performance.now();
    const impatience = setTimeout(() => this.#begin(), PATIENCE_MS);
    void this.#look(asked).finally(() => {
      clearTimeout(impatience);
      this.#underWay -= 1;
      this.#begin();
    });
  }

  async #look(asked: ReadonlyMap<string, PromiseWithResolvers<T | null>>): Promise<void> {
    try {
      const found = await this.#lookUp([...asked.keys()]);
      for (const [key, { resolve }] of asked) resolve(found.get(key) ?? null);
    } catch (error) {
      for (const { reject } of asked.values()) reject(error);
    }
  }
}
