import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createErrorFormatter } from '../graphql/format-error.ts';
import { UnauthenticatedError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { createGraphqlOverHttp } from './apollo.ts';
import { tokenOfHeader } from './bearer.ts';
import { discardBody } from './body.ts';
import { createAddressOf, createIsTrusted } from './client-address.ts';
import { headProblem, LIMITS, limitConnections } from './connection-limits.ts';
import { withCors } from './cors.ts';
import type { EdgeParts } from './edge-parts.ts';
import {
  GRAPHQL_PATH,
  HttpError,
  logWhenDone,
  type Route,
  requestIdOf,
  sendJson,
  urlOf,
} from './exchange.ts';
import { graphiqlRoutes } from './graphiql.ts';
import { healthRoutes, type Readiness } from './health.ts';
import { answerWhatIsNoRequest } from './not-a-request.ts';
import { createOriginCheck } from './origins.ts';
import { refusalOf, refuseOnSocket, upgradeProblem } from './refusal.ts';
import { createRouter } from './router.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { breakOffStalled } from './send-stream.ts';
import { createSignIn } from './sign-in.ts';
import { createGraphqlOverWebSocket } from './websocket.ts';

/** What the HTTP edge is made of. It knows nothing of sessions and contexts but that they are handed on. */
export interface HttpServerParts<Session, Context extends object> extends EdgeParts<Session, Context> {
  /** Whose token it is; `null` where nobody's. It is asked for each request and each operation of a socket, with the token's hash where that is known. */
  readonly authenticate: (token: string | null, hash?: string) => Promise<Session | null>;
  /** What tells one viewer from another, and how many sockets each may have open at once. */
  readonly viewerOf: (session: Session) => string;
  readonly maxSockets: number;
  readonly log: Logger;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly maxBodyBytes: number;
  /** Pages of these origins, besides our own, may use GraphQL and the further routes. */
  readonly origins: readonly string[];
  /** Addresses and CIDR blocks of the proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** The folder of the built GraphiQL page, which answers 503 where there is none; `null`: there is to be no page. */
  readonly graphiqlDir: string | null;
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

const DRAIN_TIMEOUT_MS = 10_000;

/** Listens and serves GraphQL over HTTP and WebSocket, the GraphiQL page, health and further routes. */
export async function startHttpServer<Session, Context extends object>(
  parts: HttpServerParts<Session, Context>,
): Promise<HttpServer> {
  const { log } = parts;
  const formatError = createErrorFormatter(log, parts.documents);
  const isAllowedOrigin = createOriginCheck(parts.origins);
  const addressOf = createAddressOf(parts.trustedProxies);
  const signIn = createSignIn(parts.authenticate);
  const overHttp = await createGraphqlOverHttp({ ...parts, formatError });
  const overWebSocket = createGraphqlOverWebSocket({
    ...parts,
    authenticate: signIn,
    renew: parts.authenticate,
    formatError,
  });
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();

  const handleGraphql: Route<Session>['handler'] = (exchange) => overHttp.handle(exchange);
  const api: Route<Session>[] = [
    { method: 'POST', pattern: GRAPHQL_PATH, handler: handleGraphql },
    { method: 'GET', pattern: GRAPHQL_PATH, handler: handleGraphql },
    ...(parts.routes ?? []),
  ];
  const route = createRouter<Session>([
    ...withCors(api, isAllowedOrigin),
    ...healthRoutes(parts.readiness, () => stopping.signal.aborted),
    ...(parts.graphiqlDir === null ? [] : await graphiqlRoutes(parts.graphiqlDir)),
  ]);

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const requestId = requestIdOf(req);
    const address = addressOf(req);
    const url = urlOf(req);
    const token = tokenOfHeader(req.headers.authorization);
    logWhenDone(log, req, res, { requestId, address, path: url?.pathname ?? '?' });
    res.setHeader('x-request-id', requestId);
    for (const [name, value] of SECURITY_HEADERS) res.setHeader(name, value);
    if (stopping.signal.aborted) res.setHeader('connection', 'close');
    const held = new DisposableStack();
    try {
      const problem = headProblem(req);
      if (problem !== null) throw problem;
      if (!url) throw new HttpError(400, 'BAD_REQUEST', 'The address is not valid.');
      const { handler, params, cost } = route(req.method ?? 'GET', url);
      const session = async () => {
        const viewer = await signIn(token, address);
        if (viewer === null) throw unauthenticated(token);
        if (cost > 0) {
          parts.guard.charge(viewer, cost);
          held.use(parts.guard.hold(viewer));
        }
        return viewer;
      };
      const facts = { req, res, url, params, requestId, address };
      await handler({ ...facts, session, stopping: stopping.signal, held });
    } catch (error) {
      const format = (other: unknown) => formatError(other, { requestId });
      const { status, body, headers } = refusalOf(error, format, token !== null);
      if (res.headersSent) return void res.destroy();
      await discardBody(req);
      sendJson(res, status, body, headers);
    } finally {
      // Nearly all answers are with the system by now, which needs no watch over their clients.
      if (!res.writableFinished && !res.destroyed) breakOffStalled(res);
      // Until then it may lie in our memory.
      if (res.closed) held.dispose();
      else res.once('close', () => held.dispose());
    }
  }

  function onRequest(req: IncomingMessage, res: ServerResponse): void {
    const ended = () => void underWay.delete(answered);
    const answered = answer(req, res).then(ended, (error: unknown) => {
      ended();
      log.error({ err: error }, 'a response could not be sent');
      res.destroy();
    });
    underWay.add(answered);
  }

  const server = createServer(LIMITS, onRequest);
  server.on('checkExpectation', onRequest);
  limitConnections(server, createIsTrusted(parts.trustedProxies), log);
  answerWhatIsNoRequest(server);
  server.on('upgrade', (req, socket, head) => {
    socket.on('error', (error) => log.debug({ err: error }, 'a connection broke'));
    const problem = upgradeProblem(req, GRAPHQL_PATH, isAllowedOrigin, stopping.signal.aborted);
    if (problem) refuseOnSocket(socket, problem);
    else
      overWebSocket.handleUpgrade(req, socket, head, {
        requestId: requestIdOf(req),
        address: addressOf(req),
      });
  });
  await listen(server, parts.host, parts.port);
  const { port } = server.address() as AddressInfo;

  async function drain(): Promise<void> {
    stopping.abort();
    const timeUp = AbortSignal.timeout(DRAIN_TIMEOUT_MS);
    const given = new Promise<void>((resolve) =>
      timeUp.addEventListener('abort', () => resolve(), { once: true }),
    );
    const answered = async () => {
      // Others begin meanwhile: connections that are open bring requests until they are told that there is no more to come.
      while (underWay.size > 0 && !timeUp.aborted) await Promise.all(underWay);
    };
    await Promise.race([Promise.all([overWebSocket.drain(), answered()]), given]);
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

function unauthenticated(token: string | null): UnauthenticatedError {
  return token === null
    ? new UnauthenticatedError()
    : new UnauthenticatedError('The token is not valid: it is unknown, or it has expired or was revoked.');
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
