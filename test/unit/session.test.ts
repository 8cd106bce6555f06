import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ACTIONS,
  type Action,
  type ScopeAction,
  type Session,
  type SessionFacts,
} from '../../src/auth/session.ts';
import type { Role } from '../../src/shared/enums.ts';
import { UnavailableError } from '../../src/shared/errors.ts';
import { sessionOf } from '../support/sessions.ts';

const ROLES = ['VIEWER', 'DEVELOPER', 'OWNER'] as const satisfies readonly Role[];

function withRole(role: Role): Session {
  return sessionOf({ namespaceRoles: new Map([['n', role]]), workspaceRoles: new Map([['w', role]]) });
}

describe('a session', () => {
  it.each([
    ['namespace:read', 'n', ['VIEWER', 'DEVELOPER', 'OWNER']],
    ['namespace:manage', 'n', ['OWNER']],
    ['workspace:read', 'w', ['VIEWER', 'DEVELOPER', 'OWNER']],
    ['workspace:work', 'w', ['DEVELOPER', 'OWNER']],
    ['workspace:manage', 'w', ['OWNER']],
    ['image:create', 'n', ['DEVELOPER', 'OWNER']],
    ['image:update', 'n', ['DEVELOPER', 'OWNER']],
    ['image:delete', 'n', ['DEVELOPER', 'OWNER']],
    ['build:cancel', 'n', ['DEVELOPER', 'OWNER']],
    ['image:purge', 'n', ['OWNER']],
    ['notebook:read', 'w', ['OWNER']],
  ] as const satisfies readonly (readonly [ScopeAction, string, readonly Role[]])[])(
    'may %s on %s with %j',
    (action, id, allowed) => {
      expect(ROLES.filter((role) => withRole(role).can(action, id))).toEqual(allowed);
      // A role on a namespace is none on a workspace of the same id, and none on another namespace.
      expect(withRole('OWNER').can(action, id === 'n' ? 'w' : 'n')).toBe(false);
      expect(withRole('OWNER').can(action, 'elsewhere')).toBe(false);
      expect(sessionOf({ isAdmin: true }).can(action, 'anything')).toBe(true);
    },
  );

  it('has no more than its own role and scopes where others have the same roles', () => {
    const namespaceRoles = new Map<string, Role>([
      ['seen', 'VIEWER'],
      ['owned', 'OWNER'],
    ]);
    const lists = (facts: Partial<SessionFacts>) => {
      const session = sessionOf({ namespaceRoles, ...facts });
      return [session.allowedOn('namespace:read'), session.allowedOn('image:purge')];
    };
    for (const _again of [1, 2]) {
      expect(lists({})).toEqual([['seen', 'owned'], ['owned']]);
      expect(lists({ scopes: ['READ'] })).toEqual([['seen', 'owned'], []]);
      expect(lists({ scopes: [] })).toEqual([[], []]);
      expect(lists({ isAdmin: true })).toEqual([null, null]);
    }
  });

  it('is allowed on the same namespaces and workspaces in a list as one by one', () => {
    const isScopeAction = (action: Action): action is ScopeAction =>
      ['namespace', 'workspace'].includes(ACTIONS[action].on);
    const actions = (Object.keys(ACTIONS) as Action[]).filter(isScopeAction);
    expect(actions.length).toBeGreaterThan(10);
    const roles = new Map(ROLES.map((role) => [role as string, role]));
    const ids = [...ROLES, 'elsewhere'];
    for (const scopes of [['READ'], ['READ', 'WRITE']] as const) {
      for (const isAdmin of [false, true]) {
        const session = sessionOf({ scopes, isAdmin, namespaceRoles: roles, workspaceRoles: roles });
        for (const action of actions) {
          const allowed = session.allowedOn(action);
          expect(ids.filter((id) => allowed?.includes(id) ?? true)).toEqual(
            ids.filter((id) => session.can(action, id)),
          );
        }
      }
    }
  });

  it('may do with what is its own what nobody else may but administrators', () => {
    const dana = sessionOf();
    for (const action of ['build:cancel-own', 'token:revoke'] as const) {
      expect(dana.can(action, dana.user.id)).toBe(true);
      expect(dana.can(action, 'somebody')).toBe(false);
      expect(dana.can(action, null)).toBe(false);
      expect(withRole('OWNER').can(action, 'n')).toBe(false);
      expect(sessionOf({ isAdmin: true }).can(action, null)).toBe(true);
      expect(sessionOf({ scopes: ['READ'] }).can(action, dana.user.id)).toBe(false);
    }
  });

  it('may work in the default workspace without any role', () => {
    expect(sessionOf().can('default-workspace:read')).toBe(true);
    expect(sessionOf().can('default-workspace:work')).toBe(true);
    expect(sessionOf({ scopes: ['READ'] }).can('default-workspace:work')).toBe(false);
    expect(withRole('OWNER').can('namespace:create')).toBe(false);
  });

  it('says what is missing', () => {
    expect(() => withRole('VIEWER').assertCan('image:create', 'n')).toThrow(
      expect.objectContaining({
        code: 'FORBIDDEN',
        details: { action: 'image:create', requiredRole: 'DEVELOPER' },
      }),
    );
    expect(() => withRole('OWNER').assertCan('namespace:create')).toThrow(
      expect.objectContaining({ code: 'FORBIDDEN', details: { action: 'namespace:create' } }),
    );
  });

  it('may do no more than its token is for, whatever the roles', () => {
    const reader = sessionOf({ isAdmin: true, scopes: ['READ'] });
    expect(reader.can('namespace:read', 'n')).toBe(true);
    expect(reader.can('audit:read')).toBe(true);
    expect(reader.can('image:update', 'n')).toBe(false);
    expect(() => reader.assertCan('namespace:create')).toThrow(
      expect.objectContaining({
        code: 'FORBIDDEN',
        details: { action: 'namespace:create', requiredScope: 'WRITE' },
      }),
    );
  });
});

describe('a session that lasts', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('is renewed where it is older than it may be, and not before', async () => {
    const renewed = sessionOf();
    const renew = vi.fn(async () => renewed);
    const session = sessionOf({ renew });
    vi.advanceTimersByTime(1000);
    expect(await session.upToDate(1000)).toBe(session);
    expect(renew).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(await session.upToDate(1000)).toBe(renewed);
  });

  it('is refused where it has ended, or where nobody can tell', async () => {
    const away = new UnavailableError();
    const [ended, unknown] = [sessionOf(), sessionOf({ renew: async () => await Promise.reject(away) })];
    vi.advanceTimersByTime(2000);
    await expect(ended.upToDate(1000)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(unknown.upToDate(1000)).rejects.toBe(away);
  });
});
