import type { Session } from '../auth/session.ts';
import { columnsOf } from '../db/columns.ts';
import { type KeysetOrder, keysetCondition, keysetOrder } from '../db/keyset-query.ts';
import { type PlainSql, plainSql } from '../db/plain-sql.ts';
import { keptFor } from '../shared/kept-for.ts';
import type { Window } from '../shared/keyset.ts';
import type { Selection } from '../shared/selection.ts';
import { wantedImages } from './filter/image-filter.reads.ts';
import type { ImageCriteria } from './filter/image-filter.rules.ts';
import {
  COLUMN_NAMES,
  type ImageOrderField,
  type ImageRow,
  type ImageSorting,
  imageColumns,
  ORDERS,
  SORTED_BY,
} from './image.reads.ts';
import { type ImageJoin, Joined } from './image-join.ts';

/** How far along its index a page is looked for at first, in images: 2 ms. */
const NEAR_LIMIT = plainSql.raw('2000');

/**
 * The sizes of pages that are read; of one that is larger than asked for, the rest is left out. Each size makes statements of its own,
 * which stay prepared, and clients may ask for any; as a parameter, PostgreSQL would plan for a tenth of all images.
 */
const SIZES = [1, 5, 10, 20, 30, 50, 100] as const;

/** By what the rows of each are in their place. */
const PLACES = {
  image: { by: plainSql`image.place`, id: plainSql`image.id` },
  found: { by: plainSql`found.place`, id: plainSql`found.id` },
  page: { by: plainSql`page.place`, id: plainSql`page.id` },
} as const;

type Columns = readonly string[];

/** The columns with the one that a list is sorted by, which cursors take. */
const withSortedBy = (field: ImageOrderField) =>
  keptFor((columns: Columns): Columns => {
    const sortedBy = SORTED_BY[field];
    return columns.includes(sortedBy) ? columns : [...columns, sortedBy];
  });
const withSorted = {
  CREATED_AT: withSortedBy('CREATED_AT'),
  UPDATED_AT: withSortedBy('UPDATED_AT'),
  NAME: withSortedBy('NAME'),
  SIZE: withSortedBy('SIZE'),
} as const satisfies Record<ImageOrderField, unknown>;

/** A page's columns as its statement gives them. */
const shown = keptFor((columns: Columns) =>
  plainSql.raw(columns.map((column) => `page."${column}"`).join(', ')),
);

type Counted = ImageRow & { readonly total: number };

/** The statements by which one page of images can be read. Whatever they call `image` or `page` has a column `place`: what it is ordered by. */
export class ImagePageStatements {
  /** Is any row of the page asked for, or where it stands? */
  readonly hasRows: boolean;
  readonly #order: KeysetOrder;
  readonly #window: Window;
  readonly #wanted: PlainSql<unknown>;
  readonly #inNamespace: PlainSql<unknown>;
  readonly #columns: Columns;
  readonly #joined: Joined;

  constructor(page: {
    readonly session: Session;
    readonly criteria: ImageCriteria;
    readonly sorting: ImageSorting;
    readonly window: Window;
    readonly selection: Selection;
    readonly joins: readonly ImageJoin[];
  }) {
    const { session, sorting, selection } = page;
    const image = selection.of('nodes', 'edges.node');
    const hasCursors = selection.has('pageInfo') || selection.has('edges');
    this.hasRows = hasCursors || selection.has('nodes');
    this.#order = { ...ORDERS[sorting.field], id: PLACES.image.id, direction: sorting.direction };
    this.#window = page.window;
    this.#wanted = wantedImages(session, page.criteria);
    const { namespaceUid } = page.criteria;
    this.#inNamespace = namespaceUid ? plainSql` and image.namespace_id = ${namespaceUid}` : plainSql``;
    const columns = imageColumns(image);
    this.#columns = hasCursors ? withSorted[sorting.field](columns) : columns;
    this.#joined = new Joined(page.joins, session, image);
  }

  /** Goes through the images in their order, or looks up those that are wanted: as PostgreSQL finds best. */
  page(): PlainSql<ImageRow> {
    return this.#rowsOf(plainSql`(${this.#pageFrom(this.#placed())}) page`);
  }

  /** Goes through the images in their order, those of the namespace that is asked for, {@link NEAR_LIMIT} of them at the most. */
  nearPage(): PlainSql<ImageRow> {
    const near = plainSql`${this.#placed()}${this.#inNamespace} order by ${keysetOrder(this.#order, this.#window)} limit ${NEAR_LIMIT}`;
    return this.#rowsOf(plainSql`(${this.#pageFrom(near)}) page`);
  }

  /** Looks up all that are wanted, and sorts them. */
  foundPage(): PlainSql<ImageRow> {
    return plainSql`${this.#withFound()} ${this.#rowsOf(plainSql`(${this.#pageOfFound()}) page`)}`;
  }

  /** The same with their number in every row, in a row without an image where the page has none: see {@link takeCounted}. */
  countedPage(): PlainSql<Counted> {
    const counted = plainSql`(select count(*) as total from found) counted left join lateral (${this.#pageOfFound()}) page on true`;
    return plainSql`${this.#withFound()} ${this.#rowsOf(counted, plainSql`, counted.total`)}`;
  }

  count(): PlainSql<{ count: number }> {
    return plainSql`select count(*) from image where ${this.#wanted}`;
  }

  /** The images of a statement's rows. */
  take(rows: readonly ImageRow[]): readonly ImageRow[] {
    return rows.slice(0, this.#window.limit + 1).map((row) => this.#joined.take(row));
  }

  takeCounted(rows: readonly Counted[]): { readonly rows: readonly ImageRow[]; readonly total: number } {
    return { rows: this.take(rows.filter(({ id }) => id !== null)), total: rows[0]?.total ?? 0 };
  }

  /** Of those beyond the window's cursors. */
  #placed(): PlainSql<unknown> {
    const { by } = this.#order;
    return plainSql`select image.*, ${by} as place from image where ${keysetCondition(this.#order, this.#window)}`;
  }

  #pageFrom(placed: PlainSql<unknown>): PlainSql<unknown> {
    return plainSql`select ${this.#imageColumns}, image.place from (${placed}) image where ${this.#wanted}
      order by ${this.#orderOf('image')} limit ${this.#size}`;
  }

  #withFound(): PlainSql<unknown> {
    return plainSql`with found as materialized (
      select image.id, ${this.#order.by} as place from image where ${this.#wanted})`;
  }

  #pageOfFound(): PlainSql<unknown> {
    const order = { ...this.#order, ...PLACES.found };
    return plainSql`select ${this.#imageColumns}, found.place from (
        select * from found where ${keysetCondition(order, this.#window)}
        order by ${this.#orderOf('found')} limit ${this.#size}) found join image on image.id = found.id`;
  }

  #rowsOf<Row = ImageRow>(page: PlainSql<unknown>, more: PlainSql<unknown> = plainSql``): PlainSql<Row> {
    return plainSql<Row>`select ${shown(this.#columns)}${this.#joined.columns}${more} from ${page}${this.#joined.tables}
      order by ${this.#orderOf('page')}`;
  }

  #orderOf(table: keyof typeof PLACES): PlainSql<unknown> {
    return keysetOrder({ ...this.#order, ...PLACES[table] }, this.#window);
  }

  get #imageColumns(): PlainSql<unknown> {
    return columnsOf('image', this.#columns, COLUMN_NAMES);
  }

  get #size(): PlainSql<unknown> {
    const { limit } = this.#window;
    return plainSql.raw(String((SIZES.find((size) => size >= limit) ?? limit) + 1));
  }
}
