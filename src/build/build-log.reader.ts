import { sql } from 'kysely';
import { type EntityManager, kysely } from '../db/orm.ts';
import { type EventBus, logKey } from '../events/event-bus.ts';
import type { ImageBuildStatus, LogGapReason, LogStream } from '../shared/enums.ts';
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
    const { seq } = rest[cut] as NumberedLine;
    yield { kind: 'gap', fromSeq: seq, toSeq: seq, reason: 'LIMIT_EXCEEDED' };
    rest = rest.slice(cut + 1);
  }
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
