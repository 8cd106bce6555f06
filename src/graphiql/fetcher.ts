import type { GraphiQLProps } from 'graphiql';
import { type ExecutionResult, getOperationAST, parse } from 'graphql';
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
    const operation = await fillPlaceholders(given, (lookup) => sendOperation(token, lookup));
    if (isSubscription(operation)) return subscribe(socket, operation);
    return sendOperation(token, operation, options?.headers);
  };
}

function isSubscription({ query, operationName }: Operation): boolean {
  return getOperationAST(parse(query), operationName)?.operation === 'subscription';
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
