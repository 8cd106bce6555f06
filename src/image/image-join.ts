import type { Session } from '../auth/session.ts';
import { type PlainSql, plainSql } from '../db/plain-sql.ts';
import type { Selection } from '../shared/selection.ts';
import type { ImageRow } from './image.reads.ts';

type JoinedRow = Readonly<Record<string, unknown>>;

/** Something that an image has one of, and that is read in the same statement as a page of images. */
export interface ImageJoin {
  /** The image's field that it answers. */
  readonly field: string;
  /**
   * How it is read.
   *
   * @param image what is asked for of each image
   * @returns `null`: not at all, or in a statement of its own, because of how it is asked for
   */
  readonly read: (session: Session, image: Selection) => JoinedRows | null;
  /** The field's value; `undefined` where it takes the field's resolver. */
  readonly valueOf: (row: JoinedRow | null) => unknown;
}

export interface JoinedRows {
  /** Under the names of properties, an `id` that is never null the first of them. */
  readonly columns: readonly string[];
  /** A select of these columns for the image `page`, of at most one row that the viewer may see. */
  readonly rows: PlainSql<unknown>;
}

/** The value of the join's field, as it was read with the image; `undefined` where it was not. */
export function joinedTo(image: ImageRow, { field }: ImageJoin): unknown {
  return image.joined?.fieldOf(image, field);
}

/** One of the {@link ImageJoin}s that a page is asked for. */
interface Part {
  readonly join: ImageJoin;
  readonly rows: PlainSql<unknown>;
  /** Each with its name in the statement's rows. */
  readonly columns: readonly (readonly [column: string, name: string])[];
}

/** Those of {@link ImageJoin}s that a page is asked for. */
export class Joined {
  readonly #parts: readonly Part[];

  constructor(joins: readonly ImageJoin[], session: Session, image: Selection) {
    this.#parts = joins.flatMap((join) => {
      const read = join.read(session, image);
      if (read === null) return [];
      const columns = read.columns.map((column) => [column, `${join.field}.${column}`] as const);
      return [{ join, rows: read.rows, columns }];
    });
  }

  /** What a statement selects of the joined rows, after what it selects of the page's. */
  get columns(): PlainSql<unknown> {
    const columns = this.#parts.flatMap(({ join: { field }, columns }) =>
      columns.map(([column, name]) => `, "${field}"."${column}" as "${name}"`),
    );
    return plainSql.raw(columns.join(''));
  }

  /** Joins them to the `page` of a statement. */
  get tables(): PlainSql<unknown> {
    const tables = this.#parts.map(
      ({ join, rows }) => plainSql` left join lateral (${rows}) "${plainSql.raw(join.field)}" on true`,
    );
    return plainSql.join(tables, plainSql``);
  }

  /** The image of a statement's row, with what was joined to it. */
  take(row: ImageRow): ImageRow {
    return this.#parts.length === 0 ? row : Object.assign(row, { joined: this });
  }

  /** The value of a field, made when it is asked for: made with the row, it would have to be kept until the others are read. */
  fieldOf(image: ImageRow, field: string): unknown {
    const part = this.#parts.find(({ join }) => join.field === field);
    return part?.join.valueOf(joinedRow(image, part.columns));
  }
}

/** `null` where the statement has found none. */
function joinedRow(row: ImageRow, columns: Part['columns']): JoinedRow | null {
  const values = row as ImageRow & JoinedRow;
  // The first is `id`, see JoinedRows.
  const id = columns[0]?.[1] ?? '';
  if (values[id] === null) return null;
  const joined: Record<string, unknown> = {};
  for (const [column, name] of columns) joined[column] = values[name];
  return joined;
}
