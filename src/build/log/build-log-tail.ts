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

/** The newest lines of a log, as many as `maxBytes` hold and at the most one batch more. */
export class LogTail {
  #batches: { readonly lines: LogLine[]; bytes: number }[] = [];
  #bytes = 0;
  /** Have lines gone since it was last emptied? */
  #isCut = false;

  constructor(private readonly maxBytes: number) {}

  /** @returns are lines missing now that were not before? */
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
    for (let [oldest] = this.#batches; oldest !== undefined; [oldest] = this.#batches) {
      if (this.#bytes - oldest.bytes < this.maxBytes) break;
      this.#batches.shift();
      this.#bytes -= oldest.bytes;
      this.#isCut = true;
    }
    return this.#isCut && !wasCut;
  }

  /** Empties it. @returns its lines, in batches that fit in a row */
  take(): LogLine[][] {
    const taken = this.#batches.map(({ lines }) => lines);
    this.#batches = [];
    this.#bytes = 0;
    this.#isCut = false;
    return taken;
  }
}
