import { encodeLines, type PlacedLine } from './build-log.codec.ts';
import type { EncodedLine } from './build-log.entity.ts';
import { printedBytes } from './build-log-form.rules.ts';
import { costOf } from './build-log-tail.ts';
import { isPlainAscii } from './build-log-text.rules.ts';

/** How much of a log stands in one row, in bytes as {@link costOf} counts them: readers fetch whole rows. */
export const ROW_BYTES = 64 * 1024;

/** Lines as one row holds them, at its place in a batch: what counts before it, and at its end. */
export interface LogRow {
  readonly before: LogPlace;
  readonly end: LogPlace;
  readonly data: Buffer;
  readonly lines: readonly EncodedLine[];
}

export interface LogPlace {
  readonly lines: number;
  /** Of the log as it was printed. */
  readonly bytes: number;
  /** Of its plain text. */
  readonly textBytes: number;
}

/** Packs a batch of lines into rows, each but the last one full. */
export function rowsOf(lines: readonly PlacedLine[]): LogRow[] {
  const rows: LogRow[] = [];
  let before: LogPlace = { lines: 0, bytes: 0, textBytes: 0 };
  for (const part of partsOf(lines)) {
    const packed = encodeLines(part);
    const bytes = printedBytes(part, 'raw');
    // Nearly all are: then both forms are the same, and no line has to be looked at.
    const textBytes = isPlainAscii(packed.data) ? bytes : printedBytes(part, 'text');
    const end = {
      lines: before.lines + part.length,
      bytes: before.bytes + bytes,
      textBytes: before.textBytes + textBytes,
    };
    rows.push({ before, end, ...packed });
    before = end;
  }
  return rows;
}

function* partsOf(lines: readonly PlacedLine[]): Generator<readonly PlacedLine[]> {
  let from = 0;
  let cost = 0;
  for (const [index, { data }] of lines.entries()) {
    cost += costOf(1, data.byteLength);
    if (cost < ROW_BYTES && index < lines.length - 1) continue;
    yield lines.slice(from, index + 1);
    from = index + 1;
    cost = 0;
  }
}
