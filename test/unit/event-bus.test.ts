import { describe, expect, it, vi } from 'vitest';
import { Wakers } from '../../src/events/wakers.ts';

const NEVER = 2 ** 31 - 1;

describe('a waker', () => {
  it('is woken by its key and by no other', async () => {
    const wakers = new Wakers();
    using mine = wakers.listen('a');
    using other = wakers.listen('b');
    const woken = vi.fn();
    const waiting = mine.wait(NEVER).then(() => woken('a'));
    const ended = new AbortController();
    const still = other.wait(NEVER, ended.signal).then(() => woken('b'));
    wakers.wake('a');
    await waiting;
    expect(woken).toHaveBeenCalledExactlyOnceWith('a');
    ended.abort();
    await still;
  });

  it('remembers a hint that comes between two waits, once', async () => {
    const wakers = new Wakers();
    using waker = wakers.listen('a');
    wakers.wake('a');
    wakers.wake('a');
    await waker.wait(NEVER);
    const again = waker.wait(1);
    await again;
  });

  it('wakes all listeners of a key, and all of all keys after a gap', async () => {
    const wakers = new Wakers();
    using first = wakers.listen('a');
    using second = wakers.listen('a');
    using third = wakers.listen('b');
    const two = [first.wait(NEVER), second.wait(NEVER)];
    wakers.wake('a');
    await Promise.all(two);
    const all = [first.wait(NEVER), second.wait(NEVER), third.wait(NEVER)];
    wakers.wakeAll();
    await Promise.all(all);
  });

  it('gives up after its time, at an abort, and when it is disposed of', async () => {
    const wakers = new Wakers();
    const waker = wakers.listen('a');
    await waker.wait(1);
    await waker.wait(NEVER, AbortSignal.abort());
    const ended = new AbortController();
    const aborted = waker.wait(NEVER, ended.signal);
    ended.abort();
    await aborted;
    const open = waker.wait(NEVER);
    waker[Symbol.dispose]();
    await open;
    wakers.wake('a');
  });
});
