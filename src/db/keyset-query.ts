import { type RawBuilder, sql } from 'kysely';
import type { Place, PlaceType, Window } from '../shared/keyset.ts';

/** How a list is ordered: by one expression and then by id, both in the same direction. */
export interface KeysetOrder {
  /** A column reference or expression, e.g. `sql.ref('image.createdAt')`. Never null. */
  readonly by: RawBuilder<unknown>;
  readonly id: RawBuilder<unknown>;
  readonly direction: 'ASC' | 'DESC';
  /** The SQL type that a cursor's value is cast to. */
  readonly type: PlaceType;
}

/** The condition for rows between the window's cursors; true where there are none. */
export function keysetCondition(order: KeysetOrder, window: Window): RawBuilder<boolean> {
  const beyond = (place: Place, sign: '<' | '>') =>
    sql<boolean>`(${order.by}, ${order.id}) ${sql.raw(sign)} (${place.value}::${sql.raw(order.type)}, ${place.id}::uuid)`;
  const forward = order.direction === 'DESC' ? '<' : '>';
  const back = order.direction === 'DESC' ? '>' : '<';
  const conditions = [
    ...(window.after === null ? [] : [beyond(window.after, forward)]),
    ...(window.before === null ? [] : [beyond(window.before, back)]),
  ];
  return conditions.length === 0 ? sql<boolean>`true` : sql<boolean>`${sql.join(conditions, sql` and `)}`;
}

/** The order clause in which a window's rows are read. */
export function keysetOrder(order: KeysetOrder, window: Window): RawBuilder<unknown> {
  const direction = sql.raw((order.direction === 'DESC') !== window.backward ? 'desc' : 'asc');
  return sql`${order.by} ${direction}, ${order.id} ${direction}`;
}
