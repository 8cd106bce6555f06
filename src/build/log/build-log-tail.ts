import type { LogLine } from './build-log.codec.ts';

/** What a line costs besides its bytes, so that a flood of empty lines counts like any other. */
const LINE_COST_BYTES = 32;

/** What a number of lines takes of a limit, in bytes. */
export const costOf = (lineCount: number, byteCount: number): number =>
  byteCount + lineCount * LINE_COST_BYTES;

/** The oldest lines go together, a batch of this much at most. */
const BATCH_BYTES = 64 * 1024;
/** Of a small tail no more than this part goes at once. */
const BATCHES = 16;

/** The newest lines of a log, as many as `maxBytes` hold; the last batch is always there. */
export class LogTail {
  readonly #batches: { readonly lines: LogLine[]; bytes: number }[] = [];
  #bytes = 0;
  #isCut = false;

  constructor(private readonly maxBytes: number) {}

  /** @returns are lines missing for the first time? */
  push(line: LogLine): boolean {
    const bytes = costOf(1, line.data.byteLength);
    let last = this.#batches.at(-1);
    if (last === undefined || last.bytes + bytes > Math.min(BATCH_BYTES, this.maxBytes / BATCHES)) {
      last = { lines: [], bytes: 0 };
      this.#batches.push(last);
    }
    last.lines.push(line);
    last.bytes += bytes;
    this.#bytes += bytes;
    const wasCut = this.#isCut;
    while (this.#bytes > this.maxBytes && this.#batches.length > 1) {
      this.#bytes -= this.#batches.shift()?.bytes ?? 0;
      this.#isCut = true;
    }
    return this.#isCut && !wasCut;
  }

  /** What it takes of a limit. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Its lines, in batches that fit in a row. */
  get batches(): readonly (readonly LogLine[])[] {
    return this.#batches.map(({ lines }) => lines);
  }
}
