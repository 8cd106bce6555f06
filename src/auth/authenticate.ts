import { plainSql } from '../db/plain-sql.ts';
import type { Read } from '../db/read-connections.ts';
import { hasAccessTokenForm, hashAccessToken } from './access-token.ts';
import type { UserOf } from './first-sight.ts';
import { type FoundUser, KnownRoles, lookUpUsers, type UserRow } from './look-up-users.ts';
import type { VerifyJwt } from './oidc.ts';
import { createRenewals } from './renewals.ts';
import { type Credential, Session } from './session.ts';
import type { TokenUse } from './token-use.ts';
import { ADMIN_NAME } from './user-name.rules.ts';

/**
 * Turns a token into a session; `null` for none and for one that is not good.
 *
 * @param hash the token's, see {@link hashAccessToken}, where it is known already
 * @throws UnavailableError it cannot be told for the moment: the issuer's keys cannot be fetched
 */
export type Authenticate = (token: string | null, hash?: string) => Promise<Session | null>;

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
  readonly tokenUse: TokenUse;
}

interface AccessTokenRow extends UserRow {
  readonly tokenId: string;
  readonly tokenName: string;
  readonly canWrite: boolean;
  readonly expiresAt: string | null;
}

/** Three parts of base64url, none of them empty: a JWT that is signed. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * One statement for all that sign in at the same time with one kind of token: users, roles and the tokens' ends together. Who the user of
 * a JWT is takes another one.
 *
 * @param read for what is asked of every request
 */
export function createAuthenticate(
  read: Read,
  { adminTokenHash, jwt, tokenUse }: AuthenticateParts,
): Authenticate {
  const knownRoles = new KnownRoles();
  const operators = lookUpUsers<UserRow>(
    read,
    knownRoles,
    (names) =>
      plainSql`select name as key, id, name, true as "isAdmin" from user_account where name = any(${names})`,
  );
  const operatorSession = async (renew: Session['renew']) => {
    const found = await operators.find(ADMIN_NAME);
    return found && sessionOf(found, ['READ', 'WRITE'], { kind: 'OPERATOR_TOKEN' }, renew);
  };

  const users = lookUpUsers<UserRow>(
    read,
    knownRoles,
    (ids) =>
      plainSql`select id::text as key, id, name, is_admin as "isAdmin" from user_account
          where id = any(${ids}::uuid[]) and deactivated_at is null`,
  );
  const jwtSession = async (token: string, { verify, userOf }: JwtSignIn, renew: Session['renew']) => {
    const identity = await verify(token);
    const userId = identity && (await userOf(identity));
    if (identity === null || userId === null) return null;
    const found = await users.find(userId);
    const { subject, expiresAt } = identity;
    return found && sessionOf(found, ['READ', 'WRITE'], { kind: 'JWT', subject, expiresAt }, renew);
  };

  const accessTokens = lookUpUsers<AccessTokenRow>(
    read,
    knownRoles,
    (hashes) =>
      plainSql`select t.hash as key, u.id, u.name, u.is_admin as "isAdmin", t.id as "tokenId", t.name as "tokenName",
            t.can_write as "canWrite", to_json(t.expires_at) as "expiresAt"
          from access_token t join user_account u on u.id = t.user_id
          where t.hash = any(${hashes}) and t.revoked_at is null
            and (t.expires_at is null or t.expires_at > now()) and u.deactivated_at is null`,
  );
  const accessTokenSession = async (hash: string, renew: Session['renew']) => {
    const found = await accessTokens.find(hash);
    if (found === null) return null;
    const { row } = found;
    tokenUse.note(row.tokenId);
    const expiresAt = row.expiresAt === null ? null : new Date(row.expiresAt);
    const credential = { kind: 'ACCESS_TOKEN', id: row.tokenId, name: row.tokenName, expiresAt } as const;
    return sessionOf(found, row.canWrite ? ['READ', 'WRITE'] : ['READ'], credential, renew);
  };

  const nobody = Promise.resolve(null);
  const authenticate: Authenticate = (token, known) => {
    if (token === null || token === '') return nobody;
    const renew = () => renewals(token);
    const hash = known ?? hashAccessToken(token);
    if (hash === adminTokenHash) return operatorSession(renew);
    if (jwt !== null && JWT.test(token)) return jwtSession(token, jwt, renew);
    return hasAccessTokenForm(token) ? accessTokenSession(hash, renew) : nobody;
  };
  const renewals = createRenewals(authenticate);
  return authenticate;
}

function sessionOf(
  { row: { id, name, isAdmin }, roles }: FoundUser<UserRow>,
  scopes: Session['scopes'],
  credential: Credential,
  renew: Session['renew'],
): Session {
  const { namespaceRoles, workspaceRoles } = roles;
  return new Session({
    user: { id, name },
    isAdmin,
    scopes,
    credential,
    namespaceRoles,
    workspaceRoles,
    renew,
  });
}
