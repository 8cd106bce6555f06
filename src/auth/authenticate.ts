import { LRUCache } from 'lru-cache';
import { type PlainSql, plainSql } from '../db/plain-sql.ts';
import type { Read } from '../db/read-connections.ts';
import { BatchedLookUps } from '../shared/batched-look-ups.ts';
import type { Role } from '../shared/enums.ts';
import { hasAccessTokenForm, hashAccessToken } from './access-token.ts';
import type { UserOf } from './first-sight.ts';
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

interface SessionRow {
  /** What it was looked up by. */
  readonly key: string;
  readonly id: string;
  readonly name: string;
  readonly isAdmin: boolean;
  /** JSON: roles by ids. */
  readonly namespaceRoles: string;
  readonly workspaceRoles: string;
}

interface AccessTokenRow extends SessionRow {
  readonly tokenId: string;
  readonly tokenName: string;
  readonly canWrite: boolean;
  readonly expiresAt: string | null;
}

/** Of the roles that are kept in mind, on namespaces and on workspaces each: 50 characters a role as it is read. */
const MAX_ROLES_CHARACTERS = 2 * 1024 * 1024;
/** What an entry takes besides. */
const ENTRY_CHARACTERS = 200;
const NO_ROLES: ReadonlyMap<string, Role> = new Map();

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
  const operators = lookUpOwners<SessionRow>(
    read,
    (names) =>
      plainSql`select name as key, id, name, true as "isAdmin" from user_account where name = any(${names})`,
  );
  const operatorSession = async (renew: Session['renew']) => {
    const row = await operators.find(ADMIN_NAME);
    return row && sessionOf(row, ['READ', 'WRITE'], { kind: 'OPERATOR_TOKEN' }, renew);
  };

  const users = lookUpOwners<SessionRow>(
    read,
    (ids) =>
      plainSql`select id::text as key, id, name, is_admin as "isAdmin" from user_account
          where id = any(${ids}::uuid[]) and deactivated_at is null`,
  );
  const jwtSession = async (token: string, { verify, userOf }: JwtSignIn, renew: Session['renew']) => {
    const identity = await verify(token);
    const userId = identity && (await userOf(identity));
    if (identity === null || userId === null) return null;
    const row = await users.find(userId);
    const { subject, expiresAt } = identity;
    return row && sessionOf(row, ['READ', 'WRITE'], { kind: 'JWT', subject, expiresAt }, renew);
  };

  const accessTokens = lookUpOwners<AccessTokenRow>(
    read,
    (hashes) =>
      plainSql`select t.hash as key, u.id, u.name, u.is_admin as "isAdmin", t.id as "tokenId", t.name as "tokenName",
            t.can_write as "canWrite", to_json(t.expires_at) as "expiresAt"
          from access_token t join user_account u on u.id = t.user_id
          where t.hash = any(${hashes}) and t.revoked_at is null
            and (t.expires_at is null or t.expires_at > now()) and u.deactivated_at is null`,
  );
  const accessTokenSession = async (hash: string, renew: Session['renew']) => {
    const row = await accessTokens.find(hash);
    if (row === null) return null;
    tokenUse.note(row.tokenId);
    const expiresAt = row.expiresAt === null ? null : new Date(row.expiresAt);
    const credential = { kind: 'ACCESS_TOKEN', id: row.tokenId, name: row.tokenName, expiresAt } as const;
    return sessionOf(row, row.canWrite ? ['READ', 'WRITE'] : ['READ'], credential, renew);
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

/** Looks up users with their roles, by what `select` gives as their `key`. */
function lookUpOwners<Row extends SessionRow>(
  read: Read,
  select: (keys: readonly string[]) => PlainSql<unknown>,
): BatchedLookUps<Row> {
  return new BatchedLookUps(async (keys) => {
    const rows = await read(plainSql<Row>`
      with owner as (${select(keys)})
      select o.*,
        coalesce((select json_object_agg(namespace_id, role) from namespace_member where user_id = o.id), '{}')::text
          as "namespaceRoles",
        coalesce((select json_object_agg(workspace_id, role) from workspace_member where user_id = o.id), '{}')::text
          as "workspaceRoles"
      from owner o`);
    return new Map(rows.map((row) => [row.key, row]));
  });
}

interface KnownRoles {
  readonly text: string;
  readonly roles: ReadonlyMap<string, Role>;
}

/**
 * What was last read of each user, and from which text: that comes anew with each sign-in, and of 50 roles takes 13 µs to read. About 150
 * bytes for each role, with what follows from them.
 */
const createKnownRoles = () =>
  new LRUCache<string, KnownRoles>({
    maxSize: MAX_ROLES_CHARACTERS,
    sizeCalculation: ({ text }) => text.length + ENTRY_CHARACTERS,
  });
const onNamespaces = createKnownRoles();
const onWorkspaces = createKnownRoles();

function rolesOf(userId: string, text: string, known: LRUCache<string, KnownRoles>): KnownRoles['roles'] {
  if (text === '{}') return NO_ROLES;
  const before = known.get(userId);
  if (before?.text === text) return before.roles;
  const roles = new Map(Object.entries(JSON.parse(text) as Record<string, Role>));
  known.set(userId, { text, roles });
  return roles;
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
    namespaceRoles: rolesOf(id, namespaceRoles, onNamespaces),
    workspaceRoles: rolesOf(id, workspaceRoles, onWorkspaces),
    renew,
  });
}
