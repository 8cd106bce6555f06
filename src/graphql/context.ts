import type { Session } from '../auth/session.ts';
import type { Services } from '../services.ts';
import type { RequestFacts } from '../shared/request-facts.ts';
import { createLoaders, type Loaders } from './loaders.ts';

/** What a resolver works with: the viewer's session, the services, and loaders for this one operation. */
export interface Context extends Services {
  readonly session: Session;
  readonly request: RequestFacts;
  readonly loaders: Loaders;
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
  const loaders = createLoaders(services, session, { cache: kind === 'request' });
  return { ...services, session, request, loaders };
}
