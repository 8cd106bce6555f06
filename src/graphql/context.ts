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
  /** Goes on as the viewer is by now: a subscription may outlive rights that what its events show hangs on. */
  readonly continueAs: (viewer: Session) => void;
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
  const of = (viewer: Session) => ({
    session: viewer,
    loaders: createLoaders(services, viewer, { cache: kind === 'request' }),
  });
  const context: Context = {
    ...services,
    ...of(session),
    request,
    continueAs: (viewer) => {
      // Its roles are all that changes, and seldom do.
      if (!isDeepStrictEqual(rolesOf(viewer), rolesOf(context.session))) Object.assign(context, of(viewer));
    },
  };
  return context;
}

const rolesOf = ({ isAdmin, namespaceRoles, workspaceRoles }: Session) => ({
  isAdmin,
  namespaceRoles,
  workspaceRoles,
});
