import { type IncomingMessage, type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GraphQLFormattedError } from 'graphql';
import { HttpError, urlOf } from './exchange.ts';

/** How a request is turned down. The body has GraphQL's form everywhere, so that clients read one kind of error. */
export interface Refusal {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: { readonly errors: readonly GraphQLFormattedError[] };
}

const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  UNAVAILABLE: 503,
};

/** @param format is asked for every error but an {@link HttpError}, which says of itself what the caller may know */
export function refusalOf(error: unknown, format: (error: unknown) => GraphQLFormattedError): Refusal {
  if (error instanceof HttpError) {
    const { status, headers, message, code } = error;
    return { status, headers, body: { errors: [{ message, extensions: { code } }] } };
  }
  const formatted = format(error);
  const status = STATUS_OF_CODE[String(formatted.extensions?.['code'])] ?? 500;
  const headers: Readonly<Record<number, OutgoingHttpHeaders>> = {
    401: { 'www-authenticate': 'Bearer realm="slipway"' },
    503: { 'retry-after': '2' },
  };
  return { status, headers: headers[status] ?? {}, body: { errors: [formatted] } };
}

/** Why a socket may not be opened, if it may not. */
export function upgradeProblem(req: IncomingMessage, path: string, draining: boolean): HttpError | null {
  if (urlOf(req)?.pathname !== path) {
    return new HttpError(404, 'NOT_FOUND', 'There is nothing at this address.');
  }
  if (draining)
    return new HttpError(503, 'UNAVAILABLE', 'The server is stopping; connect again.', {
      'retry-after': '2',
    });
  const { origin, host } = req.headers;
  // Browsers let any page open a socket to any server and say only here which page it was; other clients send no Origin.
  if (origin !== undefined && URL.parse(origin)?.host !== host) {
    return new HttpError(403, 'FORBIDDEN', 'A page of another origin may not connect.');
  }
  return null;
}

/** Answers an upgrade request with an error; there is no ServerResponse for those. */
export function refuseUpgrade(socket: Duplex, problem: HttpError): void {
  const { body } = refusalOf(problem, () => ({ message: problem.message }));
  const text = `${JSON.stringify(body)}\n`;
  const headers = {
    connection: 'close',
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    ...problem.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${text}`);
}
