import { expect, it } from 'vitest';
import { isUnchanged, requestedRange } from '../../src/http/byte-range.ts';

const ETAG = '"x"';

it.each([
  [undefined, null],
  ['bytes=0-', [0, 10]],
  ['bytes=0-0', [0, 1]],
  ['bytes=3-5', [3, 6]],
  ['bytes=9-9', [9, 10]],
  ['bytes=3-99', [3, 10]],
  ['BYTES=3-5', [3, 6]],
  ['bytes=-3', [7, 10]],
  ['bytes=-99', [0, 10]],
  [`bytes=3-${'9'.repeat(400)}`, [3, 10]],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=10-12', 'unsatisfiable'],
  [`bytes=${'9'.repeat(400)}-`, 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=5-3', null],
  ['bytes=0-1,3-4', null],
  ['bytes=-', null],
  ['bytes=', null],
  ['bytes=a-b', null],
  ['bytes=1', null],
  ['bytes=--1', null],
  ['bytes=0x1-2', null],
  ['lines=1-2', null],
  ['bytes 1-2', null],
])('Range %s of 10 bytes: %j', (range, expected) => {
  const found = requestedRange({ range }, 10, ETAG);
  expect(found === null || found === 'unsatisfiable' ? found : [found.from, found.to]).toEqual(expected);
});

it.each([
  ['"x"', ETAG, true],
  ['"y"', ETAG, false],
  ['W/"x"', ETAG, false],
  ['Sat, 01 Jan 2028 00:00:00 GMT', ETAG, false],
  ['"x"', null, false],
])('If-Range %s where it is %s: %s', (condition, etag, expected) => {
  const found = requestedRange({ range: 'bytes=1-2', 'if-range': condition }, 10, etag);
  expect(found !== null).toBe(expected);
});

it('nothing has no range', () => {
  for (const range of ['bytes=0-', 'bytes=-1'])
    expect(requestedRange({ range }, 0, ETAG)).toBe('unsatisfiable');
});

it.each([
  [undefined, false],
  ['"x"', true],
  ['W/"x"', true],
  ['"a", "x"', true],
  ['*', true],
  ['"y"', false],
  ['x', false],
])('If-None-Match %s: %s', (known, expected) =>
  expect(isUnchanged({ 'if-none-match': known }, ETAG)).toBe(expected),
);
