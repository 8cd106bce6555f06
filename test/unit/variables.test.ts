import { expect, it } from 'vitest';
import { assertShallow } from '../../src/graphql/variables.rules.ts';

const nested = (levels: number, inner: unknown = 1): unknown =>
  Array.from({ length: levels }).reduce<unknown>((value, _, n) => (n % 2 ? [value] : { value }), inner);

it('lets variables nest 50 levels, and no more', () => {
  for (const shallow of [undefined, null, {}, { a: [] }, nested(50)]) assertShallow(shallow);
  for (const deep of [nested(51), nested(51, null), { a: 1, b: [2, nested(60)] }]) {
    expect(() => assertShallow(deep)).toThrow('Variables may nest at most 50 levels of values.');
  }
});
