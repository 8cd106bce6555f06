import type { LogStream } from '../../shared/enums.ts';
import type { EncodedLine } from './build-log.entity.ts';
import { readableText } from './build-log-text.rules.ts';

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

/** A line at its place in the log. */
export interface PlacedLine extends LogLine {
  /** The line before it has no newline and is not what it goes on with: in the forms of the log a newline stands between them. */
  readonly breaks: boolean;
}

/** A stored line, also as the API shows it. Many readers share one, so what is made of its bytes is made when it is asked for. */
export class NumberedLine implements PlacedLine {
  #text: string | null = null;

  constructor(
    readonly seq: number,
    readonly at: Date,
    readonly stream: LogStream | 'GAP',
    readonly step: number | null,
    readonly partial: boolean,
    readonly breaks: boolean,
    readonly data: Uint8Array,
  ) {}

  /** Without terminal codes; bytes that are no UTF-8 as U+FFFD. */
  get text(): string {
    this.#text ??= readableText(this.data);
    return this.#text;
  }

  /** The bytes as they were printed, in base64. */
  get raw(): string {
    const { buffer, byteOffset, byteLength } = this.data;
    return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  }
}

const STREAMS = ['STDOUT', 'STDERR', 'SYSTEM', 'GAP'] as const;
const PARTIAL = 1;
const BREAKS = 2;

/** Packs lines for one row: their bytes one after another, and how to cut them. */
export function encodeLines(lines: readonly PlacedLine[]): { data: Buffer; lines: EncodedLine[] } {
  return {
    data: Buffer.concat(lines.map((line) => line.data)),
    lines: lines.map((line) => [
      line.data.byteLength,
      line.at.getTime(),
      STREAMS.indexOf(line.stream) as EncodedLine[2],
      line.step,
      ((line.partial ? PARTIAL : 0) | (line.breaks ? BREAKS : 0)) as EncodedLine[4],
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
  return lines.map(([length, at, stream, step, flags], index) => {
    const bytes = data.subarray(offset, offset + length);
    offset += length;
    const [partial, breaks] = [isPartial(flags), (flags & BREAKS) !== 0];
    return new NumberedLine(firstSeq + index, new Date(at), STREAMS[stream], step, partial, breaks, bytes);
  });
}

export const isPartial = (flags: EncodedLine[4]): boolean => (flags & PARTIAL) !== 0;
