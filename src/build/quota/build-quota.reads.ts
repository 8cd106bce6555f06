import { sql } from 'kysely';
import type { Db } from '../../db/tables.ts';
import type { ScopeKind } from '../../scope/scope.rules.ts';
import type { QuotaUse } from '../../scope/scope-quota.ts';

/** How many builds of scopes wait or run, those that are being cancelled among them, by id. */
export async function countUnfinishedBuilds(
  db: Db,
  kind: ScopeKind,
  ids: readonly string[],
): Promise<ReadonlyMap<string, QuotaUse>> {
  const scopeId = sql.ref(`${kind}_id`);
  const { rows } = await sql<{ id: string; used: number }>`
    select ${scopeId} as id, count(*)::int as used from image_build
    where ${scopeId} = any(${[...ids]}::uuid[]) and finished_at is null
    group by ${scopeId}`.execute(db);
  return new Map(rows.map(({ id, used }) => [id, { used, purgeable: 0 }]));
}
