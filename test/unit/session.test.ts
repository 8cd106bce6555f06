import { describe, expect, it } from 'vitest';
import { type Action, Session } from '../../src/auth/session.ts';
import type { Role } from '../../src/shared/enums.ts';

const USER = { id: 'u', name: 'dana' };
const ROLES = ['VIEWER', 'DEVELOPER', 'OWNER'] as const satisfies readonly Role[];

function withRole(role: Role): Session {
  return new Session(USER, false, new Map([['n', role]]), new Map([['w', role]]), async () => null);
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
  ] as const satisfies readonly (readonly [Action, string, readonly Role[]])[])(
    'may %s on %s with %j',
    (action, id, allowed) => {
      expect(ROLES.filter((role) => withRole(role).can(action, id))).toEqual(allowed);
      // A role on a namespace is none on a workspace of the same id, and none on another namespace.
      expect(withRole('OWNER').can(action, id === 'n' ? 'w' : 'n')).toBe(false);
      expect(withRole('OWNER').can(action, 'elsewhere')).toBe(false);
      expect(new Session(USER, true, new Map(), new Map(), async () => null).can(action, 'anything')).toBe(
        true,
      );
    },
  );

  it('says what is missing', () => {
    expect(() => withRole('VIEWER').assertCan('image:create', 'n')).toThrow(
      expect.objectContaining({
        code: 'FORBIDDEN',
        details: { action: 'image:create', requiredRole: 'DEVELOPER' },
      }),
    );
    expect(() => withRole('OWNER').assertAdmin()).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  });
});
