import { type HttpServer, type HttpServerParts, startHttpServer } from '../../src/http/http-server.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { createEdgeSchema, type EdgeContext, type EdgeSession } from './edge-schema.ts';

export const GOOD_TOKEN = 'a-token-that-the-edge-tests-know';

export interface EdgeServer extends AsyncDisposable {
  readonly http: HttpServer;
  readonly url: string;
  /** Tokens that were good and are not any more. */
  readonly revoked: Set<string>;
  /** How many `slow` queries and `endless` subscriptions run. */
  running(): number;
  /** Lets pending `slow` queries answer. */
  release(): void;
  /** POSTs a query with the good token and reads the JSON answer. */
  query(
    query: string,
    options?: { headers?: Record<string, string>; variables?: object },
  ): Promise<EdgeAnswer>;
}

export interface EdgeAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: EdgeBody;
}

export interface EdgeBody {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { message: string; path?: string[]; extensions: Record<string, unknown> }[];
}

/** A server of both edges over a schema that needs neither database nor engine. */
export async function startEdgeServer(
  overrides: Partial<HttpServerParts<EdgeSession, EdgeContext>> = {},
): Promise<EdgeServer> {
  const revoked = new Set<string>();
  let running = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const onRunning = (change: number) => {
    running += change;
  };
  const http = await startHttpServer<EdgeSession, EdgeContext>({
    schema: createEdgeSchema({ released, onRunning }),
    authenticate: async (token) => (token === GOOD_TOKEN && !revoked.has(token) ? { name: 'ada' } : null),
    createContext: (session, kind) => ({ session, kind }),
    log: createLogger('silent'),
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 64 * 1024,
    graphiqlDir: '/nonexistent',
    readiness: async () => ({ ready: true, checks: { database: 'ok' } }),
    ...overrides,
  });
  return {
    http,
    url: http.url,
    revoked,
    running: () => running,
    release,
    query: async (query, { headers = {}, variables } = {}) => {
      const response = await post(http.url, JSON.stringify({ query, variables }), headers);
      return {
        status: response.status,
        headers: response.headers,
        body: (await response.json()) as EdgeBody,
      };
    },
    [Symbol.asyncDispose]: async () => {
      release();
      await http[Symbol.asyncDispose]();
    },
  };
}

/** POSTs any body to GraphQL with the good token, as JSON unless the headers say otherwise. */
export function post(
  url: string,
  body: RequestInit['body'],
  headers: Record<string, string> = {},
): Promise<Response> {
  const defaults = { 'content-type': 'application/json', authorization: `Bearer ${GOOD_TOKEN}` };
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { ...defaults, ...headers },
    body: body ?? null,
  });
}
