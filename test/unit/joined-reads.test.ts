import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { JoinedReads } from '../../src/shared/joined-reads.ts';

/** Reads that end when the test says so, and tell of a value that changes meanwhile. */
function slowReads() {
  const reads = new JoinedReads<string>();
  const ends: (() => void)[] = [];
  let value = 'old';
  return {
    read: (key = 'k') =>
      reads.read(key, async () => {
        const seen = value;
        await new Promise<void>((resolve) => ends.push(resolve));
        return seen;
      }),
    ends,
    set: (next: string) => {
      value = next;
    },
  };
}

it('makes one read of those that are asked for together', async () => {
  const { read, ends } = slowReads();
  const all = Promise.all(Array.from({ length: 1000 }, () => read()));
  await nextTurn();
  await nextTurn();
  expect(ends).toHaveLength(1);
  ends[0]?.();
  expect(new Set(await all)).toEqual(new Set(['old']));
});

it('never answers with what was read before the question', async () => {
  const { read, ends, set } = slowReads();
  const first = read();
  await nextTurn();
  await nextTurn();
  set('new');
  const later = [read(), read()];
  await nextTurn();
  expect(ends).toHaveLength(1);
  ends[0]?.();
  expect(await first).toBe('old');
  await nextTurn();
  await nextTurn();
  expect(ends).toHaveLength(2);
  ends[1]?.();
  expect(await Promise.all(later)).toEqual(['new', 'new']);
});

it('keeps different reads apart, and a failure to those who asked', async () => {
  const reads = new JoinedReads<string>();
  const failing = reads.read('a', async () => {
    throw new Error('away');
  });
  const other = reads.read('b', async () => 'there');
  await expect(failing).rejects.toThrow('away');
  expect(await other).toBe('there');
  expect(await reads.read('a', async () => 'back')).toBe('back');
});
