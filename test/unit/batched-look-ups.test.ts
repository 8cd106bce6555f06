import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BatchedLookUps } from '../../src/shared/batched-look-ups.ts';
import { stopClock } from '../support/stopped-clock.ts';

/** Looks that end when the test says so, and find what was there when they began. */
function slowLookUps() {
  const looks: { readonly keys: readonly string[]; readonly end: () => void }[] = [];
  let value = 'old';
  const lookUps = new BatchedLookUps<string>(async (keys) => {
    const seen = value;
    await new Promise<void>((end) => looks.push({ keys, end }));
    return new Map(keys.filter((key) => key !== 'nobody').map((key) => [key, `${key} ${seen}`]));
  });
  return {
    find: async (key: string) => await lookUps.find(key),
    looks,
    set: (next: string) => {
      value = next;
    },
  };
}

it('looks up those that are asked for together in one go', async () => {
  const { find, looks } = slowLookUps();
  const found = Promise.all(['ada', 'bob', 'nobody', 'ada'].map(find));
  await nextTurn();
  expect(looks.map(({ keys }) => keys)).toEqual([['ada', 'bob', 'nobody']]);
  looks[0]?.end();
  expect(await found).toEqual(['ada old', 'bob old', null, 'ada old']);
});

it('never answers with what was looked up before the question', async () => {
  const { find, looks, set } = slowLookUps();
  const first = find('ada');
  await nextTurn();
  set('new');
  const later = Promise.all([find('ada'), find('bob')]);
  await nextTurn();
  expect(looks).toHaveLength(1);
  looks[0]?.end();
  expect(await first).toBe('ada old');
  await nextTurn();
  expect(looks.map(({ keys }) => keys)).toEqual([['ada'], ['ada', 'bob']]);
  looks[1]?.end();
  expect(await later).toEqual(['ada new', 'bob new']);
});

it('begins another look where one is stuck, up to four', async () => {
  using clock = stopClock();
  const { find, looks } = slowLookUps();
  const found = [find('ada')];
  await nextTurn();
  // Who waits for it already, and who comes when it is stuck.
  found.push(find('bob'));
  clock.pass(20);
  expect(looks.map(({ keys }) => keys)).toEqual([['ada'], ['bob']]);
  for (const name of ['carol', 'dave', 'eve']) {
    clock.pass(20);
    found.push(find(name));
    await nextTurn();
  }
  expect(looks.map(({ keys }) => keys)).toEqual([['ada'], ['bob'], ['carol'], ['dave']]);
  looks[2]?.end();
  expect(await found[2]).toBe('carol old');
  await nextTurn();
  expect(looks.at(-1)?.keys).toEqual(['eve']);
  for (const { end } of looks) end();
  expect(await Promise.all(found)).toEqual(
    ['ada', 'bob', 'carol', 'dave', 'eve'].map((name) => `${name} old`),
  );
});

it('tells a failure to those who shared it, and to nobody else', async () => {
  const lookUps = new BatchedLookUps<string>(async (keys) => {
    if (keys.includes('bad')) throw new Error('away');
    return new Map(keys.map((key) => [key, key]));
  });
  const shared = await Promise.allSettled([lookUps.find('bad'), lookUps.find('ada')]);
  expect(shared.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await lookUps.find('ada')).toBe('ada');
});
