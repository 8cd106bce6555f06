import type { GraphiQLProps } from 'graphiql';
import { type ExecutionResult, getOperationAST, Kind, parse } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import { fillPlaceholders } from './placeholders.ts';
import { type Operation, sendOperation } from './request.ts';
import { collectLog } from './whole-log.ts';

/** Queries and mutations by HTTP, subscriptions over one WebSocket, all with the viewer's token. */
export function createFetcher(token: string): GraphiQLProps['fetcher'] {
  const socket = createClient({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
    connectionParams: { Authorization: `Bearer ${token}` },
  });
  return async (given, options) => {
    const { operation, isSubscription } = chosenOperation(given);
    const filled = await fillPlaceholders(operation, (lookup) => sendOperation(token, lookup));
    if (isSubscription) return subscribe(socket, filled);
    return sendOperation(token, filled, options?.headers);
  };
}

/**
 * For some tenths of a second after a change of tabs GraphiQL still names the operation of the tab before. A document with one
 * operation leaves no choice, so that one is taken.
 */
function chosenOperation(given: Operation): { operation: Operation; isSubscription: boolean } {
  const document = parse(given.query);
  const operations = document.definitions.filter(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION,
  );
  const chosen = operations.length === 1 ? operations[0] : getOperationAST(document, given.operationName);
  const operationName = chosen?.name?.value ?? null;
  return { operation: { ...given, operationName }, isSubscription: chosen?.operation === 'subscription' };
}

/** Hands `return` straight through, so that GraphiQL's stop button works while the next event is still awaited. */
function subscribe(socket: Client, operation: Operation): AsyncIterableIterator<ExecutionResult> {
  const { query, variables, operationName } = operation;
  const withWholeLog = collectLog();
  const events = socket.iterate({
    query,
    ...(variables && { variables }),
    ...(operationName && { operationName }),
  }) as AsyncIterableIterator<ExecutionResult>;
  return {
    async next() {
      try {
        const event = await events.next();
        return event.done ? event : { done: false, value: withWholeLog(event.value) };
      } catch (error) {
        if (!(error instanceof CloseEvent)) throw error;
        throw new Error(`The connection was closed (${error.code} ${error.reason}).`);
      }
    },
    return: async () => (await events.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
