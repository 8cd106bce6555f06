import { expect, it } from 'vitest';
import { asBody } from '../../src/http/utf8.ts';

it.each([
  ['short', 'é海😀'],
  ['of one byte a character', 'a'.repeat(5000)],
  ['of two', 'é'.repeat(5000)],
  ['of three', '海'.repeat(5000)],
  ['of pairs', '😀'.repeat(5000)],
  ['with half a pair', `${'a'.repeat(5000)}\ud83d`],
  ['that just fits what is kept for it', '海'.repeat(87_381)],
  ['that is longer', '海'.repeat(87_382)],
])('a text %s is given as the bytes of its characters', (_name, text) => {
  const body = asBody(text);
  // What is written next must not be written over it.
  asBody('x'.repeat(10_000));
  expect(Buffer.from(body as Uint8Array).equals(Buffer.from(text))).toBe(true);
});
