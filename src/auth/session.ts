import type { Role, TokenScope } from '../shared/enums.ts';
import { ForbiddenError, UnauthenticatedError } from '../shared/errors.ts';
import { keptFor } from '../shared/kept-for.ts';

const RANK = { VIEWER: 1, DEVELOPER: 2, OWNER: 3 } as const satisfies Record<Role, number>;

/** What an action is done on: a namespace, a workspace, what belongs to a user, or the server as a whole. */
interface Requirement {
  readonly on: 'namespace' | 'workspace' | 'user' | 'server';
  /** SELF: the user whose it is. ANYONE: everybody who is signed in. */
  readonly role: Role | 'SELF' | 'ADMIN' | 'ANYONE';
  /** The scope that a token needs for it. */
  readonly scope: TokenScope;
}

/**
 * Everything that somebody may do, and the least role that it takes. Administrators may do everything, as far as their token's
 * scope goes.
 */
export const ACTIONS = {
  'namespace:read': { on: 'namespace', role: 'VIEWER', scope: 'READ' },
  'namespace:manage': { on: 'namespace', role: 'OWNER', scope: 'WRITE' },
  'workspace:read': { on: 'workspace', role: 'VIEWER', scope: 'READ' },
  'workspace:work': { on: 'workspace', role: 'DEVELOPER', scope: 'WRITE' },
  'workspace:manage': { on: 'workspace', role: 'OWNER', scope: 'WRITE' },
  // The default workspace is where those who have no other work.
  'default-workspace:read': { on: 'server', role: 'ANYONE', scope: 'READ' },
  'default-workspace:work': { on: 'server', role: 'ANYONE', scope: 'WRITE' },
  'image:create': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'image:update': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'image:share': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'image:delete': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'image:purge': { on: 'namespace', role: 'OWNER', scope: 'WRITE' },
  // The operator's registry: to build on and tell of what is below any path, and to remove what is below no namespace.
  'registry:use-any': { on: 'server', role: 'ADMIN', scope: 'READ' },
  'registry:remove-unowned': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'build:cancel': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'build:cancel-own': { on: 'user', role: 'SELF', scope: 'WRITE' },
  'build:prioritise': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  // Notebooks of others; one's own are found by the name that their labels give.
  'notebook:read': { on: 'workspace', role: 'OWNER', scope: 'READ' },
  'notebook:read-any': { on: 'server', role: 'ADMIN', scope: 'READ' },
  // Also by putting an image into one that is not there.
  'namespace:create': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'namespace:delete': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'namespace:limit': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'workspace:create': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'workspace:delete': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'workspace:limit': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  // What a user may do and signs in with.
  'account:read': { on: 'user', role: 'SELF', scope: 'READ' },
  'token:revoke': { on: 'user', role: 'SELF', scope: 'WRITE' },
  'user:read': { on: 'server', role: 'ADMIN', scope: 'READ' },
  'user:manage': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'audit:read': { on: 'server', role: 'ADMIN', scope: 'READ' },
} as const satisfies Record<string, Requirement>;
export type Action = keyof typeof ACTIONS;
type ActionOn<On> = { [A in Action]: (typeof ACTIONS)[A]['on'] extends On ? A : never }[Action];
/** Actions that are done on nothing in particular. */
export type ServerAction = ActionOn<'server'>;
/** Actions on what belongs to a user. */
export type UserAction = ActionOn<'user'>;
/** Actions on a namespace or workspace. */
export type ScopeAction = ActionOn<'namespace' | 'workspace'>;

/** With what somebody has signed in. */
export type Credential =
  /** An access token of Slipway's own. `expiresAt` is `null` for one without an end. */
  | {
      readonly kind: 'ACCESS_TOKEN';
      readonly id: string;
      readonly name: string;
      readonly expiresAt: Date | null;
    }
  /** A JWT of the operator's issuer, about `subject`. */
  | { readonly kind: 'JWT'; readonly subject: string; readonly expiresAt: Date }
  /** The operator's own token, which is the user `admin`. */
  | { readonly kind: 'OPERATOR_TOKEN' };

/** What a {@link Session} is made of. */
export interface SessionFacts {
  readonly user: { readonly id: string; readonly name: string };
  readonly isAdmin: boolean;
  readonly scopes: readonly TokenScope[];
  readonly credential: Credential;
  readonly namespaceRoles: ReadonlyMap<string, Role>;
  readonly workspaceRoles: ReadonlyMap<string, Role>;
  /** The same viewer as they were at most 1.5 s ago; `null` where the credential is no longer good. */
  readonly renew: () => Promise<Session | null>;
}

