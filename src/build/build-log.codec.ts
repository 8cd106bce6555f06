import type { LogStream } from '../shared/enums.ts';
import type { EncodedLine } from './build-log.entity.ts';

/** One line of a build's log: the bytes that a step printed, without the newline. */
export interface LogLine {
  readonly at: Date;
  /** `GAP`: lines are missing here; it stands in the log as a line of its own, without bytes. */
  readonly stream: LogStream | 'GAP';
  /** The step that printed it; `null` for what is no step's. */
  readonly step: number | null;
  /** No newline followed: the next line of the same step and stream goes on where this one stops. */
  readonly partial: boolean;
  readonly data: Uint8Array;
}
export interface NumberedLine extends LogLine {
  readonly seq: number;
}

const STREAMS = ['STDOUT', 'STDERR', 'SYSTEM', 'GAP'] as const;

/** Packs lines for one row: their bytes one after another, and how to cut them. */
export function encodeLines(lines: readonly LogLine[]): { data: Buffer; lines: EncodedLine[] } {
  return {
    data: Buffer.concat(lines.map((line) => line.data)),
    lines: lines.map((line) => [
      line.data.byteLength,
      line.at.getTime(),
      STREAMS.indexOf(line.stream) as EncodedLine[2],
      line.step,
      line.partial ? 1 : 0,
    ]),
  };
}

/** Unpacks a row. */
export function decodeLines(
  firstSeq: number,
  data: Uint8Array,
  lines: readonly EncodedLine[],
): NumberedLine[] {
  let offset = 0;
  return lines.map(([length, at, stream, step, partial], index) => {
    const bytes = data.subarray(offset, offset + length);
    offset += length;
    return {
      seq: firstSeq + index,
      at: new Date(at),
      stream: STREAMS[stream],
      step,
      partial: partial === 1,
      data: bytes,
    };
  });
}

// A mark for the byte order at the start of a line is a part of the line.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A line as the API shows it: bytes that are no UTF-8 as U+FFFD. */
export function readableLine<Line extends LogLine>({
  data,
  ...line
}: Line): Omit<Line, 'data'> & { text: string } {
  return { ...line, text: decoder.decode(data) };
}
