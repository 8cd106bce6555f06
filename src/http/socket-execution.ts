import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute as executeOperation,
  type GraphQLError,
  type OperationDefinitionNode,
} from 'graphql';
import type { ExecutePlanned } from '../graphql/execute-planned.ts';
import type { AdmittedOperation } from '../graphql/operation-guard.ts';
import type { SharedAnswers } from '../graphql/shared-answers.ts';

/** What it takes to run an operation that was let in. */
export interface AdmittedArgs extends ExecutionArgs {
  /** Which one of the document's. */
  readonly operation: OperationDefinitionNode;
  readonly admitted: AdmittedOperation;
  /** Sends an answer that others get, too, and resolves when it has left. */
  readonly sendShared: (payload: Buffer) => Promise<void>;
}

/** Runs a query or a mutation. Of an answer that is too large there is an error in its place. */
export async function execute(args: AdmittedArgs): Promise<ExecutionResult> {
  const result = await executeOperation(args);
  const tooLarge = args.admitted.weigh(result);
  return tooLarge ? { data: null, errors: [tooLarge] } : result;
}

/**
 * Runs a subscription as graphql-js does, but each event is paid for before what is selected of it is looked up. Where that is
 * refused, and where an answer is too large, the subscription ends with the error, so that its client knows where to resume.
 *
 * Answers that are shared are sent from here; what comes out are those of this viewer alone.
 */
export async function subscribe(
  args: AdmittedArgs,
  shared: SharedAnswers,
  executeEvent: ExecutePlanned,
): Promise<AsyncGenerator<ExecutionResult, void, void> | ExecutionResult> {
  const source = await createSourceEventStream(args);
  if (!(Symbol.asyncIterator in source)) return source;
  const events = source[Symbol.asyncIterator]();
  const { admitted, document, operation, variableValues, contextValue } = args;
  const planned = { document, operation, variableValues, contextValue };
  const answerToAll = shared.of(planned);

  /** @returns `null` where the answer is on its way already */
  async function answer(event: unknown): Promise<ExecutionResult | null> {
    admitted.chargeEvent();
    const toAll = await answerToAll(event);
    const result = toAll === null ? await executeEvent({ ...planned, rootValue: event }) : null;
    const tooLarge: GraphQLError | null =
      result === null ? admitted.takeWeight(toAll?.weight ?? 0) : admitted.weigh(result);
    if (tooLarge) throw tooLarge;
    if (toAll !== null) await args.sendShared(toAll.payload);
    return result;
  }

  async function end(): Promise<IteratorReturnResult<void>> {
    await events.return?.();
    return { done: true, value: undefined };
  }

  // No generator function: the `return` of one waits for its `next`, which may wait for an event that never comes.
  const answers: AsyncGenerator<ExecutionResult, void, void> = {
    async next() {
      for (;;) {
        const { done, value } = await events.next();
        if (done) return { done: true, value: undefined };
        try {
          const own = await answer(value);
          if (own !== null) return { done: false, value: own };
        } catch (error) {
          await end();
          throw error;
        }
      }
    },
    return: end,
    async throw(error) {
      await end();
      throw error;
    },
    [Symbol.asyncIterator]: () => answers,
    [Symbol.asyncDispose]: async () => {
      await end();
    },
  };
  return answers;
}