/** Who is asking and what they may do, as it was when they were looked up. */
export class Session implements SessionFacts {
  readonly user: SessionFacts['user'];
  readonly isAdmin: boolean;
  readonly scopes: SessionFacts['scopes'];
  readonly credential: Credential;
  readonly namespaceRoles: SessionFacts['namespaceRoles'];
  readonly workspaceRoles: SessionFacts['workspaceRoles'];
  readonly renew: SessionFacts['renew'];
  readonly #madeAt = performance.now();

  constructor(facts: SessionFacts) {
    this.user = facts.user;
    this.isAdmin = facts.isAdmin;
    this.scopes = facts.scopes;
    this.credential = facts.credential;
    this.namespaceRoles = facts.namespaceRoles;
    this.workspaceRoles = facts.workspaceRoles;
    this.renew = facts.renew;
  }

  /**
   * This viewer as they are by now, for what lasts: this session itself while it is at most `maxAgeMs` old, else what {@link renew}
   * tells.
   *
   * @throws UnauthenticatedError the credential is no longer good
   * @throws UnavailableError it cannot be told for the moment
   */
  async upToDate(maxAgeMs: number): Promise<Session> {
    if (performance.now() - this.#madeAt <= maxAgeMs) return this;
    const viewer = await this.renew();
    if (viewer === null) throw new UnauthenticatedError('The access token is no longer good.');
    return viewer;
  }

  /**
   * May this viewer do `action`?
   *
   * @param id of the namespace, workspace or user that the action is about; `null`: of a user who is gone
   */
  can(action: ServerAction): boolean;
  can(action: ScopeAction, id: string): boolean;
  can(action: UserAction, id: string | null): boolean;
  can(action: Action, id: string | null = null): boolean {
    const { on, role, scope } = ACTIONS[action];
    if (!this.scopes.includes(scope)) return false;
    if (this.isAdmin || role === 'ANYONE') return true;
    if (role === 'ADMIN' || id === null) return false;
    if (role === 'SELF') return id === this.user.id;
    const held = this.#rolesOn(on).get(id);
    return held !== undefined && RANK[held] >= RANK[role];
  }

  /** On which namespaces or workspaces {@link can} allows `action`, for conditions in SQL; `null`: on all. */
  allowedOn(action: ScopeAction): readonly string[] | null {
    const { on, role, scope } = ACTIONS[action];
    if (!this.scopes.includes(scope)) return [];
    if (this.isAdmin) return null;
    return idsHeldAs(role, this.#rolesOn(on));
  }

  #rolesOn(on: Requirement['on']): ReadonlyMap<string, Role> {
    return on === 'namespace' ? this.namespaceRoles : this.workspaceRoles;
  }

  /** @throws ForbiddenError naming the action and the role, or the scope, that it takes */
  assertCan(action: ServerAction): void;
  assertCan(action: ScopeAction, id: string): void;
  assertCan(action: Action, id?: string): void {
    const { on, role, scope } = ACTIONS[action];
    if (id === undefined ? this.can(action as ServerAction) : this.can(action as ScopeAction, id)) return;
    this.assertScope(scope, { action });
    if (on === 'server') throw new ForbiddenError('Only administrators may do this.', { action });
    throw new ForbiddenError(`This takes the role ${role} on the ${on}.`, { action, requiredRole: role });
  }

  /** @throws ForbiddenError the token is not for this */
  assertScope(scope: TokenScope, details: { readonly action?: Action } = {}): void {
    if (this.scopes.includes(scope)) return;
    throw new ForbiddenError(`This takes a token with the scope ${scope}.`, {
      ...details,
      requiredScope: scope,
    });
  }
}

/** By the roles, which many sessions share: of fifty it takes 5 µs to find out. */
const knownIds = keptFor(
  (_roles: ReadonlyMap<string, Role>): Partial<Record<Role, readonly string[]>> => ({}),
);

/** What is held as `least`, or as more. */
function idsHeldAs(least: Role, roles: ReadonlyMap<string, Role>): readonly string[] {
  const known = knownIds(roles);
  known[least] ??= [...roles].filter(([, held]) => RANK[held] >= RANK[least]).map(([id]) => id);
  return known[least];
}
