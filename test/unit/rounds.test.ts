import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Rounds } from '../../src/shared/rounds.ts';

const PERIOD_MS = 1000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

it('calls each member once a period, whenever it joined', async () => {
  const rounds = new Rounds(PERIOD_MS);
  const [early, late] = [vi.fn(), vi.fn()];
  rounds.join(early);
  await vi.advanceTimersByTimeAsync(PERIOD_MS / 2);
  rounds.join(late);
  await vi.advanceTimersByTimeAsync(PERIOD_MS / 2);
  expect([early, late].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
  await vi.advanceTimersByTimeAsync(PERIOD_MS * 3);
  expect([early, late].map(({ mock }) => mock.calls.length)).toEqual([4, 3]);
});

it('calls nobody who has left, has one timer, and none when all have', () => {
  const rounds = new Rounds(PERIOD_MS);
  const call = vi.fn();
  const [first, second] = [rounds.join(call), rounds.join(call)];
  expect(vi.getTimerCount()).toBe(1);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  vi.advanceTimersByTime(PERIOD_MS);
  expect(call).toHaveBeenCalledOnce();
  second[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
});

it('passes over who is still at it', async () => {
  const rounds = new Rounds(PERIOD_MS);
  const done = Promise.withResolvers<void>();
  const call = vi.fn(async () => await done.promise);
  using _joined = rounds.join(call);
  await vi.advanceTimersByTimeAsync(PERIOD_MS * 3);
  expect(call).toHaveBeenCalledOnce();
  done.resolve();
  await vi.advanceTimersByTimeAsync(PERIOD_MS * 2);
  expect(call).toHaveBeenCalledTimes(3);
});
