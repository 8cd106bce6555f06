import { randomUUID } from 'node:crypto';
import { GraphQLError, type GraphQLFormattedError, Kind } from 'graphql';
import { DomainError, type ErrorDetails } from '../shared/errors.ts';
import { isGivenUp, isLostConnection } from '../shared/faults.ts';
import type { Logger } from '../shared/logger.ts';

/** Facts about the request that failed, for the log line of an error that is masked. */
export type ErrorFacts = Readonly<Record<string, string | undefined>>;

/**
 * Turns whatever an operation failed with into what its caller may read; the same one serves HTTP and the WebSocket.
 *
 * A domain error keeps its message, code and details; so does what GraphQL itself says about the document or the variables.
 * A lost connection becomes UNAVAILABLE, as does a transaction that PostgreSQL gave up for another one's sake; a text that
 * PostgreSQL cannot hold becomes BAD_USER_INPUT. Everything else is logged with its cause under a fresh `errorId`, and only that
 * id goes out.
 */
export type ErrorFormatter = (error: unknown, facts?: ErrorFacts) => GraphQLFormattedError;

/** Codes whose message was written for the caller. A GraphQL error with any other code, or none, is masked. */
const PUBLIC_CODES: ReadonlySet<unknown> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'UNAVAILABLE',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
  'QUERY_TOO_COSTLY',
  'RATE_LIMITED',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
]);

const UNAVAILABLE_MESSAGE = 'A part of the server is away for the moment; try again in a few seconds.';

const GIVEN_UP_MESSAGE = 'Others are changing the same things; try again in a few seconds.';

const UNSTORABLE_MESSAGE = 'A text in the request holds the character U+0000, which cannot be stored.';

// GraphQL quotes a bad value whole, so that a 10 MB variable would come back as a 10 MB message.
const MAX_MESSAGE_LENGTH = 2000;

/** @param settings `hidesSchema`: what GraphQL says of a document suggests no names of the schema */
export function createErrorFormatter(
  log: Logger,
  settings: { readonly hidesSchema: boolean } = { hidesSchema: false },
): ErrorFormatter {
  return (error, facts = {}) => {
    const where = error instanceof GraphQLError ? position(error) : {};
    const causes = causesOf(error);
    const domain = causes.find((cause) => cause instanceof DomainError);
    if (domain) {
      if (domain.code === 'UNAVAILABLE') log.warn({ ...facts, err: error }, 'a part of the server is away');
      return { message: domain.message, ...where, extensions: extensions(domain.code, domain.details) };
    }
    const code = publicCode(error);
    if (error instanceof GraphQLError && code) {
      const shown = withoutSecret(error.message);
      const message = settings.hidesSchema ? withoutSuggestion(shown) : shown;
      return { message: shorten(message), ...where, extensions: extensions(code, detailsOf(error)) };
    }
    const isAway = causes.some(isLostConnection);
    if (isAway || causes.some(isGivenUp)) {
      const err = innermost(error);
      log.warn({ ...facts, err }, isAway ? 'a connection was lost' : 'a transaction was given up');
      const message = isAway ? UNAVAILABLE_MESSAGE : GIVEN_UP_MESSAGE;
      return { message, ...where, extensions: extensions('UNAVAILABLE', { retryable: true }) };
    }
    if (causes.some(isUnstorableText)) {
      return { message: UNSTORABLE_MESSAGE, ...where, extensions: { code: 'BAD_USER_INPUT' } };
    }
    const errorId = randomUUID();
    log.error(
      { ...facts, errorId, path: where.path, err: innermost(error) },
      'an operation failed unexpectedly',
    );
    return {
      message: `Something went wrong on our side; quote this id when you report it: ${errorId}`,
      ...where,
      extensions: { code: 'INTERNAL_SERVER_ERROR', errorId },
    };
  };
}

