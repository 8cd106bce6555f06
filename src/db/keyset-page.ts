import { type Expression, type SelectQueryBuilder, sql } from 'kysely';
import {
  once,
  type Page,
  type PageArgs,
  type Place,
  readWindow,
  toPage,
  type Window,
} from '../shared/keyset.ts';
import { type KeysetOrder, keysetCondition, keysetOrder } from './keyset-query.ts';
import type { Db } from './tables.ts';

/** A list in the database, whole: what is in it, what is read of a row, and in which order it is paged. */
export interface KeysetList<DB, TB extends keyof DB, Row> {
  /** Names the list and its order, so that a cursor fits no other. */
  readonly name: string;
  /** What `rows` calls the table, and what `order` means by it. */
  readonly alias: string;
  readonly rows: SelectQueryBuilder<DB, TB, Row>;
  readonly order: KeysetOrder;
  readonly placeOf: (row: Row) => Place;
}

/** Whose lists are read: those of these ids. */
export interface Parents<Relation extends string> {
  /** What makes a row the parent's. */
  readonly relation: Relation;
  readonly ids: readonly string[];
}

/** One statement for the page's rows, whatever their number, and one for the total: each when it is asked for. */
export function readPage<DB, TB extends keyof DB, Row>(
  list: KeysetList<DB, TB, Row>,
  args: PageArgs,
): Page<Row> {
  const window = readWindow(list.name, list.order.type, args);
  const read = async () => (await windowOf(list, window).execute()) as Row[];
  return toPage(list.name, window, read, list.placeOf, async () => {
    const counted = list.rows.clearSelect().select(sql`count(*)`.as('count')).$castTo<{ count: string }>();
    return Number((await counted.executeTakeFirstOrThrow()).count);
  });
}

/**
 * The same page of each parent's part of a list: one statement for the rows of all of them, and one for all their totals, each
 * when the first of them is asked for.
 *
 * @param belongs is a row of the list one of `parent.id`?
 * @returns a page for each parent, empty for one that has no rows
 */
export function readPages<DB, TB extends keyof DB, Row>(
  db: Db,
  list: KeysetList<DB, TB, Row>,
  belongs: Expression<boolean>,
  parentIds: readonly string[],
  args: PageArgs,
): ReadonlyMap<string, Page<Row>> {
  const window = readWindow(list.name, list.order.type, args);
  const ids = [...new Set(parentIds)];
  const parents = sql`unnest(${ids}::uuid[])`.as(sql`parent(id)`);
  const parentId = sql<string>`parent.id`.as('parent');
  // Lateral, so that each parent's rows are read in the order of an index and no further than its page goes.
  const read = once(async () => {
    const rows = await db
      .selectFrom(parents)
      .crossJoinLateral(windowOf(list, window).where(belongs).as(list.alias))
      .selectAll(list.alias as never)
      .select(parentId)
      .orderBy(keysetOrder(list.order, window))
      .execute();
    return Map.groupBy(rows as (Row & { parent: string })[], ({ parent }) => parent);
  });
  const count = once(async () => {
    const counted = list.rows.clearSelect().select(sql<string>`count(*)`.as('count')).where(belongs);
    const rows = await db
      .selectFrom(parents)
      .crossJoinLateral(counted.as('counted'))
      .select([parentId, sql<string>`counted.count`.as('count')])
      .execute();
    return new Map(rows.map(({ parent, count }) => [parent, Number(count)]));
  });
  const pageOf = (id: string) =>
    toPage<Row>(
      list.name,
      window,
      async () => (await read()).get(id) ?? [],
      list.placeOf,
      async () => (await count()).get(id) ?? 0,
    );
  return new Map(ids.map((id) => [id, pageOf(id)]));
}

/** The window's rows and one more. */
function windowOf<DB, TB extends keyof DB, Row>(list: KeysetList<DB, TB, Row>, window: Window) {
  return list.rows
    .where(keysetCondition(list.order, window))
    .orderBy(keysetOrder(list.order, window))
    .limit(window.limit + 1);
}
