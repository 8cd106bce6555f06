import type { GraphQLRequestContext } from '@apollo/server';
import {
  type ExecutionResult,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLFormattedError,
  OperationTypeNode,
} from 'graphql';
import type { ErrorFormatter } from '../graphql/format-error.ts';
import type { AdmittedOperation, AskedOperation, OperationGuard } from '../graphql/operation-guard.ts';
import { refusalOf } from './refusal.ts';

type Errors = readonly GraphQLFormattedError[];

/** How the operation of one HTTP request fared with the guard. Disposing of it says that the request is over. */
export class GuardedOperation<Session> implements Disposable {
  readonly #guard: OperationGuard<Session>;
  readonly #session: Session;
  readonly #formatError: ErrorFormatter;
  #admitted: AdmittedOperation | null = null;
  #refusal: { readonly error: unknown } | null = null;

  constructor(guard: OperationGuard<Session>, session: Session, formatError: ErrorFormatter) {
    this.#guard = guard;
    this.#session = session;
    this.#formatError = formatError;
  }

  /**
   * Asks the guard to let it in, once: whoever asks again is told the same.
   *
   * @throws what the guard refuses it with, or BAD_REQUEST for a subscription
   */
  admit(asked: Omit<AskedOperation<Session>, 'session'>): void {
    if (this.#refusal !== null) throw this.#refusal.error;
    if (this.#admitted !== null) return;
    if (asked.operation.operation === OperationTypeNode.SUBSCRIPTION) throw toTheSocket();
    try {
      this.#admitted = this.#guard.admit({ ...asked, session: this.#session });
    } catch (error) {
      this.#refusal = { error };
      throw error;
    }
  }

  /** What to answer an operation that was let in and has come to `result`: with what it cost, or that it is too large. */
  answerOf({ data, errors }: ExecutionResult): FormattedExecutionResult {
    const formatted = errors?.map((error) => this.#formatError(error));
    return this.#weighed({ ...(formatted && { errors: formatted }), data: data ?? null });
  }

  /** Says in the answer what the operation cost, or gives a refusal its status. */
  complete({ response }: GraphQLRequestContext<object>): void {
    if (response.body?.kind !== 'single') return;
    const { singleResult } = response.body;
    if (this.#admitted) {
      Object.assign(singleResult, this.#weighed(singleResult));
      return;
    }
    const errors = singleResult.errors ?? [];
    singleResult.errors = this.#refusal ? errors : this.#countRefused(errors);
    const [error] = singleResult.errors;
    if (!error || !(this.#refusal || error.extensions?.['code'] === 'RATE_LIMITED')) return;
    const { status, headers } = refusalOf(error, () => error);
    response.http.status = status;
    for (const [name, value] of Object.entries(headers)) response.http.headers.set(name, String(value));
  }

  #weighed(answer: FormattedExecutionResult): FormattedExecutionResult {
    const tooLarge = this.#admitted?.weigh(answer as ExecutionResult);
    const extensions = { ...answer.extensions, cost: this.#admitted?.cost };
    if (tooLarge) return { errors: [this.#formatError(tooLarge)], data: null, extensions };
    return { ...answer, extensions };
  }

  [Symbol.dispose](): void {
    this.#admitted?.[Symbol.dispose]();
  }

  /** `errors`, or that there were too many of them. */
  #countRefused(errors: Errors): Errors {
    try {
      this.#guard.countRefused(this.#session);
      return errors;
    } catch (error) {
      return [this.#formatError(error)];
    }
  }
}

/** Apollo would execute a subscription as if it were a query, and what comes of that would look like a fault of ours. */
function toTheSocket(): GraphQLError {
  return new GraphQLError(
    'Subscriptions run over WebSocket at this address, sub-protocol graphql-transport-ws.',
    { extensions: { code: 'BAD_REQUEST', http: { status: 400 } } },
  );
}
