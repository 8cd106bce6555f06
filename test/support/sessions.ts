import { Session, type SessionFacts } from '../../src/auth/session.ts';

/** A session as a token of both scopes gives it to a user without any role, but for `facts`. */
export function sessionOf(facts: Partial<SessionFacts> = {}): Session {
  return new Session({
    user: { id: '00000000-0000-4000-8000-000000000001', name: 'dana' },
    isAdmin: false,
    scopes: ['READ', 'WRITE'],
    credential: { kind: 'OPERATOR_TOKEN' },
    namespaceRoles: new Map(),
    workspaceRoles: new Map(),
    renew: async () => null,
    ...facts,
  });
}
