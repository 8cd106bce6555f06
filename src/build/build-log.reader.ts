import { sql } from 'kysely';
import { type EntityManager, kysely } from '../db/orm.ts';
import { type EventBus, logKey } from '../events/event-bus.ts';
import type { ImageBuildStatus, LogGapReason, LogStream } from '../shared/enums.ts';
import { type PageArgs, printCursor, readWindow } from '../shared/keyset.ts';
import { isFinal } from './build.rules.ts';
import { decodeLines, type NumberedLine } from './build-log.codec.ts';

/** How long a reader waits for a hint before it looks by itself. */
const LOOK_MS = 2000;
/** Rows that one read takes; a row has about 64 KiB, so this is about 1 MiB of log. */
const BATCHES_PER_READ = 16;

export type LogEvent =
  | { readonly kind: 'lines'; readonly lines: readonly TextLine[]; readonly lastSeq: number }
  | { readonly kind: 'gap'; readonly fromSeq: number; readonly toSeq: number; readonly reason: LogGapReason }
  | { readonly kind: 'end'; readonly lastSeq: number; readonly status: ImageBuildStatus };

/** Lines that one event carries at the most, so that a flood of short lines does not hold up the event loop. */
const LINES_PER_EVENT = 1000;

/** A line that holds text, not a gap. */
export type TextLine = NumberedLine & { readonly stream: LogStream };
const isText = (line: NumberedLine): line is TextLine => line.stream !== 'GAP';

const gapOf = ({ seq }: NumberedLine) => ({ fromSeq: seq, toSeq: seq, reason: 'LIMIT_EXCEEDED' }) as const;

/** Lines as events: runs of text, and the gaps between them. */
function* eventsOf(lines: readonly NumberedLine[]): Generator<LogEvent> {
  let rest = lines;
  while (rest.length > 0) {
    const cut = rest.findIndex((line) => !isText(line));
    const text = (cut < 0 ? rest : rest.slice(0, cut)).filter(isText);
    for (let first = 0; first < text.length; first += LINES_PER_EVENT) {
      const part = text.slice(first, first + LINES_PER_EVENT);
      yield { kind: 'lines', lines: part, lastSeq: (part.at(-1) as TextLine).seq };
    }
    if (cut < 0) return;
    yield { kind: 'gap', ...gapOf(rest[cut] as NumberedLine) };
    rest = rest.slice(cut + 1);
  }
}

/** Lines of a page of a log at the most. */
const MAX_LINES_PER_PAGE = 1000;
const DEFAULT_LINES_PER_PAGE = 100;

/** A page of a log. The lines' numbers are without a gap, so the places of all pages are known without reading them. */
export interface LogPage {
  readonly lines: readonly TextLine[];
  readonly gaps: readonly {
    readonly fromSeq: number;
    readonly toSeq: number;
    readonly reason: LogGapReason;
  }[];
  readonly cursorOf: (line: TextLine) => string;
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** Lines that there are by now; one that is missing counts where the gap stands for it. */
  readonly count: number;
}

/** Reads builds' logs. Whoever calls has checked that the viewer may. */
export class BuildLogReader {
  constructor(
    private readonly em: EntityManager,
    private readonly events: EventBus,
  ) {}

  /** Lines with `seq > afterSeq`, in order, of at most {@link BATCHES_PER_READ} batches. */
  async read(buildId: string, afterSeq: number): Promise<NumberedLine[]> {
    const rows = await kysely(this.em.fork())
      .selectFrom('BuildLogBatch')
      .select(['firstSeq', 'data', 'lines'])
      .where('buildId', '=', buildId)
      // By the key's own column: `last_seq > …` would read the whole log (15,000 batches: 1,667 buffers against 9).
      .where(
        'firstSeq',
        '>=',
        sql<number>`coalesce((select max(first_seq) from image_build_log
        where build_id = ${buildId} and first_seq <= ${afterSeq + 1}), 0)`,
      )
      .orderBy('firstSeq')
      .limit(BATCHES_PER_READ)
      .execute();
    return rows
      .flatMap((row) => decodeLines(row.firstSeq, row.data, row.lines))
      .filter((line) => line.seq > afterSeq);
  }

  /** Lines `fromSeq` to `toSeq`, in order, as far as they are stored. */
  async readRange(buildId: string, fromSeq: number, toSeq: number): Promise<NumberedLine[]> {
    const lines: NumberedLine[] = [];
    for (let last = fromSeq - 1; last < toSeq; ) {
      const read = await this.read(buildId, last);
      if (read.length === 0) break;
      lines.push(...read.filter(({ seq }) => seq <= toSeq));
      last = (read.at(-1) as NumberedLine).seq;
    }
    return lines;
  }

  /**
   * A page of what the log has by now, 100 lines where nothing is said and 1,000 at the most.
   *
   * @throws BadInputError for sizes out of range, `first` with `last`, and cursors of other logs
   */
  async page(buildId: string, args: PageArgs): Promise<LogPage> {
    const list = `log ${buildId}`;
    const isSized = typeof args.first === 'number' || typeof args.last === 'number';
    const sized = isSized ? args : { ...args, first: DEFAULT_LINES_PER_PAGE };
    const { limit, backward, after, before } = readWindow(list, 'float8', sized, MAX_LINES_PER_PAGE);
    const count = (await this.#state(buildId))?.lineCount ?? 0;
    const first = after === null ? 1 : Number(after.value) + 1;
    const last = Math.min(before === null ? count : Number(before.value) - 1, count);
    const from = backward ? Math.max(first, last - limit + 1) : first;
    const to = backward ? last : Math.min(last, first + limit - 1);
    const lines = await this.readRange(buildId, from, to);
    return {
      lines: lines.filter(isText),
      gaps: lines.filter((line) => !isText(line)).map(gapOf),
      cursorOf: ({ seq }) => printCursor(list, { value: seq, id: buildId }),
      hasNextPage: backward ? before !== null && last < count : to < last,
      hasPreviousPage: backward ? from > first : first > 1,
      count,
    };
  }

  /**
   * The log after line `afterSeq`: first what is stored, then live until the build has ended; nothing missing, nothing
   * twice. It is pulled: a reader that stops reading costs nothing.
   */
  async *follow(buildId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<LogEvent> {
    using news = this.events.listen(logKey(buildId));
    let lastSeq = afterSeq;
    while (!signal.aborted) {
      // The state is read before the lines: when it is final, the lines that are read next are all there will be.
      const state = await this.#state(buildId);
      const lines = await this.read(buildId, lastSeq);
      const last = lines.at(-1);
      if (last !== undefined) {
        lastSeq = last.seq;
        yield* eventsOf(lines);
      } else if (state === null) {
        return;
      } else if (isFinal(state.status)) {
        yield { kind: 'end', lastSeq: Math.max(lastSeq, state.lineCount), status: state.status };
        return;
      } else {
        await news.wait(LOOK_MS, signal);
      }
    }
  }

  async #state(buildId: string): Promise<{ status: ImageBuildStatus; lineCount: number } | null> {
    const { rows } = await sql<{ status: ImageBuildStatus; lineCount: number }>`
      select status, log_line_count::float8 as "lineCount" from image_build where id = ${buildId}`.execute(
      kysely(this.em.fork()),
    );
    return rows[0] ?? null;
  }
}
