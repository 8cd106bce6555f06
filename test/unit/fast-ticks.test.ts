import { expect, it } from 'vitest';
import { keepTicksFast } from '../../src/shared/fast-ticks.ts';

it("gets hold of one of Node's objects for ticks", () => {
  expect(keepTicksFast()).toBe(true);
});
