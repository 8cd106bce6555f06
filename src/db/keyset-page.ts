import { type SelectQueryBuilder, sql } from 'kysely';
import { type Page, type PageArgs, type Place, readWindow, toPage, type Window } from '../shared/keyset.ts';
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
export interface Parents<Column extends string> {
  /** The rows' property that holds the parent's id. */
  readonly column: Column;
  readonly ids: readonly string[];
}

/** One statement for the page, whatever its size; one more if the total is asked for. */
export async function readPage<DB, TB extends keyof DB, Row>(
  list: KeysetList<DB, TB, Row>,
  args: PageArgs,
): Promise<Page<Row>> {
  const window = readWindow(list.name, list.order.type, args);
  const rows = (await windowOf(list, window).execute()) as Row[];
  return toPage(list.name, window, rows, list.placeOf, async () => {
    const counted = list.rows.clearSelect().select(sql`count(*)`.as('count')).$castTo<{ count: string }>();
    return Number((await counted.executeTakeFirstOrThrow()).count);
  });
}

/**
 * The same page of each parent's part of a list: one statement for all of them, and one more for all their totals if one is
 * asked for.
 *
 * @returns a page for each parent, empty for one that has no rows
 */
export async function readPages<
  Column extends string,
  DB,
  TB extends keyof DB,
  Row extends { readonly [column in Column]: string | null },
>(
  db: Db,
  list: KeysetList<DB, TB, Row>,
  parents: Parents<Column>,
  args: PageArgs,
): Promise<ReadonlyMap<string, Page<Row>>> {
  const window = readWindow(list.name, list.order.type, args);
  const { column } = parents;
  const parentId = sql.ref(`${list.alias}.${column}`);
  const ids = [...new Set(parents.ids)];
  // Lateral, so that each parent's rows are read in the order of an index and no further than its page goes.
  const rows = (await db
    .selectFrom(sql`unnest(${ids}::uuid[])`.as(sql`parent(id)`))
    .crossJoinLateral(windowOf(list, window).where(sql<boolean>`${parentId} = parent.id`).as(list.alias))
    .selectAll(list.alias as never)
    .orderBy(keysetOrder(list.order, window))
    .execute()) as Row[];
  const rowsOf = Map.groupBy(rows, (row): string | null => row[column]);
  let counting: Promise<ReadonlyMap<string, number>> | undefined;
  const count = async (): Promise<ReadonlyMap<string, number>> => {
    const counts = await list.rows
      .clearSelect()
      .select([sql`${parentId}`.as('parent'), sql`count(*)`.as('count')])
      .where(sql<boolean>`${parentId} = any(${ids}::uuid[])`)
      .groupBy(parentId)
      .$castTo<{ parent: string; count: string }>()
      .execute();
    return new Map(counts.map((row) => [row.parent, Number(row.count)]));
  };
  const pageOf = (id: string) =>
    toPage(list.name, window, rowsOf.get(id) ?? [], list.placeOf, async () => {
      counting ??= count();
      return (await counting).get(id) ?? 0;
    });
  return new Map(ids.map((id) => [id, pageOf(id)]));
}

/** The window's rows and one more. */
function windowOf<DB, TB extends keyof DB, Row>(list: KeysetList<DB, TB, Row>, window: Window) {
  return list.rows
    .where(keysetCondition(list.order, window))
    .orderBy(keysetOrder(list.order, window))
    .limit(window.limit + 1);
}
