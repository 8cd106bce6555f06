import { randomUUID } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { excerpt } from '../shared/excerpt.ts';
import type { Logger } from '../shared/logger.ts';
import type { RequestFacts } from '../shared/request-facts.ts';

/** One request and its response, as route handlers see them. A handler may throw: see {@link Route}. */
export interface Exchange<Session> {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly url: URL;
  /** The values of the pattern's named groups, e.g. `id` of `/builds/:id/log`. */
  readonly params: Readonly<Record<string, string | undefined>>;
  /** From the request's `x-request-id` or made here; it is in the response's header and in every log line. */
  readonly requestId: string;
  /** The client's address, as far as it is known: behind a proxy that is not trusted, the proxy's. */
  readonly address: string | null;
  /**
   * Who asks.
   * @throws UnauthenticatedError the request has no token, or one that is not good
   * @throws GraphQLError RATE_LIMITED the viewer has spent what the route costs, or has as much running as may be
   */
  readonly session: () => Promise<Session>;
  /** Aborts when the server is about to stop: what may go on for hours breaks off then. */
  readonly stopping: AbortSignal;
  /** What is given back when its handler has ended and its client has the whole answer, or is gone. */
  readonly held: DisposableStack;
}

/**
 * A plain route beside GraphQL. What its handler throws before it has answered becomes a JSON error: a `DomainError` under
 * the status of its code, an {@link HttpError} under its own, anything else masked under 500.
 */
export interface Route<Session> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS';
  /** A path as `URLPattern` has it, e.g. `/builds/:id/log`; HEAD is answered where GET is. */
  readonly pattern: string;
  /**
   * What a request costs its viewer, in the units of operations; it takes the place of a running one, too. Absent: nothing, or what
   * the handler itself counts.
   */
  readonly cost?: number;
  readonly handler: (exchange: Exchange<Session>) => Promise<void> | void;
}

/** A request that HTTP itself refuses: the wrong method, type or size. Message and code reach the caller. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: OutgoingHttpHeaders = {},
  ) {
    super(message);
  }
}

/** The caller's request id where it is one that can stand in a log line, else a fresh one. */
export function requestIdOf(req: IncomingMessage): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:/-]{1,128}$/.test(given) ? given : randomUUID();
}

/** Where nearly all requests go. */
export const GRAPHQL_PATH = '/graphql';
const GRAPHQL_URL = new URL(GRAPHQL_PATH, 'http://server');

/** Where the request goes, on a host that means nothing; `null` where the address is malformed. Others may have the same one: nobody changes it. */
export function urlOf(req: IncomingMessage): URL | null {
  const target = req.url ?? '/';
  if (target === GRAPHQL_PATH) return GRAPHQL_URL;
  // Joined, not resolved: `//x` is a path here, not the host x.
  return target.startsWith('/') ? URL.parse(`http://server${target}`) : URL.parse(target);
}

export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = `${JSON.stringify(body)}\n`;
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  });
  res.end(text);
}

// The paths that there are have fewer characters; one of 16 KiB would fill the log.
const MAX_PATH = 200;

/** Logs one line when the response is done: errors of ours as such, the rest as information. */
export function logWhenDone(
  log: Logger,
  req: IncomingMessage,
  res: ServerResponse,
  facts: RequestFacts & { readonly path: string },
): void {
  const start = performance.now();
  res.once('close', () => {
    const hasFailed = res.writableFinished && res.statusCode >= 500;
    if (!hasFailed && !log.isLevelEnabled('info')) return;
    const durationMs = Math.round(performance.now() - start);
    const line = {
      ...facts,
      path: excerpt(facts.path, MAX_PATH),
      method: req.method,
      status: res.statusCode,
      durationMs,
    };
    if (hasFailed) log.warn(line, 'request failed');
    else log.info(line, res.writableFinished ? 'request answered' : 'request given up by the client');
  });
}