/** The code under which an {@link ErrorFormatter} lets an error go out. */
export function codeOf(error: unknown): string {
  const causes = causesOf(error);
  const domain = causes.find((cause) => cause instanceof DomainError);
  if (domain) return domain.code;
  const code = publicCode(error);
  if (code) return code;
  if (causes.some(isLostConnection) || causes.some(isGivenUp)) return 'UNAVAILABLE';
  return causes.some(isUnstorableText) ? 'BAD_USER_INPUT' : 'INTERNAL_SERVER_ERROR';
}

function position(error: GraphQLError): Pick<GraphQLFormattedError, 'locations' | 'path'> {
  return {
    ...(error.locations && { locations: error.locations }),
    ...(error.path && { path: error.path }),
  };
}

function extensions(code: string, details: ErrorDetails): Record<string, unknown> {
  // Where clients that know of rate limits, but not of us, look for it.
  const { retryAfter } = details;
  return {
    code,
    ...(retryAfter !== undefined && { retryAfter }),
    ...(Object.keys(details).length > 0 && { details }),
  };
}

function detailsOf(error: GraphQLError): ErrorDetails {
  const details = error.extensions['details'];
  return details !== null && typeof details === 'object' ? { ...details } : {};
}

/** Without the "Did you mean …?" that graphql-js ends its messages with. */
const withoutSuggestion = (message: string) => message.replace(/ ?Did you mean [^?]*\?$/, '');

const BAD_SECRET =
  /^(Variable "\$\w+" got) invalid value .* at "([^"]*\.(?:secrets|registryAuths)\b[^"]*)"; (.*)$/s;

/** Of a variable's value that is write-only it is said what is wrong, but not with which value. */
function withoutSecret(message: string): string {
  const [, variable, place, why = ''] = BAD_SECRET.exec(message) ?? [];
  if (variable === undefined) return message;
  const reason = /^(?:Field|Expected) /.test(why) ? why : 'it is not of the right type.';
  return `${variable} an invalid value at "${place}"; ${reason}`;
}

function shorten(message: string): string {
  return message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;
}

/** The code under which the error's own message may go out, or `null` where it has to be masked. */
function publicCode(error: unknown): string | null {
  if (!(error instanceof GraphQLError)) return null;
  const code = error.extensions['code'];
  if (typeof code === 'string') return PUBLIC_CODES.has(code) ? code : null;
  return isCoercionError(error) ? 'BAD_USER_INPUT' : null;
}

/**
 * Is it GraphQL's refusal of a variable or an argument? Those are the only errors of an execution without a code that speak of
 * the document: of a variable's definition, or (located later, hence the original) of an argument. A scalar that cannot
 * serialise a result throws a GraphQLError too, but knows no place in the document: that is a fault of ours.
 */
function isCoercionError(error: GraphQLError): boolean {
  if (error.nodes?.length === 1 && error.nodes[0]?.kind === Kind.VARIABLE_DEFINITION) return true;
  // After fifty of those it says this, of no place at all.
  if (error.message.startsWith('Too many errors processing variables')) return true;
  const original = error.originalError;
  return original instanceof GraphQLError && original.nodes !== undefined && original.path === undefined;
}

/** The error and everything it was made from, outermost first: GraphQL's original, the cause, the parts of an aggregate. */
function causesOf(error: unknown): unknown[] {
  const found: unknown[] = [];
  const open: unknown[] = [error];
  // Bounded, because a cause may point back at its error.
  while (open.length > 0 && found.length < 20) {
    const next = open.shift();
    if (next === undefined || next === null || found.includes(next)) continue;
    found.push(next);
    if (next instanceof GraphQLError) open.push(next.originalError);
    if (next instanceof AggregateError) open.push(...next.errors);
    if (next instanceof Error) open.push(next.cause);
  }
  return found;
}

function innermost(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? innermost(error.originalError) : error;
}

/**
 * PostgreSQL's SQLSTATE for U+0000 in a text and in a jsonb. It holds no such character itself, so it came with the request:
 * every argument that is only compared, such as a filter's, is caught here rather than checked one by one.
 */
const UNSTORABLE: ReadonlySet<unknown> = new Set(['22021', '22P05']);

function isUnstorableText(error: unknown): boolean {
  return error instanceof Error && 'code' in error && UNSTORABLE.has(error.code);
}
