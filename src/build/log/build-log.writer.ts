import { setImmediate as nextTurn } from 'node:timers/promises';
import { sql } from 'kysely';
import { whileDatabaseIsAway } from '../../db/retry.ts';
import type { Db } from '../../db/tables.ts';
import { type EventBus, logKey } from '../../events/event-bus.ts';
import type { LogStream } from '../../shared/enums.ts';
import type { Build } from '../build.entity.ts';
import { BuildLostError, type Fence } from '../build.store.ts';
import type { LogLine } from './build-log.codec.ts';
import { storedEnd } from './build-log-end.ts';
import { type LogEnd, placeLines, writerOf } from './build-log-form.rules.ts';
import { type LogRow, ROW_BYTES, rowsOf } from './build-log-rows.ts';
import { costOf, LogTail } from './build-log-tail.ts';

/** Batches follow each other after this time; what fills a row goes at once. */
const FLUSH_MS = 250;
/** What comes after a time of silence waits only for what comes with it. */
const FIRST_FLUSH_MS = 20;
/**
 * What gathers while a batch is being written goes with the next one, up to this much before compression: a statement waits for a disk,
 * whatever it carries. Twice as much takes 20 MB more of a worker's memory, and no less time.
 */
const BATCH_BYTES = 512 * 1024;
/** The longest line; what is longer is stored in parts. */
const MAX_LINE_BYTES = 64 * 1024;
/** A line that has not ended after this time is stored as far as it is, so that a prompt or a progress bar is seen. */
const PARTIAL_MS = 1000;
/** The most of a log's end that is held in memory, and the least, so that there is always room for why a build failed. */
const MAX_TAIL_BYTES = 4 * 1024 * 1024;
const MIN_TAIL_BYTES = 4 * 1024;
/** After this much that went to memory alone, everything else of the worker has a turn. */
const BYTES_PER_TURN = 1024 * 1024;
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
 * that numbers the lines and holds the fence, as rows of {@link ROW_BYTES}. Appending waits while a batch is being written
 * and the next one is full, so the engine's stream is read no faster than the database takes it.
 *
 * A log that gets longer than half of what may be kept of it goes on in memory, where only its newest lines are held, and
 * those are stored when the attempt ends or the engine is asked anew. A line says so as soon as it begins. Each such end takes
 * up to half of what is left of the limit: so the log keeps to it, but for {@link MIN_TAIL_BYTES} an end, and the newest end
 * always finds room. As soon as a line is dropped, a gap is stored: a worker that dies then leaves a log that says where it is
 * cut. One that dies with lines in memory before any was dropped leaves the gap to the next attempt, which knows of the loss.
 */
export class BuildLogWriter {
  readonly #open = new Map<string, OpenLine>();
  /** What is to be written next: rows that are packed already, and the lines after them. */
  #rows: LogRow[] = [];
  #lines: LogLine[] = [];
  /** Of both, as {@link costOf} counts them. */
  #bytes = 0;
  #packedBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  /** When the last batch began to be written, in milliseconds of `performance.now()`. */
  #flushedAt = -FLUSH_MS;
  /** The batch that is being written. */
  #writing: Promise<void> = Promise.resolve();
  /** The next one, which takes all lines that are there when its turn comes; `null`: nobody has asked for it. */
  #next: Promise<void> | null = null;
  #failure: unknown = null;
  /** How many lines the log has, those of earlier attempts with them. */
  #lineCount: number;
  /** What may still be stored as it comes. */
  #room: number;
  /** What may be stored of the log's ends. */
  #tailRoom: number;
  /** Where lines go when there is no more room; `null` while there is. */
  #tail: LogTail | null = null;
  /** The line that was added last; `null`: none since all were stored. */
  #last: LogLine | null = null;
  /** How the stored log ends; `null`: another attempt has stored it, and it must be read. */
  #end: LogEnd | null;
  #bytesThisTurn = 0;
  /** Are readers told of the batches that are written from now on? */
  #hints = true;

