import { createOperationGuard } from '../../src/graphql/create-operation-guard.ts';
import { openOperationDocuments } from '../../src/graphql/operation-documents.ts';
import type { OperationGuard } from '../../src/graphql/operation-guard.ts';
import { type HttpServer, type HttpServerParts, startHttpServer } from '../../src/http/http-server.ts';
import { ForbiddenError } from '../../src/shared/errors.ts';
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

/** Lets everything in, for nothing. */
const PERMISSIVE: OperationGuard<EdgeSession> = {
  admit: () => ({
    cost: { requested: 0, limit: 10_000 },
    chargeEvent: () => {},
    weigh: () => null,
    takeWeight: () => null,
    [Symbol.dispose]: () => {},
  }),
  assertMayAsk: () => {},
  countRefused: () => {},
  charge: () => {},
  hold: () => new DisposableStack(),
};

/** The guard of the product, over the edges' own schema; whoever is called `reader` may not write. */
export function createEdgeGuard(
  limits: { maxCost?: number; maxBodyCost?: number; costPerMinute?: number | null; maxRunning?: number } = {},
): OperationGuard<EdgeSession> {
  return createOperationGuard<EdgeSession>({
    schema: createEdgeSchema({ released: Promise.resolve(), onRunning: () => {} }),
    limits: { maxCost: 10_000, maxBodyCost: 0, costPerMinute: null, maxRunning: 1000, ...limits },
    viewerOf: ({ name }) => name,
    assertMayWrite: ({ name }) => {
      if (name === 'reader') throw new ForbiddenError('This takes a token with the scope WRITE.');
    },
  });
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
  const schema = createEdgeSchema({ released, onRunning });
  const http = await startHttpServer<EdgeSession, EdgeContext>({
    schema,
    authenticate: async (token) => (token === GOOD_TOKEN && !revoked.has(token) ? { name: 'ada' } : null),
    createContext: (session, kind) => ({ session, kind }),
    documents: await openOperationDocuments(schema, { introspection: true, documentsFile: null }),
    guard: PERMISSIVE,
    viewerOf: ({ name }) => name,
    maxSockets: 100,
    log: createLogger('silent'),
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 64 * 1024,
    origins: [],
    trustedProxies: [],
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
