import { expect, it } from 'vitest';
import { keepTicksFast } from '../../src/shared/fast-ticks.ts';

it("holds on to one of Node's objects for ticks", async () => {
  expect(await keepTicksFast()).toMatchObject({ callback: expect.any(Function) });
});