  /**
   * @param build as it was when the attempt began
   * @param maxBytes how long the log may be, all attempts together
   */
  constructor(
    private readonly db: Db,
    private readonly events: EventBus,
    private readonly fence: Fence,
    private readonly build: Pick<Build, 'logLineCount' | 'logBytes' | 'lostWorkers'>,
    private readonly maxBytes: number,
  ) {
    this.#lineCount = build.logLineCount;
    const stored = costOf(build.logLineCount, build.logBytes ?? 0);
    this.#room = maxBytes / 2 - stored;
    this.#tailRoom = Math.min(maxBytes / 2, maxBytes - stored);
    this.#end = build.logLineCount === 0 ? { isOpen: false, writer: null } : null;
  }

  /** Takes bytes as a step printed them. @throws BuildLostError when the attempt no longer holds the build */
  async append(stream: LogStream, step: number | null, data: Uint8Array, at: Date): Promise<void> {
    this.#throwFailure();
    const key = writerOf({ stream, step });
    let from = 0;
    for (let end = data.indexOf(LINE_FEED); end >= 0; end = data.indexOf(LINE_FEED, from)) {
      const ending = data.subarray(from, end);
      if (this.#open.has(key) || ending.byteLength > MAX_LINE_BYTES) {
        this.#extend(key, stream, step, at, ending);
        this.#close(key, false);
      } else {
        this.#add({ at, stream, step, partial: false, data: ending });
      }
      from = end + 1;
      if (this.#bytes - this.#packedBytes >= ROW_BYTES) await this.#makeRoom();
    }
    const rest = data.subarray(from);
    if (rest.byteLength > 0) this.#extend(key, stream, step, at, rest);
    await this.#settle(data.byteLength);
  }

  /** A line of our own: what the build is doing, or why it failed. */
  async say(text: string): Promise<void> {
    await this.append('SYSTEM', null, Buffer.from(`${text}\n`), new Date());
  }

  /** A step prints no more: a line of it that has no newline is one all the same. */
  endStep(step: number | null): void {
    for (const [key, line] of [...this.#open]) if (line.step === step) this.#close(key, true, false);
  }

  /** Tells that lines of a step are missing here, so that a cut log never looks whole. Said twice in a row it is one gap. */
  async gap(step: number | null, at: Date): Promise<void> {
    this.#throwFailure();
    this.endStep(step);
    if (this.#last?.stream !== 'GAP' || this.#last.step !== step) this.#add(gapLine(step, at));
    await this.#settle(0);
  }

  /**
   * Stores everything, lines that have not ended too; nothing goes on with those any more.
   *
   * @param hints `false` where the build's end follows at once, and tells of these lines too: a hint now would have that one wait.
   *   Where that end is not written after all, the caller hints the log's key. A batch that is being written already keeps its hint
   * @throws BuildLostError when the attempt no longer holds the build
   */
  async finish({ hints = true } = {}): Promise<void> {
    this.#hints = hints;
    for (const key of [...this.#open.keys()]) this.#close(key, true, false);
    await this.#flush();
    for (const lines of this.#tail?.batches ?? []) {
      this.#lines.push(...lines);
      await this.#flush();
    }
    this.#tailRoom -= this.#tail?.bytes ?? 0;
    this.discard();
    if (this.#end !== null) this.#end = { ...this.#end, writer: null };
    this.#hints = true;
    this.#throwFailure();
  }

  /** Forgets what has not been stored: the build is another worker's now. */
  discard(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#takeRows();
    this.#lines = [];
    if (this.#tail !== null) this.#tail = new LogTail(this.#tailBytes);
    this.#last = null;
    this.#open.clear();
  }

  /** A line that is full stays open until more of it comes: what comes may be its newline. */
  #extend(key: string, stream: LogStream, step: number | null, at: Date, data: Uint8Array): void {
    for (let rest = data; rest.byteLength > 0; ) {
      if (this.#open.get(key)?.bytes === MAX_LINE_BYTES) this.#close(key, true);
      const line = this.#open.get(key) ?? { stream, step, at, parts: [], bytes: 0 };
      this.#open.set(key, line);
      const piece = rest.subarray(0, MAX_LINE_BYTES - line.bytes);
      line.parts.push(piece);
      line.bytes += piece.byteLength;
      rest = rest.subarray(piece.byteLength);
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
    this.#add({ at: line.at, stream: line.stream, step: line.step, partial, data });
  }

  #add(line: LogLine): void {
    this.#last = line;
    const cost = costOf(1, line.data.byteLength);
    if (this.#tail === null && cost > this.#room) this.#tail = this.#startTail();
    if (this.#tail === null) {
      this.#room -= cost;
      this.#bytes += cost;
      this.#lines.push(line);
    } else if (this.#tail.push(line)) {
      this.#lines.push(gapLine(null, line.at));
    }
  }

  #startTail(): LogTail {
    const at = new Date();
    const hasStored = this.#bytes > 0 || this.#lineCount > this.build.logLineCount;
    // A worker that was lost may have taken the end of its attempt with it.
    if (!hasStored && this.build.lostWorkers > 0) this.#lines.push(gapLine(null, at));
    const text = `The log is longer than ${this.maxBytes / 2} bytes: from here on only its end is kept, up to ${this.#tailBytes} bytes, and stored when the build ends.`;
    this.#lines.push({ at, stream: 'SYSTEM', step: null, partial: false, data: Buffer.from(text) });
    return new LogTail(this.#tailBytes);
  }

  get #tailBytes(): number {
    return Math.min(MAX_TAIL_BYTES, Math.max(MIN_TAIL_BYTES, Math.floor(this.#tailRoom / 2)));
  }

  /** Sees to it that what was added is stored soon, and that what adds waits for it. */
  async #settle(bytes: number): Promise<void> {
    if (this.#bytes - this.#packedBytes >= ROW_BYTES) await this.#makeRoom();
    if (this.#tail !== null) await this.#takeTurns(bytes);
    // A full batch that was just written may have left the beginning of a line behind.
    if (this.#lines.length > 0 || this.#open.size > 0) this.#startTimer();
  }

  #startTimer(): void {
    const dueMs = this.#flushedAt + FLUSH_MS - performance.now();
    this.#timer ??= setTimeout(() => void this.#onTimer(), Math.max(FIRST_FLUSH_MS, dueMs));
  }

  /** Has what is there written as soon as the batch before it is, and waits for that where it is a full one. */
  async #makeRoom(): Promise<void> {
    this.#pack();
    void this.#flush();
    if (this.#bytes >= BATCH_BYTES) await this.#writing;
    this.#throwFailure();
  }

  /** What goes to memory waits for nothing: a flood of it must not keep the worker from everything else. */
  async #takeTurns(bytes: number): Promise<void> {
    this.#bytesThisTurn += bytes;
    if (this.#bytesThisTurn < BYTES_PER_TURN) return;
    this.#bytesThisTurn = 0;
    await nextTurn();
  }

  async #onTimer(): Promise<void> {
    this.#timer = null;
    const old = Date.now() - PARTIAL_MS;
    // A copy: closing a line may open it again, for a character whose rest has not come.
    for (const [key, line] of [...this.#open]) if (line.at.getTime() < old) this.#close(key, true);
    await this.#flush();
    this.#flushedAt = performance.now();
    if (this.#open.size > 0) this.#startTimer();
  }

  /** Writes what is there by now; one batch at a time, in order. */
  #flush(): Promise<void> {
    this.#next ??= this.#writing.then(() => {
      this.#next = null;
      this.#writing = this.#write();
      return this.#writing;
    });
    return this.#next;
  }

  /** A failure is kept and thrown to the next caller. */
  async #write(): Promise<void> {
    if ((this.#lines.length === 0 && this.#rows.length === 0) || this.#failure !== null) return;
    this.#flushedAt = performance.now();
    const hints = this.#hints;
    try {
      this.#end ??= await whileDatabaseIsAway(() => storedEnd(this.db, this.fence.buildId));
      this.#pack();
      const rows = this.#takeRows();
      if (rows.length === 0) return;
      await whileDatabaseIsAway(() => this.#store(rows));
      this.#lineCount += rows.reduce((sum, { lineCount }) => sum + lineCount, 0);
      if (hints) this.events.hint(logKey(this.fence.buildId));
    } catch (error) {
      this.#failure = error;
    }
  }

  /** Makes rows of the lines that are there: as soon as they fill one, so that the database never waits for it. */
  #pack(): void {
    // Only the first batch of a later attempt is not packed before its turn.
    if (this.#end === null) return;
    const placed = placeLines(this.#lines, this.#end);
    this.#rows.push(...rowsOf(placed.lines));
    this.#end = placed.end;
    this.#lines = [];
    this.#packedBytes = this.#bytes;
  }

  #takeRows(): LogRow[] {
    const rows = this.#rows;
    this.#rows = [];
    this.#bytes = 0;
    this.#packedBytes = 0;
    return rows;
  }

  async #store(batch: readonly LogRow[]): Promise<void> {
    const { buildId, attempt } = this.fence;
    const end = { lines: 0, bytes: 0, textBytes: 0, data: 0 };
    const values = batch.map(({ lineCount, bytes, textBytes, data, dataBytes, lines }) => {
      const before = { ...end };
      end.lines += lineCount;
      end.bytes += bytes;
      end.textBytes += textBytes;
      end.data += data.byteLength;
      return sql`(${before.lines}::int, ${end.lines}::int, ${before.bytes}::int, ${before.textBytes}::int, ${before.data}::int, ${data.byteLength}::int, ${dataBytes}::int, ${JSON.stringify(lines)}::jsonb)`;
    });
    // In one parameter: the driver has a place that it makes half as large again for each, and copies what is in it.
    const data = Buffer.concat(batch.map((row) => row.data));
    const { rows } = await sql`
      with fence as (
        update image_build set log_line_count = log_line_count + ${end.lines},
          log_bytes = log_bytes + ${end.bytes}, log_text_bytes = log_text_bytes + ${end.textBytes}
        where id = ${buildId} and attempt = ${attempt} and finished_at is null
          and log_line_count = ${this.#lineCount}
        returning log_line_count, log_bytes, log_text_bytes
      )
      insert into image_build_log (build_id, first_seq, last_seq, byte_offset, text_offset, data, data_bytes, lines)
      select ${buildId}, log_line_count - ${end.lines} + lines_before + 1, log_line_count - ${end.lines} + lines_end,
        log_bytes - ${end.bytes} + bytes_before, log_text_bytes - ${end.textBytes} + text_bytes_before,
        substring(${data}::bytea from data_before + 1 for data_length), data_bytes, lines
      from fence cross join (values ${sql.join(values)})
        part (lines_before, lines_end, bytes_before, text_bytes_before, data_before, data_length, data_bytes, lines)
      returning first_seq`.execute(this.db);
    if (rows.length === 0 && !(await this.#isStored(end.lines))) {
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
    return (
      row?.attempt === attempt && row.finishedAt === null && row.logLineCount === this.#lineCount + added
    );
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}

const gapLine = (step: number | null, at: Date): LogLine => ({
  at,
  stream: 'GAP',
  step,
  partial: false,
  data: new Uint8Array(),
});

/** How many bytes at the end are the beginning of a UTF-8 character whose rest has not come: 0 to 3. */
function incompleteTail(data: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, data.byteLength); back += 1) {
    const byte = data[data.byteLength - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}
