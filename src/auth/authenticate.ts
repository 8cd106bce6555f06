import { sql } from 'kysely';
import type { Db } from '../db/tables.ts';
import type { Role } from '../shared/enums.ts';
import { hashAccessToken } from './access-token.ts';
import { Session } from './session.ts';

/** Turns a token into a session; `null` for none and for one that is not good. */
export type Authenticate = (token: string | null) => Promise<Session | null>;

/** The user that SLIPWAY_ADMIN_TOKEN signs in. */
export const ADMIN_NAME = 'admin';

interface SessionRow {
  readonly id: string;
  readonly name: string;
  readonly isAdmin: boolean;
  readonly namespaceRoles: Record<string, Role>;
  readonly workspaceRoles: Record<string, Role>;
}

/**
 * One statement per sign-in: user, roles and the token's end together.
 *
 * @param adminTokenHash SHA-256 of the operator's token for the user `admin`, in hex. Hashes are compared, so the time
 *   that the comparison takes tells nothing about the token.
 */
export function createAuthenticate(db: Db, adminTokenHash: string): Authenticate {
  const authenticate: Authenticate = async (token) => {
    if (token === null || token === '') return null;
    const hash = hashAccessToken(token);
    const owner =
      hash === adminTokenHash
        ? sql`select id, name, true as is_admin from user_account where name = ${ADMIN_NAME}`
        : sql`select u.id, u.name, u.is_admin
              from access_token t join user_account u on u.id = t.user_id
              where t.hash = ${hash} and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())`;
    const { rows } = await sql<SessionRow>`
      with owner as (${owner})
      select o.id, o.name, o.is_admin as "isAdmin",
        coalesce((select json_object_agg(namespace_id, role) from namespace_member where user_id = o.id), '{}')
          as "namespaceRoles",
        coalesce((select json_object_agg(workspace_id, role) from workspace_member where user_id = o.id), '{}')
          as "workspaceRoles"
      from owner o`.execute(db);
    const [row] = rows;
    if (row === undefined) return null;
    return new Session({
      user: { id: row.id, name: row.name },
      isAdmin: row.isAdmin,
      scopes: ['READ', 'WRITE'],
      credential: { kind: 'OPERATOR_TOKEN' },
      namespaceRoles: new Map(Object.entries(row.namespaceRoles)),
      workspaceRoles: new Map(Object.entries(row.workspaceRoles)),
      renew: () => authenticate(token),
    });
  };
  return authenticate;
}
