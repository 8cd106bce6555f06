import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { GraphQLSchema } from 'graphql';
import { createErrorFormatter } from '../graphql/format-error.ts';
import { UnauthenticatedError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { RequestFacts } from '../shared/request-facts.ts';
import { createGraphqlOverHttp } from './apollo.ts';
import { tokenOfHeader } from './bearer.ts';
import { discardBody } from './body.ts';
import { HttpError, logWhenDone, type Route, requestIdOf, sendJson, urlOf } from './exchange.ts';
import { graphiqlRoutes } from './graphiql.ts';
import { healthRoutes, type Readiness } from './health.ts';
import { refusalOf, refuseUpgrade, upgradeProblem } from './refusal.ts';
import { createRouter } from './router.ts';
import { createGraphqlOverWebSocket } from './websocket.ts';

/** What the HTTP edge is made of. It knows nothing of sessions and contexts but that they are handed on. */
export interface HttpServerParts<Session, Context extends object> {
  readonly schema: GraphQLSchema;
  /** Whose token it is; `null` where nobody's. It is asked for each request and each operation of a socket. */
  readonly authenticate: (token: string | null) => Promise<Session | null>;
  /** Everything one operation works with; `subscription` ones live long, so theirs must not cache. */
  readonly createContext: (
    session: Session,
    kind: 'request' | 'subscription',
    request: RequestFacts,
  ) => Context | Promise<Context>;
  readonly log: Logger;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly maxBodyBytes: number;
  /** The folder of the built GraphiQL page; without it the page answers 503. */
  readonly graphiqlDir: string;
  readonly readiness: () => Promise<Readiness>;
  /** Plain routes beside GraphQL, e.g. downloads. */
  readonly routes?: readonly Route<Session>[];
}

export interface HttpServer extends AsyncDisposable {
  /** Without a slash at the end, e.g. `http://127.0.0.1:4000`. */
  readonly url: string;
  readonly port: number;
  /**
   * Makes clients go elsewhere: `/readyz` answers 503, sockets are closed with 1012 and no new ones opened; resolves when the
   * requests under way have been answered (10 s at most). The server still answers until it is disposed of.
   */
  drain(): Promise<void>;
}

const GRAPHQL_PATH = '/graphql';
const DRAIN_TIMEOUT_MS = 10_000;
// A body of the largest size within it asks for 85 KB/s.
const REQUEST_TIMEOUT_MS = 120_000;

/** Listens and serves GraphQL over HTTP and WebSocket, the GraphiQL page, health and further routes. */
export async function startHttpServer<Session, Context extends object>(
  parts: HttpServerParts<Session, Context>,
): Promise<HttpServer> {
  const { log } = parts;
  const formatError = createErrorFormatter(log);
  const overHttp = await createGraphqlOverHttp({ ...parts, formatError });
  const overWebSocket = createGraphqlOverWebSocket({ ...parts, formatError });
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();

  const handleGraphql: Route<Session>['handler'] = (exchange) => overHttp.handle(exchange);
  const route = createRouter<Session>([
    { method: 'POST', pattern: GRAPHQL_PATH, handler: handleGraphql },
    { method: 'GET', pattern: GRAPHQL_PATH, handler: handleGraphql },
    ...healthRoutes(parts.readiness, () => stopping.signal.aborted),
    ...(await graphiqlRoutes(parts.graphiqlDir)),
    ...(parts.routes ?? []),
  ]);

  async function authenticated(req: IncomingMessage): Promise<Session> {
    const session = await parts.authenticate(tokenOfHeader(req.headers.authorization));
    if (session === null) throw new UnauthenticatedError();
    return session;
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const requestId = requestIdOf(req);
    const url = urlOf(req);
    logWhenDone(log, req, res, requestId, url?.pathname ?? '?');
    res.setHeader('x-request-id', requestId);
    res.setHeader('x-content-type-options', 'nosniff');
    res.setHeader('referrer-policy', 'no-referrer');
    if (stopping.signal.aborted) res.setHeader('connection', 'close');
    try {
      if (!url) throw new HttpError(400, 'BAD_REQUEST', 'The address is not valid.');
      const { handler, params } = route(req.method ?? 'GET', url);
      const session = () => authenticated(req);
      const address = req.socket.remoteAddress ?? null;
      await handler({ req, res, url, params, requestId, address, session, stopping: stopping.signal });
    } catch (error) {
      const { status, body, headers } = refusalOf(error, (other) => formatError(other, { requestId }));
      if (res.headersSent) return void res.destroy();
      await discardBody(req);
      sendJson(res, status, body, headers);
    }
  }

  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (req, res) => {
    const answered = answer(req, res).catch((error: unknown) => {
      log.error({ err: error }, 'a response could not be sent');
      res.destroy();
    });
    underWay.add(answered);
    answered.finally(() => underWay.delete(answered)).catch(() => {});
  });
  server.on('upgrade', (req, socket, head) => {
    socket.on('error', (error) => log.debug({ err: error }, 'a connection broke'));
    const problem = upgradeProblem(req, GRAPHQL_PATH, stopping.signal.aborted);
    if (problem) refuseUpgrade(socket, problem);
    else {
      const request = { requestId: requestIdOf(req), address: req.socket.remoteAddress ?? null };
      overWebSocket.handleUpgrade(req, socket, head, request);
    }
  });
  await listen(server, parts.host, parts.port);
  const { port } = server.address() as AddressInfo;

  async function drain(): Promise<void> {
    stopping.abort();
    const timeUp = AbortSignal.timeout(DRAIN_TIMEOUT_MS);
    const given = new Promise<void>((resolve) =>
      timeUp.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([Promise.all([overWebSocket.drain(), ...underWay]), given]);
  }

  return {
    url: `http://${parts.host.includes(':') ? `[${parts.host}]` : parts.host}:${port}`,
    port,
    drain,
    [Symbol.asyncDispose]: async () => {
      await drain();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await overHttp.stop();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
