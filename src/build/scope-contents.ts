import { sql } from 'kysely';
import { kysely } from '../db/orm.ts';
import type { ScopeContents, ScopeUse } from '../scope/scope-contents.ts';

/** What namespaces and workspaces hold: their images and builds. */
export const scopeContents: ScopeContents = {
  async count(tx, kind, id) {
    const scopeId = sql.ref(`${kind}_id`);
    const { rows } = await sql<ScopeUse>`
      select count(*) filter (where status <> 'DELETED')::int as images,
        count(*) filter (where status = 'DELETED')::int as "deletedImages",
        (select count(*)::int from image_build where ${scopeId} = ${id} and finished_at is null) as "unfinishedBuilds"
      from image where ${scopeId} = ${id}`.execute(kysely(tx));
    return rows[0] as ScopeUse;
  },

  async clear(tx, kind, id) {
    await sql`delete from image_build where ${sql.ref(`${kind}_id`)} = ${id} and finished_at is not null`.execute(
      kysely(tx),
    );
  },
};
