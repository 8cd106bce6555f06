import { type RawBuilder, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import { type EntityManager, kysely } from '../../db/orm.ts';
import { type EventBus, logKey } from '../../events/event-bus.ts';
import type { ImageBuildStatus } from '../../shared/enums.ts';
import { JoinedReads, untilNextLook } from '../../shared/joined-reads.ts';
import { isFinal } from '../build.rules.ts';
import { decodeLines, type NumberedLine } from './build-log.codec.ts';
import { decompressData, type StoredData } from './build-log.compression.ts';
import type { EncodedLines } from './build-log.entity.ts';
import type { LogForm } from './build-log-form.rules.ts';

/**
 * A read goes to the end of a window, a multiple of so many bytes and of so many lines, so that readers who began at different places
 * soon read the same windows. A full row has 64 KiB or 2,000 lines.
 */
const BYTES_PER_WINDOW = 1024 * 1024;
const LINES_PER_WINDOW = 8192;
/**
 * Where less than that is left of a window, the next one is read with it: readers who follow a flood live would otherwise get what came
 * since their last look in two messages whenever it lies in two windows, which is a quarter of the times at 20,000 lines/s.
 */
const BYTES_TOO_FEW = 256 * 1024;
const LINES_TOO_FEW = 2500;
/** What a read takes of a log whose rows a version stored that did not count their bytes: no windows, so many rows. */
const UNCOUNTED_ROWS_PER_READ = 16;
/** What a process keeps of the lines that were read last, for readers who come to the same place a moment later. */
const CACHE_BYTES = 32 * 1024 * 1024;
/** What a line takes in memory beside its bytes, which are there twice once its text was asked for. */
const LINE_OVERHEAD_BYTES = 300;

/** How a build and its log stand. */
export interface LogState {
  readonly status: ImageBuildStatus;
  readonly lineCount: number;
}

/** Lines after a place, to the end of their window, and the build as it was in the same snapshot; `null`: it is gone. */
interface LogLook {
  readonly state: LogState | null;
  readonly lines: readonly NumberedLine[];
}

/** Lines `from` to `to`, as many as hold `maxBytes` and at least one, counted from the end where `backward`. */
export interface LineRange {
  readonly from: number;
  readonly to: number;
  readonly backward: boolean;
  readonly maxBytes: number;
}

export type LogPiece =
  | { readonly kind: 'lines'; readonly lines: readonly NumberedLine[] }
  /** Lines that were stored and are no more: retention took them away. */
  | { readonly kind: 'expired'; readonly fromSeq: number; readonly toSeq: number }
  /** That was all: the build has ended or, where nobody waits for more, this is what there is by now. */
  | { readonly kind: 'end'; readonly lastSeq: number; readonly status: ImageBuildStatus };

/**
 * Reads the stored lines of builds' logs for all readers of this process. However many follow one build live, each batch costs
 * one statement: readers who look at the same time share it, and who comes to the same place later finds its lines in memory.
 * Readers who are behind share windows: each pays for what it reads first alone. Lines that are stored never change; that
 * there are none is never kept.
 */
export class BuildLogSource {
  readonly #looks = new JoinedReads<LogLook>();
  readonly #cache = new LRUCache<string, readonly NumberedLine[]>({
    maxSize: CACHE_BYTES,
    sizeCalculation: (lines) =>
      lines.reduce((size, { data }) => size + 2 * data.byteLength + LINE_OVERHEAD_BYTES, 1),
  });

  constructor(
    private readonly em: EntityManager,
    private readonly events: EventBus,
  ) {}

  /**
   * The log after line `afterSeq`, in order, nothing missing and nothing twice: first what is stored, then live until the build
   * has ended. It is pulled: a reader that stops reading costs nothing.
   *
   * Why nothing is missed at the end: state and lines are of one snapshot, which was taken after the reader asked, and a batch
   * is stored in one transaction with the count of lines. So a final state whose lines were all read is the end. Why nothing is
   * missed between: a batch that the snapshot does not hold is hinted at after it, and that hint wakes the wait that follows.
   *
   * @param follow wait for more than is stored by now, until the build has ended
   * @param signal ends it, without an end
   */
  async *follow(
    buildId: string,
    afterSeq: number,
    { follow, signal }: { readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncGenerator<LogPiece> {
    using news = this.events.listen(logKey(buildId));
    let lastSeq = afterSeq;
    let looked = false;
    while (!signal.aborted) {
      // The first look is at the database: retention may have taken away what is still in memory.
      const known = looked ? this.#cache.get(placeOf(buildId, lastSeq)) : undefined;
      const look: Partial<LogLook> =
        known === undefined ? await this.#look(buildId, lastSeq) : { lines: known };
      const { state, lines = [] } = look;
      looked = true;
      if (state === null) return;
      const last = lines.at(-1);
      if (last !== undefined) {
        lastSeq = last.seq;
        yield { kind: 'lines', lines };
      }
      if (state === undefined) continue;
      if (lastSeq < state.lineCount) {
        if (last !== undefined) continue;
        yield { kind: 'expired', fromSeq: lastSeq + 1, toSeq: state.lineCount };
        lastSeq = state.lineCount;
      }
      if (isFinal(state.status) || !follow) {
        yield { kind: 'end', lastSeq, status: state.status };
        return;
      }
      await news.wait(untilNextLook(), signal);
    }
  }

  /** How many lines a log has by now; `isExpired`: retention took them away. */
  async extent(buildId: string): Promise<{ readonly lineCount: number; readonly isExpired: boolean }> {
    const build = await kysely(this.em.fork())
      .selectFrom('Build')
      .select(['logLineCount', 'logDeletedAt'])
      .where('id', '=', buildId)
      .executeTakeFirst();
    return { lineCount: build?.logLineCount ?? 0, isExpired: (build?.logDeletedAt ?? null) !== null };
  }

  /** Lines in order, as far as they are stored. */
  async range(buildId: string, { from, to, backward, maxBytes }: LineRange): Promise<NumberedLine[]> {
    const first = backward ? await this.#firstWithin(buildId, from, to, maxBytes) : from;
    const found: NumberedLine[] = [];
    let bytes = 0;
    for (let last = first - 1; last < to && (backward || bytes <= maxBytes); ) {
      const { lines } = await this.#read(buildId, last, to);
      const end = lines.at(-1);
      if (end === undefined) break;
      const wanted = lines.filter(({ seq }) => seq <= to);
      found.push(...wanted);
      bytes += wanted.reduce((sum, { data }) => sum + data.byteLength, 0);
      last = end.seq;
    }
    while (bytes > maxBytes && found.length > 1) {
      const left = backward ? found.shift() : found.pop();
      bytes -= left?.data.byteLength ?? 0;
    }
    return found;
  }

  /**
   * The row that holds byte `offset` of the log in one form, found in a few steps through the key.
   *
   * @param offset less than the log has in that form
   * @returns the line before the row's first one, and the byte that the row begins with
   */
  async rowAt(
    buildId: string,
    form: LogForm,
    offset: number,
  ): Promise<{ readonly afterSeq: number; readonly offset: number }> {
    const begins = sql.ref(form === 'raw' ? 'byte_offset' : 'text_offset');
    const rowOf = (seq: RawBuilder<number>) => sql`lateral (
      select first_seq, last_seq, ${begins} as begins from image_build_log
      where build_id = ${buildId} and first_seq <= ${seq} order by first_seq desc limit 1
    )`;
    // Halves the numbers of lines: line `low` is in a row that begins at or before the offset, those after `high` are not.
    const { rows } = await sql<{ afterSeq: number; offset: number }>`
      with recursive search (low, high) as (
        select 1::bigint, log_line_count from image_build where id = ${buildId}
        union all
        select case when batch.begins <= ${offset} then batch.last_seq else low end,
          case when batch.begins <= ${offset} then high else batch.first_seq - 1 end
        from search cross join ${rowOf(sql`(low + high + 1) / 2`)} batch
        where low < high
      )
      select (batch.first_seq - 1)::float8 as "afterSeq", batch.begins::float8 as "offset"
      from search cross join ${rowOf(sql`low`)} batch
      where low >= high`.execute(kysely(this.em.fork()));
    return rows[0] ?? { afterSeq: 0, offset: 0 };
  }

  /** The first line of the rows that hold the last `maxBytes` of lines `from` to `to`; the row of line `to` is one in any case. */
  async #firstWithin(buildId: string, from: number, to: number, maxBytes: number): Promise<number> {
    const { rows } = await sql<{ first: number | null }>`
      select min(first_seq)::float8 as first from (
        select first_seq, sum(bytes) over (order by first_seq desc) - bytes as later
        from image_build_log cross join lateral (select coalesce(data_bytes, octet_length(data)) as bytes) unpacked
        where build_id = ${buildId} and first_seq <= ${to} and first_seq >= (
          select first_seq from image_build_log
          where build_id = ${buildId} and first_seq <= ${from} order by first_seq desc limit 1
        )
      ) batch where later <= ${maxBytes}`.execute(kysely(this.em.fork()));
    return Math.max(from, rows[0]?.first ?? from);
  }

  async #look(buildId: string, afterSeq: number): Promise<LogLook> {
    const place = placeOf(buildId, afterSeq);
    return await this.#looks.read(place, async () => {
      const look = await this.#read(buildId, afterSeq);
      const known = this.#cache.get(place);
      // The same lines: whoever waits holds those that came last, and all may hold the same ones, and the answers made of them.
      if (known?.length === look.lines.length) return { state: look.state, lines: known };
      if (look.lines.length > 0) this.#cache.set(place, look.lines);
      return look;
    });
  }

  async #read(buildId: string, afterSeq: number, toSeq = Number.MAX_SAFE_INTEGER): Promise<LogLook> {
    // By the key's own column: `last_seq > …` would read the whole log (15,000 rows: 1,667 buffers against 9).
    const { rows } = await sql<LogState & StoredData & { firstSeq: number | null; lines: EncodedLines[] }>`
      select build.status, build.log_line_count::float8 as "lineCount",
        batch.first_seq::float8 as "firstSeq", batch.data, batch.data_bytes as "dataBytes", batch.lines
      from image_build build
      left join lateral (
        select first_seq, byte_offset from image_build_log
        where build_id = build.id and first_seq <= ${afterSeq + 1} order by first_seq desc limit 1
      ) start on build.log_line_count > ${afterSeq} and build.log_deleted_at is null
      left join lateral (
        select first_seq, data, data_bytes, lines from image_build_log
        where build_id = build.id and first_seq >= start.first_seq
          and first_seq < ((start.first_seq + ${LINES_TOO_FEW}::int - 1) / ${LINES_PER_WINDOW}::int + 1) * ${LINES_PER_WINDOW}::int + 1
          and coalesce(byte_offset, 0) <
            ((coalesce(start.byte_offset, 0) + ${BYTES_TOO_FEW}::int) / ${BYTES_PER_WINDOW}::int + 1) * ${BYTES_PER_WINDOW}::int
          and first_seq <= ${toSeq}
        order by first_seq limit case when start.byte_offset is null then ${UNCOUNTED_ROWS_PER_READ}::int end
      ) batch on true
      where build.id = ${buildId}
      order by batch.first_seq`.execute(kysely(this.em.fork()));
    const [state] = rows;
    if (state === undefined) return { state: null, lines: [] };
    const lines = rows.flatMap((row) =>
      row.firstSeq === null ? [] : decodeLines(row.firstSeq, decompressData(row), row.lines),
    );
    return {
      state: { status: state.status, lineCount: state.lineCount },
      lines: lines.filter(({ seq }) => seq > afterSeq),
    };
  }
}

const placeOf = (buildId: string, afterSeq: number) => `${buildId} ${afterSeq}`;
