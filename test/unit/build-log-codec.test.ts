import { expect, it } from 'vitest';
import { decodeLines, encodeLines, type PlacedLine } from '../../src/build/log/build-log.codec.ts';
import { printLines } from '../../src/build/log/build-log-form.rules.ts';

const at = new Date('2024-05-06T07:08:09.123Z');
const line = (data: Uint8Array, rest: Partial<PlacedLine> = {}): PlacedLine => ({
  at,
  stream: 'STDOUT',
  step: 1,
  partial: false,
  breaks: false,
  data,
  ...rest,
});

it('brings back every byte of every line, numbered from the first', () => {
  const lines = [
    line(Buffer.from('普通整片转码 🚀')),
    line(Buffer.alloc(0)),
    line(Buffer.from([0, 255, 254, 10, 13]), { stream: 'STDERR', step: null, partial: true }),
    line(Buffer.alloc(0), { stream: 'GAP', step: 7, breaks: true }),
    line(Buffer.from('said'), { stream: 'SYSTEM', step: null, partial: true, breaks: true }),
  ];
  const row = encodeLines(lines);
  const stored = JSON.parse(JSON.stringify(row.lines)) as typeof row.lines;
  const decoded = decodeLines(41, row.data, stored);
  expect(decoded.map(({ data, ...rest }) => ({ ...rest, data: Buffer.from(data) }))).toEqual(
    lines.map((given, index) => ({ ...given, data: Buffer.from(given.data), seq: 41 + index })),
  );
});

it('says once what lines that follow each other have in common', () => {
  const texts = ['one', '', 'three'];
  const later = new Date(at.getTime() + 1);
  const lines = [...texts.map((text) => line(Buffer.from(text))), line(Buffer.from('later'), { at: later })];
  const row = encodeLines(lines);
  expect(row.lines).toEqual([
    ['3 0 5', at.getTime(), 0, 1, 0],
    [5, later.getTime(), 0, 1, 0],
  ]);
  const decoded = decodeLines(1, row.data, row.lines);
  expect(decoded.map(({ seq, text, at }) => [seq, text, at])).toEqual([
    [1, 'one', at],
    [2, '', at],
    [3, 'three', at],
    [4, 'later', later],
  ]);
});

it('packs nothing into nothing', () => {
  expect(encodeLines([])).toEqual({ data: Buffer.alloc(0), lines: [] });
  expect(decodeLines(1, new Uint8Array(), [])).toEqual([]);
});

it('prints lines that an earlier version stored as it did, which is what it counted', () => {
  const rows = decodeLines(1, Buffer.from('openelse'), [
    [4, at.getTime(), 0, 1, 1],
    [4, at.getTime(), 1, 1, 0],
  ]);
  expect(printLines(rows, 'raw').toString()).toBe('openelse\n');
});

it('shows a line as text and as its bytes', () => {
  const data = Buffer.from([0x1b, 0x5b, 0x31, 0x6d, 0xff, 0x00, 0x61]);
  const [decoded] = decodeLines(1, data, encodeLines([line(data)]).lines);
  expect(decoded?.text).toBe('\ufffd\u0000a');
  expect(Buffer.from(decoded?.raw ?? '', 'base64')).toEqual(data);
});
