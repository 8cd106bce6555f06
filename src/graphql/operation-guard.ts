import type { DocumentNode, OperationDefinitionNode } from 'graphql';

/** An operation that is about to run: its document is parsed and valid. */
export interface AskedOperation<Session> {
  readonly session: Session;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>> | null | undefined;
}

/** What an operation costs, as its answer says it in `extensions.cost`. */
export interface OperationCost {
  /** What this operation costs. */
  readonly requested: number;
  /** What one operation may cost. */
  readonly limit: number;
}

/** An operation that was let in. Disposing of it says that it has ended; more than once does no harm. */
export interface AdmittedOperation extends Disposable {
  readonly cost: OperationCost;
}

/** The limits that every operation is held to, whichever edge it comes in by. */
export interface OperationGuard<Session> {
  /**
   * To be asked before a request is read: reading is work, too.
   *
   * @throws GraphQLError RATE_LIMITED with `retryAfter` in seconds: the viewer has spent everything
   */
  assertMayAsk(session: Session): Promise<void>;
  /**
   * Lets an operation in.
   *
   * @throws GraphQLError with the code BAD_USER_INPUT (variables nest too deep), FORBIDDEN (a mutation with a token that is for
   *   reading alone), QUERY_TOO_COSTLY, or RATE_LIMITED with `retryAfter` in seconds
   */
  admit(asked: AskedOperation<Session>): Promise<AdmittedOperation>;
  /**
   * Counts a document that was refused before it could be let in: reading it was work, too.
   *
   * @throws GraphQLError RATE_LIMITED with `retryAfter` in seconds
   */
  countRefused(session: Session): Promise<void>;
  /**
   * Counts a request that is no operation, such as a download.
   *
   * @throws GraphQLError RATE_LIMITED with `retryAfter` in seconds
   */
  charge(session: Session, cost: number): Promise<void>;
}
