import { vi } from 'vitest';

/** Timers and `performance.now()` that stand still until the test lets time pass; they go on when this is disposed of. */
export function stopClock(): Disposable & { readonly pass: (ms: number) => void } {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const now = vi.spyOn(performance, 'now').mockReturnValue(1000);
  return {
    pass(ms) {
      now.mockReturnValue(performance.now() + ms);
      vi.advanceTimersByTime(ms);
    },
    [Symbol.dispose]() {
      vi.useRealTimers();
      now.mockRestore();
    },
  };
}
