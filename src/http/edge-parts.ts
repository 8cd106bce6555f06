import type { GraphQLSchema } from 'graphql';
import type { OperationDocuments } from '../graphql/operation-documents.ts';
import type { OperationGuard } from '../graphql/operation-guard.ts';
import type { RequestFacts } from '../shared/request-facts.ts';

/** What both edges run operations with. */
export interface EdgeParts<Session, Context extends object> {
  readonly schema: GraphQLSchema;
  /** Everything one operation works with; `subscription` ones live long, so theirs must not cache. */
  readonly createContext: (
    session: Session,
    kind: 'request' | 'subscription',
    request: RequestFacts,
  ) => Context | Promise<Context>;
  /** Which documents may be executed, and what an operation may cost. */
  readonly documents: OperationDocuments;
  readonly guard: OperationGuard<Session>;
}
