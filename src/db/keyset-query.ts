import type { Place, PlaceType, Window } from '../shared/keyset.ts';
import { type PlainSql, plainSql } from './plain-sql.ts';

/** How a list is ordered: by one expression and then by id, both in the same direction. */
export interface KeysetOrder {
  /** A column or an expression, e.g. `image.created_at`. Never null. */
  readonly by: PlainSql<unknown>;
  readonly id: PlainSql<unknown>;
  readonly direction: 'ASC' | 'DESC';
  /** The SQL type that a cursor's value is cast to. */
  readonly type: PlaceType;
}

/** The condition for rows between the window's cursors; true where there are none. */
export function keysetCondition(order: KeysetOrder, window: Window): PlainSql<boolean> {
  const beyond = (place: Place, sign: '<' | '>') =>
    plainSql<boolean>`(${order.by}, ${order.id}) ${plainSql.raw(sign)} (${place.value}::${plainSql.raw(order.type)}, ${place.id}::uuid)`;
  const forward = order.direction === 'DESC' ? '<' : '>';
  const back = order.direction === 'DESC' ? '>' : '<';
  return plainSql.all([
    ...(window.after === null ? [] : [beyond(window.after, forward)]),
    ...(window.before === null ? [] : [beyond(window.before, back)]),
  ]);
}

/** The order clause in which a window's rows are read. */
export function keysetOrder(order: KeysetOrder, window: Window): PlainSql<unknown> {
  const direction = plainSql.raw((order.direction === 'DESC') !== window.backward ? 'desc' : 'asc');
  return plainSql`${order.by} ${direction}, ${order.id} ${direction}`;
}
