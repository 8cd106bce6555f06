import type { LogStream } from '../../shared/enums.ts';
import type { EncodedLines } from './build-log.entity.ts';
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
export function encodeLines(lines: readonly PlacedLine[]): { data: Buffer; lines: EncodedLines[] } {
  return { data: Buffer.concat(lines.map((line) => line.data)), lines: [...runsOf(lines)] };
}

/** Lines that have all but their lengths in common go together: what prints a lot has hundreds in a millisecond. */
function* runsOf(lines: readonly PlacedLine[]): Iterable<EncodedLines> {
  let first: PlacedLine | null = null;
  let lengths: number[] = [];
  for (const line of lines) {
    if (first === null || !isAlike(line, first)) {
      if (first !== null) yield encodeRun(first, lengths);
      first = line;
      lengths = [];
    }
    lengths.push(line.data.byteLength);
  }
  if (first !== null) yield encodeRun(first, lengths);
}

const isAlike = (line: PlacedLine, other: PlacedLine): boolean =>
  line.at.getTime() === other.at.getTime() &&
  line.stream === other.stream &&
  line.step === other.step &&
  line.partial === other.partial &&
  line.breaks === other.breaks;

const encodeRun = ({ at, stream, step, partial, breaks }: PlacedLine, lengths: number[]): EncodedLines => [
  lengths.length === 1 ? (lengths[0] as number) : lengths.join(' '),
  at.getTime(),
  STREAMS.indexOf(stream) as EncodedLines[2],
  step,
  ((partial ? PARTIAL : 0) | (breaks ? BREAKS : 0)) as EncodedLines[4],
];

/** Unpacks a row. */
export function decodeLines(
  firstSeq: number,
  data: Uint8Array,
  runs: readonly EncodedLines[],
): NumberedLine[] {
  const lines: NumberedLine[] = [];
  let offset = 0;
  for (const [lengths, time, stream, step, flags] of runs) {
    const at = new Date(time);
    const [partial, breaks] = [isPartial(flags), (flags & BREAKS) !== 0];
    for (const length of typeof lengths === 'number' ? [lengths] : lengths.split(' ').map(Number)) {
      const bytes = data.subarray(offset, offset + length);
      offset += length;
      const seq = firstSeq + lines.length;
      lines.push(new NumberedLine(seq, at, STREAMS[stream], step, partial, breaks, bytes));
    }
  }
  return lines;
}

export const isPartial = (flags: EncodedLines[4]): boolean => (flags & PARTIAL) !== 0;
