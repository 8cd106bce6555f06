import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TokenUse } from '../../src/auth/token-use.ts';
import { createLogger } from '../../src/shared/logger.ts';

let writes: (readonly string[])[];
let endWrite: (() => void)[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  writes = [];
  endWrite = [];
});
afterEach(() => void vi.useRealTimers());

const log = createLogger('silent');
/** Writes that end when the test says so. */
const create = () =>
  new TokenUse((ids) => {
    writes.push(ids);
    const { promise, resolve } = Promise.withResolvers<void>();
    endWrite.push(resolve);
    return promise;
  }, log);
const settle = async () => {
  endWrite.shift()?.();
  await new Promise(setImmediate);
};

it('is written once a minute for each token', async () => {
  const use = create();
  for (let i = 0; i < 100; i += 1) use.note('a');
  expect(writes).toEqual([['a']]);
  await settle();
  vi.advanceTimersByTime(59_999);
  use.note('a');
  expect(writes).toEqual([['a']]);
  vi.advanceTimersByTime(1);
  use.note('a');
  use.note('a');
  expect(writes).toEqual([['a'], ['a']]);
});

it('is one statement at a time, and what comes meanwhile is one statement more', async () => {
  const use = create();
  for (const id of ['a', 'b', 'c', 'b']) use.note(id);
  expect(writes).toEqual([['a']]);
  await settle();
  expect(writes).toEqual([['a'], ['b', 'c']]);
  await settle();
  use.note('d');
  expect(writes).toEqual([['a'], ['b', 'c'], ['d']]);
});

it('is written before the end, and nobody else waits for it', async () => {
  const use = create();
  for (const id of ['a', 'b']) use.note(id);
  let hasEnded = false;
  const ending = use[Symbol.asyncDispose]().then(() => {
    hasEnded = true;
  });
  await settle();
  expect(hasEnded).toBe(false);
  await settle();
  await ending;
  expect(writes).toEqual([['a'], ['b']]);
});

it('is tried again a minute after it failed', async () => {
  let tries = 0;
  const use = new TokenUse(async () => {
    tries += 1;
    throw new Error('the database is away');
  }, log);
  use.note('a');
  await settle();
  use.note('a');
  expect(tries).toBe(1);
  vi.advanceTimersByTime(60_000);
  use.note('a');
  await settle();
  expect(tries).toBe(2);
});
