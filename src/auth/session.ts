import type { Role, TokenScope } from '../shared/enums.ts';
import { ForbiddenError } from '../shared/errors.ts';

const RANK = { VIEWER: 1, DEVELOPER: 2, OWNER: 3 } as const satisfies Record<Role, number>;

/** What an action is done on: a namespace, a workspace, or the server as a whole, which takes an administrator. */
interface Requirement {
  readonly on: 'namespace' | 'workspace' | 'server';
  readonly role: Role | 'ADMIN';
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
  'image:create': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'image:update': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'image:share': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'image:delete': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'image:purge': { on: 'namespace', role: 'OWNER', scope: 'WRITE' },
  'build:cancel': { on: 'namespace', role: 'DEVELOPER', scope: 'WRITE' },
  'build:prioritise': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'notebook:save-any': { on: 'workspace', role: 'OWNER', scope: 'READ' },
  'namespace:create': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'namespace:delete': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'namespace:limit': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'workspace:create': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'workspace:delete': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'workspace:limit': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'user:read': { on: 'server', role: 'ADMIN', scope: 'READ' },
  'user:manage': { on: 'server', role: 'ADMIN', scope: 'WRITE' },
  'audit:read': { on: 'server', role: 'ADMIN', scope: 'READ' },
} as const satisfies Record<string, Requirement>;
export type Action = keyof typeof ACTIONS;
/** Actions that are done on nothing in particular. */
export type ServerAction = { [A in Action]: (typeof ACTIONS)[A]['on'] extends 'server' ? A : never }[Action];
/** Actions on a namespace or workspace. */
export type ScopeAction = Exclude<Action, ServerAction>;

/** With what somebody has signed in. */
export type Credential =
  /** An access token of Slipway's own. `expiresAt` is `null` for one without an end. */
  | {
      readonly kind: 'ACCESS_TOKEN';
      readonly id: string;
      readonly name: string;
      readonly expiresAt: Date | null;
    }
  /** A JWT of the operator's issuer. */
  | { readonly kind: 'JWT'; readonly expiresAt: Date }
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
  /** The same viewer as they are now; `null` where the credential is no longer good. For what lasts longer than a request. */
  readonly renew: () => Promise<Session | null>;
}

/** Who is asking and what they may do, as it was when the request came in. */
export class Session implements SessionFacts {
  readonly user: SessionFacts['user'];
  readonly isAdmin: boolean;
  readonly scopes: SessionFacts['scopes'];
  readonly credential: Credential;
  readonly namespaceRoles: SessionFacts['namespaceRoles'];
  readonly workspaceRoles: SessionFacts['workspaceRoles'];
  readonly renew: SessionFacts['renew'];

  constructor(facts: SessionFacts) {
    this.user = facts.user;
    this.isAdmin = facts.isAdmin;
    this.scopes = facts.scopes;
    this.credential = facts.credential;
    this.namespaceRoles = facts.namespaceRoles;
    this.workspaceRoles = facts.workspaceRoles;
    this.renew = facts.renew;
  }

  /** May this viewer do `action` on the namespace or workspace (whichever the action is about) with this id? */
  can(action: ServerAction): boolean;
  can(action: ScopeAction, id: string): boolean;
  can(action: Action, id?: string): boolean {
    const { on, role, scope } = ACTIONS[action];
    if (!this.scopes.includes(scope)) return false;
    if (this.isAdmin) return true;
    if (on === 'server' || id === undefined) return false;
    const held = (on === 'namespace' ? this.namespaceRoles : this.workspaceRoles).get(id);
    return held !== undefined && RANK[held] >= RANK[role];
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
