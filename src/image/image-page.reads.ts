import type { Session } from '../auth/session.ts';
import type { Reads } from '../db/read-connections.ts';
import { once, type Page, type PageArgs, readWindow, toPage } from '../shared/keyset.ts';
import type { Selection } from '../shared/selection.ts';
import { type ImageCriteria, narrows } from './filter/image-filter.rules.ts';
import { type ImageRow, type ImageSorting, ORDERS, placeOf } from './image.reads.ts';
import type { ImageJoin } from './image-join.ts';
import { ImagePageStatements } from './image-page.statements.ts';

/** A page as it is asked for. */
export interface ImagePage {
  readonly criteria: ImageCriteria;
  readonly sorting: ImageSorting;
  readonly args: PageArgs;
  /** What of the connection. */
  readonly selection: Selection;
}

/**
 * A page of images, each with what is joined to it: in one statement where it is full and near, and with the total where all that is
 * wanted has to be found for that anyway; in two where it is the last page, or what is wanted is rare.
 */
export function pageOfImages(
  reads: Reads,
  session: Session,
  { criteria, sorting, args, selection }: ImagePage,
  joins: readonly ImageJoin[],
): Page<ImageRow> {
  const list = `images ${sorting.field} ${sorting.direction}`;
  const window = readWindow(list, ORDERS[sorting.field].type, args);
  const statements = new ImagePageStatements({ session, criteria, sorting, window, selection, joins });
  const isFull = ({ length }: readonly ImageRow[]) => length > window.limit;

  const countedPage = once(async () => statements.takeCounted(await reads.long(statements.countedPage())));
  const pageOfAll = async () => {
    const near = await reads.short(statements.nearPage());
    return isFull(near) ? near : await reads.long(statements.page());
  };
  const pageOfFound = async () => {
    const near = await reads.long(statements.nearPage());
    return isFull(near) ? near : await reads.long(statements.foundPage());
  };
  const withTotal = narrows(criteria) && selection.has('totalCount') && statements.hasRows;
  const rows = async () => {
    if (withTotal) return (await countedPage()).rows;
    if (!narrows(criteria)) return statements.take(await pageOfAll());
    return statements.take(criteria.search ? await pageOfFound() : await reads.long(statements.page()));
  };
  const count = async () => {
    if (withTotal) return (await countedPage()).total;
    const [counted] = await reads.long(statements.count());
    return counted?.count ?? 0;
  };
  return toPage(list, window, rows, (row) => placeOf(row, sorting.field), count);
}
