import { expect, it } from 'vitest';
import type { Reads } from '../../src/db/read-connections.ts';
import { CommonGrams } from '../../src/image/filter/common-grams.reads.ts';
import { readSearch } from '../../src/image/filter/image-search.rules.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { stopClock } from '../support/stopped-clock.ts';

const MINUTE_MS = 60_000;

/** Its looks are answered one after the other by `answers`: with grams, or with an error. */
function createOfTest(...answers: (readonly string[] | Error)[]) {
  let looks = 0;
  const long = async () => {
    const answer = answers[looks];
    looks += 1;
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('one look more');
    return answer.map((gram) => ({ gram }));
  };
  const grams = new CommonGrams({ long } as unknown as Reads, createLogger('silent'));
  /** What the index is asked for. */
  const parts = () => grams.leaveOut({ search: readSearch('image-137', ['search']) }).search?.parts;
  const looked = async () => await grams[Symbol.asyncDispose]();
  return { parts, looked, count: () => looks };
}

const IMAGE = ['ima', 'mag', 'age', 'ge '];

it('a search waits for no look, and the next one leaves out what it has told', async () => {
  const { parts, looked, count } = createOfTest(IMAGE);
  expect(parts()).toEqual(['image-137']);
  await looked();
  expect(parts()).toEqual(['-137']);
  expect(count()).toBe(1);
});

it('it is looked again after ten minutes, not before', async () => {
  using clock = stopClock();
  const { parts, looked, count } = createOfTest(IMAGE, []);
  parts();
  await looked();
  clock.pass(10 * MINUTE_MS - 1);
  parts();
  expect(count()).toBe(1);
  clock.pass(1);
  expect(parts()).toEqual(['-137']);
  await looked();
  expect(parts()).toEqual(['image-137']);
});

it('a look that fails takes nothing of what is known, and is made again after a minute', async () => {
  using clock = stopClock();
  const { parts, looked, count } = createOfTest(IMAGE, new Error('lost'), []);
  parts();
  await looked();
  clock.pass(10 * MINUTE_MS);
  parts();
  await looked();
  expect(parts()).toEqual(['-137']);
  clock.pass(MINUTE_MS);
  parts();
  await looked();
  expect([parts(), count()]).toEqual([['image-137'], 3]);
});
