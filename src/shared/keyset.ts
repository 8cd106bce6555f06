import { hash } from 'node:crypto';
import { BadInputError } from './errors.ts';
import { isUuid } from './global-id.ts';

/** Relay's paging arguments. */
export interface PageArgs {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/** A page of a list in a fixed order. What it shows is read when it is first asked for, and once. */
export interface Page<T> {
  readonly rows: () => Promise<PageRows<T>>;
  /** Counts the whole list. */
  readonly count: () => Promise<number>;
}

/** The rows of a page, and whether there are more around them. */
export interface PageRows<T> {
  readonly nodes: readonly T[];
  /** A row's cursor; it costs some µs to print one. */
  readonly cursorOf: (node: T) => string;
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/** The place of one row in its list: the ordering value and the id that breaks ties. */
export interface Place {
  readonly value: string | number;
  readonly id: string;
}

/** What a list is ordered by, in PostgreSQL's words: what the value of a {@link Place} is compared as. */
export type PlaceType = 'timestamptz' | 'text' | 'float8';

/** Paging arguments, checked: read `limit + 1` rows from `from` on, backwards if `backward`. */
export interface Window {
  readonly limit: number;
  readonly backward: boolean;
  readonly after: Place | null;
  readonly before: Place | null;
}

export const DEFAULT_PAGE = 20;
export const MAX_PAGE = 100;

const checksum = (list: string, body: string) => hash('sha256', `${list}\n${body}`, 'base64url').slice(0, 8);

/** An opaque cursor into `list`; a cursor of another list, or a changed one, is refused when it is read. */
export function printCursor(list: string, place: Place): string {
  const body = JSON.stringify([place.value, place.id]);
  return Buffer.from(`${checksum(list, body)}${body}`).toString('base64url');
}

/**
 * Reads a cursor. The checksum keeps cursors of other lists away, not forgers: anybody can work it out, so the place is
 * looked at before it gets into a statement.
 *
 * @throws BadInputError for what is no cursor of this list
 */
export function readCursor(list: string, type: PlaceType, cursor: string, argument: string): Place {
  const text = Buffer.from(cursor, 'base64url').toString();
  const body = text.slice(8);
  const isWhole =
    Buffer.from(text).toString('base64url') === cursor && checksum(list, body) === text.slice(0, 8);
  const place = isWhole ? parsePlace(body, type) : null;
  if (place !== null) return place;
  throw new BadInputError('This is not a cursor of this list in this order; start again without it.', [
    argument,
  ]);
}

function parsePlace(body: string, type: PlaceType): Place | null {
  let parts: unknown;
  try {
    parts = JSON.parse(body);
  } catch {
    return null;
  }
  if (!Array.isArray(parts) || parts.length !== 2) return null;
  const [value, id] = parts as [unknown, unknown];
  if (typeof id !== 'string' || !isUuid(id)) return null;
  if (type === 'float8') return typeof value === 'number' && Number.isFinite(value) ? { value, id } : null;
  if (typeof value !== 'string' || value.includes('\0')) return null;
  return type === 'text' || isTime(value) ? { value, id } : null;
}

/** As `toISOString` prints it, in the years that PostgreSQL knows by four digits. */
function isTime(text: string): boolean {
  const time = new Date(text);
  return (
    /^\d{4}-/.test(text) &&
    !text.startsWith('0000') &&
    !Number.isNaN(time.getTime()) &&
    time.toISOString() === text
  );
}

/**
 * Checks paging arguments.
 *
 * @param list names the list and its order, so that a cursor fits no other
 * @param type what it is ordered by
 * @throws BadInputError for sizes out of range, `first` with `last`, and cursors of other lists
 */
export function readWindow(list: string, type: PlaceType, args: PageArgs, max = MAX_PAGE): Window {
  const { first, last } = args;
  if (typeof first === 'number' && typeof last === 'number') {
    throw new BadInputError('Ask for `first` or for `last`, not for both.', ['last']);
  }
  const [argument, asked] =
    typeof last === 'number' ? ['last', last] : ['first', first ?? Math.min(DEFAULT_PAGE, max)];
  if (asked < 0 || asked > max) {
    throw new BadInputError(`\`${argument}\` must be from 0 to ${max}.`, [argument as string], {
      max,
      current: asked,
    });
  }
  return {
    limit: asked,
    backward: typeof last === 'number',
    after: typeof args.after === 'string' ? readCursor(list, type, args.after, 'after') : null,
    before: typeof args.before === 'string' ? readCursor(list, type, args.before, 'before') : null,
  };
}

/**
 * Makes a page of what the window shows.
 *
 * @param read reads the window's rows and one more, backwards for a backward window
 */
export function toPage<T>(
  list: string,
  window: Window,
  read: () => Promise<readonly T[]>,
  placeOf: (row: T) => Place,
  count: () => Promise<number>,
): Page<T> {
  return {
    rows: once(async () => rowsOf(list, window, await read(), placeOf)),
    count: once(count),
  };
}

function rowsOf<T>(
  list: string,
  window: Window,
  rows: readonly T[],
  placeOf: (row: T) => Place,
): PageRows<T> {
  const more = rows.length > window.limit;
  const kept = rows.slice(0, window.limit);
  const nodes = window.backward ? kept.reverse() : kept;
  return {
    nodes,
    cursorOf: (row) => printCursor(list, placeOf(row)),
    hasNextPage: window.backward ? window.before !== null : more,
    hasPreviousPage: window.backward ? more : window.after !== null,
  };
}

/** The same answer, or the same failure, for everybody who asks: `read` runs when the first one does. */
export function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => {
    reading ??= read();
    return reading;
  };
}
