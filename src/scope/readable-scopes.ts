import type { Session } from '../auth/session.ts';
import { type PlainSql, plainSql } from '../db/plain-sql.ts';
import { keptFor } from '../shared/kept-for.ts';

// What belongs to a namespace and to a workspace is seen by the members of either. It takes a role that holds now: who made
// something and has left both since sees no more of it.

/**
 * The rows that the viewer sees by a role.
 *
 * @param table with the columns `namespace_id` and `workspace_id`, under the name that the statement gives it
 */
export function ofReadableScopes(session: Session, table: string): PlainSql<boolean> {
  const [namespaces, workspaces] = [session.allowedOn('namespace:read'), session.allowedOn('workspace:read')];
  if (namespaces === null || workspaces === null) return plainSql<boolean>`true`;
  const of = plainSql.raw(table);
  const conditions = [
    ...among(plainSql`${of}.namespace_id`, namespaces),
    ...among(plainSql`${of}.workspace_id`, workspaces),
  ];
  return conditions.length === 0
    ? plainSql<boolean>`false`
    : plainSql<boolean>`(${plainSql.join(conditions, plainSql` or `)})`;
}

/** Nothing for no ids: an index can be searched by the one condition that is left, and not by one of two. */
function among(column: PlainSql<unknown>, ids: readonly string[]): PlainSql<unknown>[] {
  return ids.length === 0 ? [] : [plainSql`${column} = any(${uuids(ids)}::uuid[])`];
}

/**
 * As PostgreSQL writes an array: the driver takes 0.3 µs for each element, which it looks through for what has to be quoted. Sessions share
 * their lists.
 */
const uuids = keptFor((ids: readonly string[]) => `{${ids.join(',')}}`);

/** The same of a row at hand. */
export function isOfReadableScope(
  session: Session,
  { namespaceId, workspaceId }: { readonly namespaceId: string; readonly workspaceId: string },
): boolean {
  return session.can('namespace:read', namespaceId) || session.can('workspace:read', workspaceId);
}
