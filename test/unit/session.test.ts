import { describe, expect, it } from 'vitest';
import type { ScopeAction, Session } from '../../src/auth/session.ts';
import type { Role } from '../../src/shared/enums.ts';
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
    ['notebook:save-any', 'w', ['OWNER']],
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
