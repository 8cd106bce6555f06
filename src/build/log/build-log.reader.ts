import type { ImageBuildStatus, LogGapReason, LogStream } from '../../shared/enums.ts';
import { type PageArgs, printCursor, readWindow } from '../../shared/keyset.ts';
import type { NumberedLine } from './build-log.codec.ts';
import type { BuildLogSource } from './build-log.source.ts';

/**
 * About how many lines an event carries, and half as many more at the most: to execute and write 2,000 takes 8 ms, in which nobody else
 * has a turn. The more it carries, the less a subscriber costs.
 */
const LINES_PER_EVENT = 2000;
/** Lines of a page of a log at the most. */
const MAX_LINES_PER_PAGE = 1000;
const DEFAULT_LINES_PER_PAGE = 100;
/** Bytes of a page's lines at the most: a thousand of 64 KiB would be 64 MiB, and each is sent as text and in base64. */
const BYTES_PER_PAGE = 2 * 1024 * 1024;

/** A line that holds text, not a gap. */
export type TextLine = NumberedLine & { readonly stream: LogStream };

/** Where numbers stand for lines that are missing. */
export interface LogGap {
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly reason: LogGapReason;
}

export type LogEvent =
  | { readonly kind: 'lines'; readonly lines: readonly TextLine[]; readonly lastSeq: number }
  | ({ readonly kind: 'gap' } & LogGap)
  | { readonly kind: 'end'; readonly lastSeq: number; readonly status: ImageBuildStatus };

/** A page of a log. The lines' numbers are without a gap, so the places of all pages are known without reading them. */
export interface LogPage {
  readonly lines: readonly TextLine[];
  readonly gaps: readonly LogGap[];
  readonly cursorOf: (line: TextLine) => string;
  /** The places of its first and last number, where gaps have numbers too; `null`: it has none. */
  readonly startCursor: string | null;
  readonly endCursor: string | null;
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  /** Lines that there are by now; one that is missing counts where the gap stands for it. */
  readonly count: number;
}

/** Builds' logs as the API shows them. Whoever calls has checked that the viewer may. */
export class BuildLogReader {
  /** Readers who follow one log get the same events, so that what is made of one is made once. */
  readonly #events = new WeakMap<readonly NumberedLine[], readonly LogEvent[]>();

  constructor(private readonly source: BuildLogSource) {}

  /**
   * A page of what the log has by now, 100 lines where nothing is said and 1,000 at the most; of long lines it has fewer,
   * 2 MiB together, but one at least.
   *
   * @throws BadInputError for sizes out of range, `first` with `last`, and cursors of other logs
   */
  async page(buildId: string, args: PageArgs): Promise<LogPage> {
    const list = `log ${buildId}`;
    const isSized = typeof args.first === 'number' || typeof args.last === 'number';
    const sized = isSized ? args : { ...args, first: DEFAULT_LINES_PER_PAGE };
    const { limit, backward, after, before } = readWindow(list, 'float8', sized, MAX_LINES_PER_PAGE);
    const { lineCount: count, isExpired } = await this.source.extent(buildId);
    const cursorOf = ({ seq }: NumberedLine) => printCursor(list, { value: seq, id: buildId });
    if (isExpired) {
      const gaps = count === 0 ? [] : [{ fromSeq: 1, toSeq: count, reason: 'EXPIRED' } as const];
      const nowhere = { startCursor: null, endCursor: null, hasNextPage: false, hasPreviousPage: false };
      return { lines: [], gaps, cursorOf, ...nowhere, count };
    }
    const first = after === null ? 1 : Number(after.value) + 1;
    const last = Math.min(before === null ? count : Number(before.value) - 1, count);
    const from = backward ? Math.max(first, last - limit + 1) : first;
    const to = backward ? last : Math.min(last, first + limit - 1);
    const lines = await this.source.range(buildId, { from, to, backward, maxBytes: BYTES_PER_PAGE });
    const [start, end] = [lines.at(0), lines.at(-1)];
    return {
      lines: lines.filter(isText),
      gaps: lines.filter((line) => !isText(line)).map(gapOf),
      cursorOf,
      startCursor: start === undefined ? null : cursorOf(start),
      endCursor: end === undefined ? null : cursorOf(end),
      hasNextPage: backward ? before !== null && last < count : (end?.seq ?? to) < last,
      hasPreviousPage: backward ? (start?.seq ?? from) > first : first > 1,
      count,
    };
  }

  /**
   * The log after line `afterSeq`: first what is stored, then live until the build has ended; nothing missing, nothing
   * twice. It is pulled: a reader that stops reading costs nothing.
   */
  async *follow(buildId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<LogEvent> {
    for await (const piece of this.source.follow(buildId, afterSeq, { follow: true, signal })) {
      if (piece.kind === 'lines') yield* this.#eventsOf(piece.lines);
      else if (piece.kind === 'expired') yield { ...piece, kind: 'gap', reason: 'EXPIRED' };
      else yield piece;
    }
  }

  #eventsOf(lines: readonly NumberedLine[]): readonly LogEvent[] {
    const known = this.#events.get(lines);
    if (known !== undefined) return known;
    const events = [...eventsOf(lines)];
    this.#events.set(lines, events);
    return events;
  }
}

const isText = (line: NumberedLine): line is TextLine => line.stream !== 'GAP';

const gapOf = ({ seq }: NumberedLine): LogGap => ({ fromSeq: seq, toSeq: seq, reason: 'LIMIT_EXCEEDED' });

/** Lines as events: runs of text, and the gaps between them. */
function* eventsOf(lines: readonly NumberedLine[]): Generator<LogEvent> {
  let rest = lines;
  while (rest.length > 0) {
    const cut = rest.findIndex((line) => !isText(line));
    const text = (cut < 0 ? rest : rest.slice(0, cut)).filter(isText);
    const parts = Math.max(1, Math.round(text.length / LINES_PER_EVENT));
    const size = Math.ceil(text.length / parts);
    for (let first = 0; first < text.length; first += size) {
      const part = text.slice(first, first + size);
      yield { kind: 'lines', lines: part, lastSeq: (part.at(-1) as TextLine).seq };
    }
    if (cut < 0) return;
    yield { kind: 'gap', ...gapOf(rest[cut] as NumberedLine) };
    rest = rest.slice(cut + 1);
  }
}
