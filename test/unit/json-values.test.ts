import { describe, expect, it } from 'vitest';
import { countValues } from '../../src/http/json-values.rules.ts';

const count = (text: string, max = 1000) => countValues(Buffer.from(text), max);

describe('the number of values of a JSON text', () => {
  it.each([
    ['1', 1],
    ['"a"', 1],
    ['[1, 2, 3]', 4],
    ['{"a": 1, "b": [true, null]}', 4 + 1],
  ])('of %s is counted', (text, values) => {
    expect(count(text)).toBe(values);
  });

  it.each(['"[,{"', '"\\"[,{"', '"\\\\\\"[,{"', '"é[,{"', '"𝒳[,{"'])('is 1 of the string %s', (text) => {
    expect(count(text)).toBe(1);
    expect(count(`{"k":${text},"l":[]}`)).toBe(4);
  });

  it('counts on after a string that ends with a backslash', () => {
    expect(count('["\\\\",[]]')).toBe(4);
  });

  it('stops one over what may be', () => {
    expect(count('[],'.repeat(1000), 10)).toBe(11);
  });

  it('comes to an end where a string does not', () => {
    expect(count('"abc\\')).toBe(1);
  });
});
