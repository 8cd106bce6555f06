import { sql } from 'kysely';
import type { Db } from '../db/tables.ts';
import type { Role } from '../shared/enums.ts';
import { UnauthenticatedError } from '../shared/errors.ts';
import { Session } from './session.ts';

interface HeldRow {
  readonly isAdmin: boolean;
  readonly subject: string | null;
  readonly role: Role | null;
}

/**
 * The viewer as they are now, and stay until this transaction ends: whatever takes their credential or their rights has come before, or
 * waits. For transactions that give rights or credentials: its sender can hold a request open for as long as it takes to have lost
 * both since its sign-in.
 *
 * @param on the namespace or workspace that the right is held on: the answer knows of no other role
 * @throws UnauthenticatedError the credential is no longer good
 */
export async function holdSession(
  db: Db,
  session: Session,
  on: { readonly kind: 'namespace' | 'workspace'; readonly id: string } | null = null,
): Promise<Session> {
  const { user, scopes, credential, renew } = session;
  // Nobody can take anything from the operator while this process runs.
  if (credential.kind === 'OPERATOR_TOKEN') return session;
  const tokenId = credential.kind === 'ACCESS_TOKEN' ? credential.id : null;
  const membership =
    on === null
      ? sql`select null as role where false`
      : sql`select role from ${sql.table(`${on.kind}_member`)}
            where ${sql.ref(`${on.kind}_id`)} = ${on.id} and user_id = ${user.id} for share`;
  const { rows } = await sql<HeldRow>`
    with viewer as materialized (
      select is_admin, subject, deactivated_at from user_account where id = ${user.id} for share
    ), token as materialized (
      select revoked_at from access_token where id = ${tokenId}::uuid for share
    ), membership as materialized (${membership})
    select is_admin as "isAdmin", subject, (select role from membership) as role from viewer
    where deactivated_at is null
      and (${tokenId}::uuid is null or exists (select from token where revoked_at is null))`.execute(db);
  const [held] = rows;
  const hasEnded = credential.expiresAt !== null && credential.expiresAt.getTime() <= Date.now();
  const isOther = credential.kind === 'JWT' && credential.subject !== held?.subject;
  if (held === undefined || hasEnded || isOther) {
    throw new UnauthenticatedError('What you have signed in with has ended meanwhile: sign in again.');
  }
  const roles = new Map(on === null || held.role === null ? [] : [[on.id, held.role]]);
  return new Session({
    user,
    isAdmin: held.isAdmin,
    scopes,
    credential,
    namespaceRoles: on?.kind === 'namespace' ? roles : new Map(),
    workspaceRoles: on?.kind === 'workspace' ? roles : new Map(),
    renew,
  });
}
