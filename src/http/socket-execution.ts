import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute as executeOperation,
  type GraphQLError,
} from 'graphql';
import type { AdmittedOperation } from '../graphql/operation-guard.ts';

/** What it takes to run an operation that was let in. */
export interface AdmittedArgs extends ExecutionArgs {
  readonly admitted: AdmittedOperation;
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
 */
export async function subscribe(
  args: AdmittedArgs,
): Promise<AsyncGenerator<ExecutionResult, void, void> | ExecutionResult> {
  const source = await createSourceEventStream(args);
  if (!(Symbol.asyncIterator in source)) return source;
  const events = source[Symbol.asyncIterator]();

  async function answer(event: unknown): Promise<ExecutionResult> {
    await args.admitted.chargeEvent();
    const result = await executeOperation({ ...args, rootValue: event });
    const tooLarge: GraphQLError | null = args.admitted.weigh(result);
    if (tooLarge) throw tooLarge;
    return result;
  }

  async function end(): Promise<IteratorReturnResult<void>> {
    await events.return?.();
    return { done: true, value: undefined };
  }

  // No generator function: the `return` of one waits for its `next`, which may wait for an event that never comes.
  const answers: AsyncGenerator<ExecutionResult, void, void> = {
    async next() {
      const { done, value } = await events.next();
      if (done) return { done: true, value: undefined };
      try {
        return { done: false, value: await answer(value) };
      } catch (error) {
        await end();
        throw error;
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
