import { createClient } from 'graphql-ws';

/** A client of the API in forty lines: queries and mutations by fetch, subscriptions by graphql-ws. */
export function createApi(url, token) {
  async function request(query, variables = {}) {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    }).catch((error) => {
      throw new Error(
        `Nothing answers at ${url} (${error.cause?.code ?? error.message}). Start it with: npm start`,
      );
    });
    const { data, errors } = await response.json();
    if (response.status === 401) throw new Error(`The server at ${url} does not know the token.`);
    if (errors) throw new Error(errors.map(describe).join('\n'));
    return data;
  }

  return {
    request,

    /** Runs a mutation and hands out its payload, whose userErrors must be empty. */
    async mutate(query, variables) {
      const [payload] = Object.values(await request(query, variables));
      if (payload.userErrors.length > 0) throw new Error(payload.userErrors.map(describe).join('\n'));
      return payload;
    },

    /**
     * Follows a subscription to its end. When the connection is lost, it subscribes again with the variables that `resume` gives
     * then, so that nothing comes twice and nothing is missed.
     */
    async *follow(query, resume) {
      for (let lost = 0; ; lost += 1) {
        const socket = createClient({
          url: `${url.replace(/^http/, 'ws')}/graphql`,
          webSocketImpl: globalThis.WebSocket ?? (await import('ws')).WebSocket, // Node has its own since version 22
          connectionParams: { Authorization: `Bearer ${token}` },
          retryAttempts: 0,
        });
        try {
          for await (const { data, errors } of socket.iterate({ query, variables: resume() })) {
            if (errors) throw new Error(errors.map(describe).join('\n'));
            lost = 0;
            yield Object.values(data)[0];
          }
          return;
        } catch (error) {
          if (error instanceof Error) throw error;
          if (Array.isArray(error)) {
            // Too much was asked for in too short a time: the server says when to go on.
            const limited = error.find(({ extensions }) => extensions?.code === 'RATE_LIMITED');
            if (!limited) throw new Error(error.map(describe).join('\n'));
            await new Promise((resolve) => setTimeout(resolve, (limited.extensions.retryAfter ?? 1) * 1000));
            continue;
          }
          // What is left is a closed connection, or one that could not be opened. 4401: the token is missing, for good.
          if (error.code === 4401 || lost === 5) {
            const why = error.code ? `${error.code} ${error.reason}` : error.message || 'it cannot be opened';
            throw new Error(`The connection to ${url} was lost: ${why}`);
          }
          await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** lost));
        } finally {
          await socket.dispose();
        }
      }
    },
  };
}

function describe({ message, path, code, extensions }) {
  const place = path?.length ? ` (at ${path.join('.')})` : '';
  return `${code ?? extensions?.code ?? 'ERROR'}: ${message}${place}`;
}
