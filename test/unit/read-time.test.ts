import { expect, it } from 'vitest';
import { ReadTime } from '../../src/db/read-time.ts';

it.each([
  '2026-11-22 05:50:36.123+00',
  '2026-11-22 05:50:36.12+00',
  '2026-11-22 05:50:36+00',
  '2026-11-22 05:50:36.123456+00',
  '2026-11-22 06:50:36.123+01',
  '2026-11-22 11:20:36.12+05:30',
  '0199-02-28 23:59:59.999+00',
])('is the time that PostgreSQL writes as %s', (text) => {
  const time = new ReadTime(text);
  expect(time.toISOString()).toBe(new Date(text).toISOString());
  expect(time.getTime()).toBe(Date.parse(text));
  expect(JSON.stringify({ time })).toBe(JSON.stringify({ time: new Date(text) }));
  expect(time).toBeInstanceOf(Date);
});
