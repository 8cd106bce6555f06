import { type RawBuilder, sql } from 'kysely';
import type { Db } from '../db/tables.ts';
import type { Role } from '../shared/enums.ts';
import type { Logger } from '../shared/logger.ts';
import { hasAccessTokenForm, hashAccessToken } from './access-token.ts';
import type { UserOf } from './first-sight.ts';
import type { VerifyJwt } from './oidc.ts';
import { createRenewals } from './renewals.ts';
import { type Credential, Session } from './session.ts';
import { createWriteTokenUse, TokenUse } from './token-use.ts';
import { ADMIN_NAME } from './user-name.rules.ts';

/**
 * Turns a token into a session; `null` for none and for one that is not good.
 *
 * @throws UnavailableError it cannot be told for the moment: the issuer's keys cannot be fetched
 */
export type Authenticate = (token: string | null) => Promise<Session | null>;

/** How JWTs sign users in. */
export interface JwtSignIn {
  readonly verify: VerifyJwt;
  readonly userOf: UserOf;
}

export interface AuthenticateParts {
  /**
   * SHA-256 of the operator's token for the user `admin`, in hex. Hashes are compared, so the time that the comparison takes
   * tells nothing about the token.
   */
  readonly adminTokenHash: string;
  /** `null` where the operator has no issuer. */
  readonly jwt: JwtSignIn | null;
  readonly log: Logger;
}

interface SessionRow {
  readonly id: string;
  readonly name: string;
  readonly isAdmin: boolean;
  readonly namespaceRoles: Record<string, Role>;
  readonly workspaceRoles: Record<string, Role>;
}

interface AccessTokenRow extends SessionRow {
  readonly tokenId: string;
  readonly tokenName: string;
  readonly canWrite: boolean;
  readonly expiresAt: string | null;
}

/** Three parts of base64url, none of them empty: a JWT that is signed. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** One statement per sign-in: user, roles and the token's end together. Who the user of a JWT is takes another one. */
export function createAuthenticate(db: Db, { adminTokenHash, jwt, log }: AuthenticateParts): Authenticate {
  const tokenUse = new TokenUse(createWriteTokenUse(db), log);

  const operatorSession = async (renew: Session['renew']) => {
    const row = await readOwner<SessionRow>(
      db,
      sql`select id, name, true as "isAdmin" from user_account where name = ${ADMIN_NAME}`,
    );
    return row && sessionOf(row, ['READ', 'WRITE'], { kind: 'OPERATOR_TOKEN' }, renew);
  };

  const jwtSession = async (token: string, { verify, userOf }: JwtSignIn, renew: Session['renew']) => {
    const identity = await verify(token);
    const userId = identity && (await userOf(identity));
    if (identity === null || userId === null) return null;
    const row = await readOwner<SessionRow>(
      db,
      sql`select id, name, is_admin as "isAdmin" from user_account
          where id = ${userId} and deactivated_at is null`,
    );
    const { subject, expiresAt } = identity;
    return row && sessionOf(row, ['READ', 'WRITE'], { kind: 'JWT', subject, expiresAt }, renew);
  };

  const accessTokenSession = async (hash: string, renew: Session['renew']) => {
    const row = await readOwner<AccessTokenRow>(
      db,
      sql`select u.id, u.name, u.is_admin as "isAdmin", t.id as "tokenId", t.name as "tokenName",
            t.can_write as "canWrite", to_json(t.expires_at) as "expiresAt"
          from access_token t join user_account u on u.id = t.user_id
          where t.hash = ${hash} and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
            and u.deactivated_at is null`,
    );
    if (row === null) return null;
    tokenUse.note(row.tokenId);
    const expiresAt = row.expiresAt === null ? null : new Date(row.expiresAt);
    const credential = { kind: 'ACCESS_TOKEN', id: row.tokenId, name: row.tokenName, expiresAt } as const;
    return sessionOf(row, row.canWrite ? ['READ', 'WRITE'] : ['READ'], credential, renew);
  };

  const authenticate: Authenticate = async (token) => {
    if (token === null || token === '') return null;
    const renew = () => renewals(token);
    const hash = hashAccessToken(token);
    if (hash === adminTokenHash) return await operatorSession(renew);
    if (jwt !== null && JWT.test(token)) return await jwtSession(token, jwt, renew);
    return hasAccessTokenForm(token) ? await accessTokenSession(hash, renew) : null;
  };
  const renewals = createRenewals(authenticate);
  return authenticate;
}

/** The one row of `owner`, a user with `id`, and the user's roles. */
async function readOwner<Row extends SessionRow>(db: Db, owner: RawBuilder<unknown>): Promise<Row | null> {
  const { rows } = await sql<Row>`
    with owner as (${owner})
    select o.*,
      coalesce((select json_object_agg(namespace_id, role) from namespace_member where user_id = o.id), '{}')
        as "namespaceRoles",
      coalesce((select json_object_agg(workspace_id, role) from workspace_member where user_id = o.id), '{}')
        as "workspaceRoles"
    from owner o`.execute(db);
  return rows[0] ?? null;
}

function sessionOf(
  { id, name, isAdmin, namespaceRoles, workspaceRoles }: SessionRow,
  scopes: Session['scopes'],
  credential: Credential,
  renew: Session['renew'],
): Session {
  return new Session({
    user: { id, name },
    isAdmin,
    scopes,
    credential,
    namespaceRoles: new Map(Object.entries(namespaceRoles)),
    workspaceRoles: new Map(Object.entries(workspaceRoles)),
    renew,
  });
}
