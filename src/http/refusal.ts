import { type IncomingMessage, type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GraphQLFormattedError } from 'graphql';
import { headProblem } from './connection-limits.ts';
import { foreignOrigin } from './cors.ts';
import { HttpError, urlOf } from './exchange.ts';
import type { IsAllowedOrigin } from './origins.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

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
  QUERY_TOO_COSTLY: 400,
  GRAPHQL_PARSE_FAILED: 400,
  PERSISTED_QUERY_NOT_FOUND: 400,
  PERSISTED_QUERY_NOT_SUPPORTED: 400,
  RATE_LIMITED: 429,
  UNAVAILABLE: 503,
};

/**
 * @param format is asked for every error but an {@link HttpError}, which says of itself what the caller may know
 * @param hasToken did the request have a token? One that has learns that it is not good.
 */
export function refusalOf(
  error: unknown,
  format: (error: unknown) => GraphQLFormattedError,
  hasToken = false,
): Refusal {
  if (error instanceof HttpError) {
    const { status, headers, message, code } = error;
    return { status, headers, body: { errors: [{ message, extensions: { code } }] } };
  }
  const formatted = format(error);
  const status = STATUS_OF_CODE[String(formatted.extensions?.['code'])] ?? 500;
  return { status, headers: headersOf(status, formatted, hasToken), body: { errors: [formatted] } };
}

// RFC 6750, section 3: a request without a token gets no error code.
const CHALLENGE = 'Bearer realm="slipway"';
const INVALID_TOKEN = `${CHALLENGE}, error="invalid_token", error_description="The token is unknown, expired or revoked"`;

/** What the status asks a client to do, as HTTP says it. */
function headersOf(
  status: number,
  { extensions }: GraphQLFormattedError,
  hasToken: boolean,
): OutgoingHttpHeaders {
  const details = (extensions?.['details'] ?? {}) as { retryAfter?: number; requiredScope?: string };
  const { retryAfter = 1, requiredScope } = details;
  switch (status) {
    case 401:
      return { 'www-authenticate': hasToken ? INVALID_TOKEN : CHALLENGE };
    case 403:
      return requiredScope === undefined
        ? {}
        : { 'www-authenticate': `${CHALLENGE}, error="insufficient_scope", scope="${requiredScope}"` };
    case 429:
      return { 'retry-after': String(retryAfter) };
    case 503:
      return { 'retry-after': '2' };
    default:
      return {};
  }
}

/** Why a socket may not be opened, if it may not. */
export function upgradeProblem(
  req: IncomingMessage,
  path: string,
  isAllowedOrigin: IsAllowedOrigin,
  draining: boolean,
): HttpError | null {
  if (urlOf(req)?.pathname !== path) {
    return new HttpError(404, 'NOT_FOUND', 'There is nothing at this address.');
  }
  if (draining)
    return new HttpError(503, 'UNAVAILABLE', 'The server is stopping; connect again.', {
      'retry-after': '2',
    });
  // Browsers let any page open a socket to any server and say only here which page it was; other clients send no Origin.
  return isAllowedOrigin(req.headers) ? headProblem(req) : foreignOrigin();
}

// A client that never closes its end must not keep the connection.
const LINGER_MS = 1000;

/** Answers with an error where there is no ServerResponse: to an upgrade, and to what is no HTTP. The connection ends. */
export function refuseOnSocket(socket: Duplex, problem: HttpError): void {
  const { body } = refusalOf(problem, () => ({ message: problem.message }));
  const text = `${JSON.stringify(body)}\n`;
  const headers = {
    ...Object.fromEntries(SECURITY_HEADERS),
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...problem.headers,
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${text}`);
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
