import {
  type DocumentNode,
  GraphQLError,
  getOperationAST,
  OperationTypeNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import type { AdmittedOperation } from '../graphql/operation-guard.ts';
import type { RequestFacts } from '../shared/request-facts.ts';
import type { EdgeParts } from './edge-parts.ts';
import type { AdmittedArgs } from './socket-execution.ts';

/** An operation that was let in, and what it takes to run it. */
export interface SocketOperation {
  readonly args: Omit<AdmittedArgs, 'sendShared'>;
  readonly admitted: AdmittedOperation;
  readonly isSubscription: boolean;
}

/**
 * Makes operations ready to run, past the same guards as over HTTP. The function that it gives throws the list of GraphQL's errors of a
 * document that is refused, and whatever the guard refuses with.
 */
export function createAdmission<Session, Context extends object>({
  schema,
  documents,
  guard,
  createContext,
}: EdgeParts<Session, Context>) {
  function read(text: string): DocumentNode {
    // A thousand subscribers with one query have one document.
    const known = documents.known.documentOf(text);
    if (known !== undefined) return known;
    let document: DocumentNode;
    try {
      document = parse(text, documents.parseOptions);
    } catch (error) {
      throw new RefusedDocument([recoded(error, 'GRAPHQL_PARSE_FAILED')]);
    }
    const errors = validate(schema, document, [...specifiedRules, ...documents.validationRules]);
    if (errors.length > 0)
      throw new RefusedDocument(errors.map((error) => recoded(error, 'GRAPHQL_VALIDATION_FAILED')));
    documents.known.add(text, document);
    return document;
  }

  function find(payload: SubscribePayload) {
    const document = read(documents.textOf(payload) ?? '');
    const operation = getOperationAST(document, payload.operationName);
    if (operation) return { document, operation };
    const message = 'Name one of the operations of the document.';
    throw new RefusedDocument([codedError(message, 'OPERATION_RESOLUTION_FAILURE')]);
  }

  return async (
    session: Session,
    payload: SubscribePayload,
    request: RequestFacts,
  ): Promise<SocketOperation> => {
    guard.assertMayAsk(session);
    let found: ReturnType<typeof find>;
    try {
      found = find(payload);
    } catch (error) {
      guard.countRefused(session);
      throw error;
    }
    const { document, operation } = found;
    const { operationName, variables } = payload;
    const admitted = guard.admit({ session, document, operation, variables });
    try {
      const isSubscription = operation.operation === OperationTypeNode.SUBSCRIPTION;
      const contextValue = await createContext(session, isSubscription ? 'subscription' : 'request', request);
      const args = { schema, document, operation, operationName, variableValues: variables, contextValue };
      return { args: { ...args, rootValue: undefined, admitted }, admitted, isSubscription };
    } catch (error) {
      admitted[Symbol.dispose]();
      throw error;
    }
  };
}

/** GraphQL's errors of a document, of which there may be many. */
class RefusedDocument extends Error {
  constructor(readonly errors: readonly GraphQLError[]) {
    super('the document was refused');
  }
}

/** What an operation is refused with, as GraphQL's errors. */
export function errorsOf(error: unknown): GraphQLError[] {
  if (error instanceof RefusedDocument) return [...error.errors];
  if (error instanceof GraphQLError) return [error];
  const originalError = error instanceof Error ? error : new Error(String(error));
  return [new GraphQLError('The operation could not be started.', { originalError })];
}

export function codedError(message: string, code: string, details = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { code, details } });
}

function recoded(error: unknown, code: string): GraphQLError {
  if (!(error instanceof GraphQLError)) throw error;
  const { nodes = null, source = null, positions = null, extensions } = error;
  return new GraphQLError(error.message, { nodes, source, positions, extensions: { ...extensions, code } });
}
