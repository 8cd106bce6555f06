import type { LogLine, PlacedLine } from './build-log.codec.ts';
import { readableBytes } from './build-log-text.rules.ts';

/** What a log can be downloaded as: `raw`, the bytes as they were printed, or `text`, UTF-8 without terminal codes. */
export const LOG_FORMS = ['text', 'raw'] as const;
export type LogForm = (typeof LOG_FORMS)[number];

/** What stands for a gap, on a line of its own. */
export const GAP_NOTE = '[lines are missing here]';

const NEWLINE = Buffer.from('\n');
const GAP_LINE = Buffer.from(`${GAP_NOTE}\n`);

/** How a log stands where lines are to be added. */
export interface LogEnd {
  /** Its last line has no newline. */
  readonly isOpen: boolean;
  /** Whose line goes on where that one stops; `null`: nobody's any more. */
  readonly writer: string | null;
}

/** What only lines of one step and stream have in common. */
export const writerOf = ({ stream, step }: Pick<LogLine, 'stream' | 'step'>): string => `${stream} ${step}`;

/** Lines at their places after the end of a log, so that what one step prints is not glued to what another one began. */
export function placeLines(lines: readonly LogLine[], end: LogEnd): { lines: PlacedLine[]; end: LogEnd } {
  let { isOpen, writer } = end;
  const placed = lines.map((line) => {
    const breaks = isOpen && writerOf(line) !== writer;
    isOpen = line.partial;
    writer = writerOf(line);
    return { ...line, breaks };
  });
  return { lines: placed, end: { isOpen, writer } };
}

/**
 * Lines in one of the forms: each one followed by a newline, unless none was printed and the next line goes on with it.
 * A line says by itself whether a newline stands before it, so that any part of a log prints as it does in the whole.
 */
export function printLines(lines: readonly PlacedLine[], form: LogForm): Buffer {
  return Buffer.concat([...printed(lines, form)]);
}

/** How many bytes {@link printLines} gives, counted without putting them together: every line that is stored is counted. */
export function printedBytes(lines: readonly PlacedLine[], form: LogForm): number {
  let bytes = 0;
  for (const { stream, data, partial, breaks } of lines) {
    if (breaks) bytes += NEWLINE.byteLength;
    if (stream === 'GAP') bytes += GAP_LINE.byteLength;
    else bytes += formOf(data, form).byteLength + (partial ? 0 : NEWLINE.byteLength);
  }
  return bytes;
}

const formOf = (data: Uint8Array, form: LogForm): Uint8Array => (form === 'raw' ? data : readableBytes(data));

function* printed(lines: readonly PlacedLine[], form: LogForm): Generator<Uint8Array> {
  for (const { stream, data, partial, breaks } of lines) {
    if (breaks) yield NEWLINE;
    if (stream === 'GAP') {
      yield GAP_LINE;
      continue;
    }
    yield formOf(data, form);
    if (!partial) yield NEWLINE;
  }
}
