import type { DocumentNode, ExecutionResult, GraphQLError, OperationDefinitionNode } from 'graphql';

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
  /**
   * Takes what an event of a subscription costs, before what is selected of it is looked up.
   *
   * @throws GraphQLError RATE_LIMITED with `retryAfter` in seconds
   */
  chargeEvent(): void;
  /**
   * Weighs an answer before it is written out, and takes what it weighs above what was paid: how long texts are is not known
   * before. Where the viewer has less left, their next operation is refused, or the next event.
   *
   * @returns what to answer instead, ANSWER_TOO_LARGE; `null` where the answer may go out
   */
  weigh(answer: Pick<ExecutionResult, 'data' | 'errors'>): GraphQLError | null;
  /** The same for an answer of which the weight is known, since others have it, too. */
  takeWeight(weight: number): GraphQLError | null;
}

/** The limits that every operation is held to, whichever edge it comes in by. */
export interface OperationGuard<Session> {
  /**
   * To be asked before a request is read: reading is work, too.
   *
   * @throws GraphQLError RATE_LIMITED with `retryAfter` in seconds: the viewer has spent everything
   */
  assertMayAsk(session: Session): void;
  /**
   * Lets an operation in.
   *
   * @throws GraphQLError with the code BAD_USER_INPUT (variables nest too deep), FORBIDDEN (a mutation with a token that is for
   *   reading alone), QUERY_TOO_COSTLY, or RATE_LIMITED with `retryAfter` in seconds
   */
  admit(asked: AskedOperation<Session>): AdmittedOperation;
  /**
   * Counts a document that was refused before it could be let in: reading it was work, too.
   *
   * @throws GraphQLError RATE_LIMITED with `retryAfter` in seconds
   */
  countRefused(session: Session): void;
  /**
   * Counts a request that is no operation, such as a download.
   *
   * @throws GraphQLError RATE_LIMITED with `retryAfter` in seconds
   */
  charge(session: Session, cost: number): void;
  /**
   * Takes one of the places that a viewer's running operations have, for a request that takes long, such as a download of a log
   * that is still written. Disposing of what comes back gives it back; more than once does no harm.
   *
   * @throws GraphQLError RATE_LIMITED with `retryAfter` in seconds: as many as may be are running
   */
  hold(session: Session): Disposable;
}
