import { expect, it } from 'vitest';
import { excerpt } from '../../src/shared/excerpt.ts';
import { parseImageReference } from '../../src/shared/image-reference.ts';

it.each([
  ['', ''],
  ['short', 'short'],
  ['x'.repeat(100), 'x'.repeat(100)],
  ['x'.repeat(101), `${'x'.repeat(100)}…`],
  ['😀'.repeat(100), '😀'.repeat(100)],
  [`a${'😀'.repeat(100)}`, `a${'😀'.repeat(99)}…`],
])('%#: an excerpt has at most 100 characters, whole ones', (text, expected) => {
  expect(excerpt(text)).toBe(expected);
});

it.each(['A', 'a:', 'a@', '//', 'reg.example/', 'a@b@', '_._._/'])(
  'what is wrong with a reference of a million characters is said in few words: %s…',
  (start) => {
    const found = parseImageReference(start + 'X'.repeat(1_000_000));
    expect('problem' in found && found.problem.length).toBeLessThan(250);
  },
);
