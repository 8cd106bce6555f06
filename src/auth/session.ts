import type { Role } from '../shared/enums.ts';
import { ForbiddenError } from '../shared/errors.ts';

const RANK = { VIEWER: 1, DEVELOPER: 2, OWNER: 3 } as const satisfies Record<Role, number>;

/**
 * Everything that somebody may do, and the least role on the namespace or workspace that it takes. Administrators may
 * do everything.
 */
const ACTIONS = {
  'namespace:read': { on: 'namespace', role: 'VIEWER' },
  'namespace:manage': { on: 'namespace', role: 'OWNER' },
  'workspace:read': { on: 'workspace', role: 'VIEWER' },
  'workspace:work': { on: 'workspace', role: 'DEVELOPER' },
  'workspace:manage': { on: 'workspace', role: 'OWNER' },
  'image:create': { on: 'namespace', role: 'DEVELOPER' },
  'image:update': { on: 'namespace', role: 'DEVELOPER' },
  'image:share': { on: 'namespace', role: 'DEVELOPER' },
  'image:delete': { on: 'namespace', role: 'DEVELOPER' },
  'image:purge': { on: 'namespace', role: 'OWNER' },
  'build:cancel': { on: 'namespace', role: 'DEVELOPER' },
  'notebook:save-any': { on: 'workspace', role: 'OWNER' },
} as const satisfies Record<string, { on: 'namespace' | 'workspace'; role: Role }>;
export type Action = keyof typeof ACTIONS;

/** Who is asking and what they may do, as it was when the request came in. */
export class Session {
  constructor(
    readonly user: { readonly id: string; readonly name: string },
    readonly isAdmin: boolean,
    readonly namespaceRoles: ReadonlyMap<string, Role>,
    readonly workspaceRoles: ReadonlyMap<string, Role>,
    /** The same viewer as they are now; `null` where the token is no longer good. For what lasts longer than a request. */
    readonly renew: () => Promise<Session | null>,
  ) {}

  /** May this viewer do `action` on the namespace or workspace (whichever the action is about) with this id? */
  can(action: Action, id: string): boolean {
    if (this.isAdmin) return true;
    const { on, role } = ACTIONS[action];
    const held = (on === 'namespace' ? this.namespaceRoles : this.workspaceRoles).get(id);
    return held !== undefined && RANK[held] >= RANK[role];
  }

  /** @throws ForbiddenError naming the action and the role it takes */
  assertCan(action: Action, id: string): void {
    if (this.can(action, id)) return;
    const { on, role } = ACTIONS[action];
    throw new ForbiddenError(`This takes the role ${role} on the ${on}.`, { action, requiredRole: role });
  }

  /** @throws ForbiddenError unless the viewer is an administrator */
  assertAdmin(): void {
    if (!this.isAdmin) throw new ForbiddenError('Only administrators may do this.');
  }
}
