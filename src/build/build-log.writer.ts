import { sql } from 'kysely';
import { whileDatabaseIsAway } from '../db/retry.ts';
import type { Db } from '../db/tables.ts';
import { type EventBus, logKey } from '../events/event-bus.ts';
import type { LogStream } from '../shared/enums.ts';
import { BuildLostError, type Fence } from './build.store.ts';
import { encodeLines, type LogLine } from './build-log.codec.ts';

/** A flush waits at most this long for more lines, and starts at once when this many bytes are there. */
const FLUSH_MS = 250;
const FLUSH_BYTES = 64 * 1024;
/** What a line costs besides its text, so that a flood of empty lines is flushed like any other. */
const LINE_COST_BYTES = 32;
/** The longest line; what is longer is stored in parts. */
const MAX_LINE_BYTES = 64 * 1024;
/** A line that has not ended after this time is stored as far as it is, so that a prompt or a progress bar is seen. */
const PARTIAL_MS = 1000;
const LINE_FEED = 0x0a;

interface OpenLine {
  readonly stream: LogStream;
  readonly step: number | null;
  readonly at: Date;
  readonly parts: Uint8Array[];
  bytes: number;
}

/**
 * Stores one attempt's log: cuts what the engine prints into lines, gathers them, and writes each batch in one statement
 * that numbers the lines and holds the fence. Appending waits while a batch is being written, so the engine's stream is
 * read no faster than the database takes it.
 */
export class BuildLogWriter {
  readonly #open = new Map<string, OpenLine>();
  #lines: LogLine[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  constructor(
    private readonly db: Db,
    private readonly events: EventBus,
    private readonly fence: Fence,
    /** How many lines the log has already, of earlier attempts. */
    private lineCount: number,
  ) {}

  /** Takes bytes as a step printed them. @throws BuildLostError when the attempt no longer holds the build */
  async append(stream: LogStream, step: number | null, data: Uint8Array, at: Date): Promise<void> {
    this.#throwFailure();
    const key = `${stream} ${step}`;
    let rest = data;
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED)) {
      this.#extend(key, stream, step, at, rest.subarray(0, end));
      this.#close(key, false);
      rest = rest.subarray(end + 1);
      await this.#flushIfFull();
    }
    if (rest.byteLength > 0) this.#extend(key, stream, step, at, rest);
    await this.#flushIfFull();
    // A full batch that was just written may have left the beginning of a line behind.
    if (this.#lines.length > 0 || this.#open.size > 0) {
      this.#timer ??= setTimeout(() => void this.#onTimer(), FLUSH_MS);
    }
  }

  /** A line of our own: what the build is doing, or why it failed. */
  async say(text: string): Promise<void> {
    await this.append('SYSTEM', null, Buffer.from(`${text}\n`), new Date());
  }

  /** Tells that lines of a step are missing here, so that a cut log never looks whole. */
  async gap(step: number | null, at: Date): Promise<void> {
    for (const [key, line] of this.#open) if (line.step === step) this.#close(key, true);
    this.#lines.push({ at, stream: 'GAP', step, partial: false, data: new Uint8Array() });
    await this.#flush();
  }

  /** Stores everything, lines that have not ended too. @throws BuildLostError when the attempt no longer holds the build */
  async finish(): Promise<void> {
    for (const key of [...this.#open.keys()]) this.#close(key, true, false);
    await this.#flush();
    this.discard();
    this.#throwFailure();
  }

  /** Forgets what has not been stored: the build is another worker's now. */
  discard(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#lines = [];
    this.#bytes = 0;
    this.#open.clear();
  }

  #extend(key: string, stream: LogStream, step: number | null, at: Date, data: Uint8Array): void {
    for (let offset = 0; offset < data.byteLength || offset === 0; ) {
      const line = this.#open.get(key) ?? { stream, step, at, parts: [], bytes: 0 };
      this.#open.set(key, line);
      const piece = data.subarray(offset, offset + MAX_LINE_BYTES - line.bytes);
      line.parts.push(piece);
      line.bytes += piece.byteLength;
      offset += piece.byteLength;
      if (line.bytes >= MAX_LINE_BYTES) this.#close(key, true);
      if (piece.byteLength === 0) break;
    }
  }

  /** @param keepTail leave the beginning of a character open, for its rest to come */
  #close(key: string, partial: boolean, keepTail = partial): void {
    const line = this.#open.get(key);
    if (line === undefined) return;
    this.#open.delete(key);
    const whole = line.parts.length === 1 ? (line.parts[0] as Uint8Array) : Buffer.concat(line.parts);
    const tail = keepTail ? incompleteTail(whole) : 0;
    const data = whole.subarray(0, whole.byteLength - tail);
    if (tail > 0) this.#open.set(key, { ...line, parts: [whole.subarray(-tail)], bytes: tail });
    if (data.byteLength === 0 && partial) return;
    this.#lines.push({ at: line.at, stream: line.stream, step: line.step, partial, data });
    this.#bytes += data.byteLength + LINE_COST_BYTES;
  }

  async #flushIfFull(): Promise<void> {
    if (this.#bytes < FLUSH_BYTES) return;
    await this.#flush();
    this.#throwFailure();
  }

  async #onTimer(): Promise<void> {
    this.#timer = null;
    const old = Date.now() - PARTIAL_MS;
    for (const [key, line] of this.#open)
      if (line.bytes > 0 && line.at.getTime() < old) this.#close(key, true);
    await this.#flush();
    if (this.#open.size > 0) this.#timer ??= setTimeout(() => void this.#onTimer(), FLUSH_MS);
  }

  /** One batch at a time, in order. A failure is kept and thrown to the next caller. */
  async #flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.#lines.length === 0 || this.#failure !== null) return;
      const lines = this.#lines;
      this.#lines = [];
      this.#bytes = 0;
      try {
        await whileDatabaseIsAway(() => this.#store(lines));
        this.lineCount += lines.length;
        this.events.hint(logKey(this.fence.buildId));
      } catch (error) {
        this.#failure = error;
      }
    });
    await this.#writing;
  }

  async #store(lines: readonly LogLine[]): Promise<void> {
    const { buildId, attempt } = this.fence;
    const packed = encodeLines(lines);
    const { rows } = await sql`
      with fence as (
        update image_build set log_line_count = log_line_count + ${lines.length}
        where id = ${buildId} and attempt = ${attempt} and finished_at is null
          and log_line_count = ${this.lineCount}
        returning log_line_count
      )
      insert into image_build_log (build_id, first_seq, last_seq, data, lines)
      select ${buildId}, log_line_count - ${lines.length} + 1, log_line_count, ${packed.data},
        ${JSON.stringify(packed.lines)}::jsonb
      from fence returning first_seq`.execute(this.db);
    if (rows.length === 0 && !(await this.#isStored(lines.length))) {
      throw new BuildLostError(`attempt ${attempt} of build ${buildId} is over`);
    }
  }

  /** Was the batch stored by an earlier try whose answer was lost? Only the holder of the fence adds lines. */
  async #isStored(added: number): Promise<boolean> {
    const { buildId, attempt } = this.fence;
    const row = await this.db
      .selectFrom('Build')
      .select(['attempt', 'finishedAt', 'logLineCount'])
      .where('id', '=', buildId)
      .executeTakeFirst();
    return row?.attempt === attempt && row.finishedAt === null && row.logLineCount === this.lineCount + added;
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}

/** How many bytes at the end are the beginning of a UTF-8 character whose rest has not come: 0 to 3. */
function incompleteTail(data: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, data.byteLength); back += 1) {
    const byte = data[data.byteLength - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}
