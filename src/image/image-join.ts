import { type RawBuilder, sql } from 'kysely';
import type { Session } from '../auth/session.ts';
import type { Selection } from '../shared/selection.ts';
import type { ImageRow } from './image.reads.ts';

/** Something that an image has one of, and that is read in the same statement as a page of images. */
export interface ImageJoin {
  /** By which the row has it: see {@link joinedTo}. */
  readonly name: string;
  /**
   * How it is read.
   *
   * @param image what is asked for of each image
   * @returns `null`: not at all, or in a statement of its own, because of how it is asked for
   */
  readonly read: (session: Session, image: Selection) => JoinedRows | null;
}

export interface JoinedRows {
  /** Under the names of properties, an `id` that is never null the first of them. */
  readonly columns: readonly string[];
  /** A select of these columns for the image `page`, of at most one row that the viewer may see. */
  readonly rows: RawBuilder<unknown>;
}

/** What was read with an image: `null` where it has none, `undefined` where it was not read with it. */
export function joinedTo<Row>(image: ImageRow, { name }: ImageJoin): Row | null | undefined {
  return image.joined?.[name] as Row | null | undefined;
}

/** Those of {@link ImageJoin}s that a page is asked for. */
export class Joined {
  readonly #parts: readonly (JoinedRows & { readonly name: string })[];

  constructor(joins: readonly ImageJoin[], session: Session, image: Selection) {
    this.#parts = joins.flatMap(({ name, read }) => {
      const rows = read(session, image);
      return rows === null ? [] : [{ name, ...rows }];
    });
  }

  /** What a statement selects of the joined rows, after what it selects of the page's. */
  get columns(): RawBuilder<unknown> {
    const columns = this.#parts.flatMap(({ name, columns }) =>
      columns.map((column) => `, "${name}"."${column}" as "${name}.${column}"`),
    );
    return sql.raw(columns.join(''));
  }

  /** Joins them to the `page` of a statement. */
  get tables(): RawBuilder<unknown> {
    const tables = this.#parts.map(
      ({ name, rows }) => sql` left join lateral (${rows}) ${sql.id(name)} on true`,
    );
    return tables.length === 0 ? sql`` : sql.join(tables, sql``);
  }

  /** The image of a statement's row, with what was joined to it as objects of their own. */
  take(row: ImageRow): ImageRow {
    if (this.#parts.length === 0) return row;
    const values = row as ImageRow & Readonly<Record<string, unknown>>;
    const joined: Record<string, unknown> = {};
    for (const { name, columns } of this.#parts) {
      joined[name] = values[`${name}.id`] === null ? null : {};
      if (joined[name] === null) continue;
      for (const column of columns)
        (joined[name] as Record<string, unknown>)[column] = values[`${name}.${column}`];
    }
    return Object.assign(row, { joined });
  }
}
