import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

export interface Answer<T> {
  readonly data: T;
  readonly errors?: readonly { readonly message: string; readonly extensions: Record<string, unknown> }[];
}

/** A subscription answered with GraphQL errors, when it began or later. */
export class RefusedError extends Error {
  constructor(readonly errors: readonly { readonly message: string; readonly extensions?: unknown }[]) {
    super(JSON.stringify(errors));
  }
}

/** Somebody who talks to the API as everybody does: HTTP and WebSocket with a token. */
export interface ApiClient {
  readonly token: string;
  /** Sends an operation. @throws Error on an answer with GraphQL errors */
  // biome would like unknown here; a test states the shape that it asserts anyway.
  run<T>(query: string, variables?: Record<string, unknown>): Promise<T>;
  /** Sends an operation and gives errors back. */
  ask<T>(query: string, variables?: Record<string, unknown>): Promise<Answer<T>>;
  /** Subscribes over a socket of its own; every event is queued, so none is missed. Returning closes it. */
  subscribe<T>(query: string, variables?: Record<string, unknown>): AsyncIterableIterator<T>;
}

/** @param socket the WebSocket to subscribe over, for clients that read in a way of their own */
export function createApiClient(url: string, token: string, socket: typeof WebSocket = WebSocket): ApiClient {
  const ask = async <T>(query: string, variables: Record<string, unknown> = {}): Promise<Answer<T>> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as Answer<T>;
  };
  return {
    token,
    ask,
    async run<T>(query: string, variables?: Record<string, unknown>) {
      const answer = await ask<T>(query, variables);
      if (answer.errors) throw new Error(JSON.stringify(answer.errors));
      return answer.data;
    },
    async *subscribe<T>(query: string, variables: Record<string, unknown> = {}) {
      const client = openSocket(url, token, socket);
      try {
        for await (const result of client.iterate<T>({ query, variables })) {
          if (result.errors) throw new RefusedError(result.errors);
          yield result.data as T;
        }
      } catch (error) {
        throw Array.isArray(error) ? new RefusedError(error) : error;
      } finally {
        await client.dispose();
      }
    },
  };
}

function openSocket(url: string, token: string, socket: typeof WebSocket): Client {
  return createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: socket,
    connectionParams: { Authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
}
