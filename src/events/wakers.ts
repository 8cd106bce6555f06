import type { Waker } from './event-bus.ts';

/** The listeners of one process, by key. */
export class Wakers {
  readonly #byKey = new Map<string, Set<Listener>>();

  listen(key: string): Waker {
    const listener = new Listener(() => {
      const listeners = this.#byKey.get(key);
      listeners?.delete(listener);
      if (listeners?.size === 0) this.#byKey.delete(key);
    });
    const listeners = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, listeners.add(listener));
    return listener;
  }

  wake(key: string): void {
    for (const listener of this.#byKey.get(key) ?? []) listener.wake();
  }

  /** After a gap in which hints may have been lost. */
  wakeAll(): void {
    for (const listeners of this.#byKey.values()) for (const listener of listeners) listener.wake();
  }
}

class Listener implements Waker {
  #woken = false;
  #resolve: (() => void) | null = null;

  constructor(private readonly close: () => void) {}

  wake(): void {
    this.#woken = true;
    this.#resolve?.();
  }

  async wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (!this.#woken && signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, timeoutMs);
        signal?.addEventListener('abort', done, { once: true });
        this.#resolve = done;
        function done() {
          clearTimeout(timer);
          signal?.removeEventListener('abort', done);
          resolve();
        }
      });
    }
    this.#resolve = null;
    this.#woken = false;
  }

  [Symbol.dispose](): void {
    this.wake();
    this.close();
  }
}
