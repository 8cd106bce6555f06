import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { compressData, decompressData } from '../../src/build/log/build-log.compression.ts';

const LINES = Buffer.from('Get:1 http://deb.example/debian stable/main amd64\n'.repeat(1000));

it.each([
  ['nothing', Buffer.alloc(0)],
  ['a line', Buffer.from('a line')],
  ['what looks compressed already', Buffer.from('28b52ffd00', 'hex')],
  ['what cannot be made shorter', randomBytes(64 * 1024)],
])('leaves as it is: %s', (_, data) => {
  const stored = compressData(data);
  expect(stored).toEqual({ data, dataBytes: null });
  expect(decompressData(stored).equals(data)).toBe(true);
});

it('stores many lines in fewer bytes, and says how many they are', () => {
  const stored = compressData(LINES);
  expect(stored.dataBytes).toBe(LINES.byteLength);
  expect(stored.data.byteLength).toBeLessThan(LINES.byteLength / 10);
  expect(decompressData(stored).equals(LINES)).toBe(true);
});

it('gives no bytes where they were damaged, or would be more than was said', () => {
  const { data, dataBytes } = compressData(LINES);
  expect(() => decompressData({ data: data.subarray(0, -4), dataBytes })).toThrow();
  expect(() => decompressData({ data, dataBytes: LINES.byteLength - 1 })).toThrow();
});
