import { encodeLines, type PlacedLine } from './build-log.codec.ts';
import { compressData, type StoredData } from './build-log.compression.ts';
import type { EncodedLines } from './build-log.entity.ts';
import { printedBytes } from './build-log-form.rules.ts';
import { costOf } from './build-log-tail.ts';
import { areAllPlainAscii } from './build-log-text.rules.ts';

/** How much of a log stands in one row, in bytes as {@link costOf} counts them: readers fetch whole rows. */
export const ROW_BYTES = 64 * 1024;

/** Lines as one row holds them, and what they count. */
export interface LogRow extends StoredData {
  readonly lineCount: number;
  /** Of the log as it was printed. */
  readonly bytes: number;
  /** Of its plain text. */
  readonly textBytes: number;
  readonly lines: readonly EncodedLines[];
}

/** Packs lines into rows, each but the last one full. */
export function rowsOf(lines: readonly PlacedLine[]): LogRow[] {
  return [...partsOf(lines)].map((part) => {
    const { data, lines } = encodeLines(part);
    const bytes = printedBytes(part, 'raw');
    // Nearly all are: then both forms are the same, and no line has to be looked at.
    const textBytes = areAllPlainAscii(data) ? bytes : printedBytes(part, 'text');
    return { lineCount: part.length, bytes, textBytes, lines, ...compressData(data) };
  });
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
