/** In how many parts a period is cut, so that not all are called at once. */
const PARTS = 10;

/**
 * Calls each of its members once a period, by one timer for all, however many thousand they are. Those of one part are called in the
 * same turn of the event loop, so that what they look up is looked up together.
 */
export class Rounds {
  readonly #parts = Array.from({ length: PARTS }, () => new Set<() => void>());
  readonly #partMs: number;
  #now = 0;
  #size = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(periodMs: number) {
    this.#partMs = periodMs / PARTS;
  }

  /**
   * Calls `member` within a period for the first time, until it is disposed of. One that has not come to its end since it was called
   * last is passed over: it could come to it after the later call. It must neither throw nor reject.
   */
  join(member: () => Promise<void> | void): Disposable {
    const part = this.#parts[this.#now] as Set<() => void>;
    let isUnderWay = false;
    // Of its own, for the same function may join twice.
    const call = () => {
      if (!isUnderWay) void run();
    };
    const run = async () => {
      isUnderWay = true;
      try {
        await member();
      } finally {
        isUnderWay = false;
      }
    };
    part.add(call);
    this.#size += 1;
    this.#timer ??= setInterval(() => this.#next(), this.#partMs).unref();
    return { [Symbol.dispose]: () => this.#leave(part, call) };
  }

  #leave(part: Set<() => void>, call: () => void): void {
    if (!part.delete(call)) return;
    this.#size -= 1;
    if (this.#size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #next(): void {
    this.#now = (this.#now + 1) % PARTS;
    for (const call of this.#parts[this.#now] as Set<() => void>) call();
  }
}
