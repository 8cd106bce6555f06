import { isDeepStrictEqual } from 'node:util';
import type { Session } from '../auth/session.ts';
import type { Services } from '../services.ts';
import type { RequestFacts } from '../shared/request-facts.ts';
import { createLoaders, type Loaders } from './loaders.ts';

/** What a resolver works with: the viewer's session, the services, and loaders for this one operation. */
export interface Context extends Services {
  readonly session: Session;
  readonly request: RequestFacts;
  readonly loaders: Loaders;
  /** Goes on as the viewer is by now: what lasts may outlive the rights that it began with. */
  continueAs(viewer: Session): void;
}

/**
 * The context of ONE operation. A subscription's context lives as long as the subscription does, so its loaders batch
 * but do not cache: otherwise its hundredth event would show the first one's data.
 */
export function createContext(
  services: Services,
  session: Session,
  kind: 'request' | 'subscription',
  request: RequestFacts,
): Context {
  const loadersOf = (viewer: Session) => createLoaders(services, viewer, { cache: kind === 'request' });
  let first: Loaders | null = null;
  const own: Omit<Context, keyof Services> = {
    session,
    // Made when they are needed: most of a thousand subscriptions only wait, and would keep two dozen loaders each.
    get loaders() {
      first ??= loadersOf(session);
      return first;
    },
    request,
    // On `this`: Apollo runs an operation with a copy of the context that it was given.
    continueAs(viewer) {
      // Rights seldom change, and while they do not, what is loaded is good for either.
      const areSame = isDeepStrictEqual(rightsOf(viewer), rightsOf(this.session));
      Object.assign(this, { session: viewer });
      if (!areSame) Object.defineProperty(this, 'loaders', { value: loadersOf(viewer), writable: true });
    },
  };
  // Not copied: of a thousand subscriptions each would keep 1.6 KB of two dozen properties.
  return Object.setPrototypeOf(own, services);
}

const rightsOf = ({ isAdmin, scopes, namespaceRoles, workspaceRoles }: Session) => ({
  isAdmin,
  scopes,
  namespaceRoles,
  workspaceRoles,
});
