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
 * Makes the context of ONE operation. A subscription's context lives as long as the subscription does, so its loaders batch
 * but do not cache: otherwise its hundredth event would show the first one's data.
 */
export type CreateContext = (
  session: Session,
  kind: 'request' | 'subscription',
  request: RequestFacts,
) => Context;

/** For contexts that have the same services. */
export function createContexts(services: Services): CreateContext {
  // A class, whose getters all contexts share. Of getters of its own V8 makes each object a hidden class, which outlives it together with
  // all that they hold: 4 KB of each request were kept until the next full collection, and every access to a context was a slow one.
  class OperationContext {
    // No private one: Apollo runs an operation with a copy of the context that it was given.
    madeLoaders: Loaders | null = null;

    constructor(
      public session: Session,
      readonly kind: 'request' | 'subscription',
      readonly request: RequestFacts,
    ) {}

    // Made when they are needed: most of a thousand subscriptions only wait, and would keep two dozen loaders each.
    get loaders(): Loaders {
      this.madeLoaders ??= createLoaders(services, this.session, { cache: this.kind === 'request' });
      return this.madeLoaders;
    }

    continueAs(viewer: Session): void {
      // Rights seldom change, and while they do not, what is loaded is good for either.
      if (!isDeepStrictEqual(rightsOf(viewer), rightsOf(this.session))) this.madeLoaders = null;
      this.session = viewer;
    }
  }
  // Not copied: of a thousand subscriptions each would keep 1.6 KB of two dozen properties.
  Object.setPrototypeOf(OperationContext.prototype, services);
  return (session, kind, request) =>
    new OperationContext(session, kind, request) as OperationContext & Services;
}

const rightsOf = ({ isAdmin, scopes, namespaceRoles, workspaceRoles }: Session) => ({
  isAdmin,
  scopes,
  namespaceRoles,
  workspaceRoles,
});
