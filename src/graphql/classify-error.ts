import { GraphQLError, Kind } from 'graphql';
import { DomainError } from '../shared/errors.ts';
import { isGivenUp, isLostConnection, isTooSlow } from '../shared/faults.ts';

/** Codes whose message was written for the caller. A GraphQL error with any other code, or none, is masked. */
const PUBLIC_CODES: ReadonlySet<unknown> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'UNAVAILABLE',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
  'QUERY_TOO_COSTLY',
  'ANSWER_TOO_LARGE',
  'RATE_LIMITED',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
]);

/** What an operation has failed with, as far as its caller is concerned. */
export type ErrorClass =
  /** A service's own refusal. */
  | { readonly kind: 'domain'; readonly code: string; readonly error: DomainError }
  /** What GraphQL, or a guard, says about the request itself. */
  | { readonly kind: 'request'; readonly code: string; readonly error: GraphQLError }
  /** A connection was lost; a transaction was given up for another one's sake; a statement took too long; a text cannot be stored; a fault of ours. */
  | { readonly kind: 'away' | 'given-up' | 'too-slow'; readonly code: 'UNAVAILABLE' }
  | { readonly kind: 'unstorable'; readonly code: 'BAD_USER_INPUT' }
  | { readonly kind: 'fault'; readonly code: 'INTERNAL_SERVER_ERROR' };

/** Tells what an error is, by itself and by everything that it was made from. */
export function classify(error: unknown): ErrorClass {
  const causes = causesOf(error);
  const domain = causes.find((cause) => cause instanceof DomainError);
  if (domain) return { kind: 'domain', code: domain.code, error: domain };
  const code = publicCode(error);
  if (error instanceof GraphQLError && code !== null) return { kind: 'request', code, error };
  if (causes.some(isLostConnection)) return { kind: 'away', code: 'UNAVAILABLE' };
  if (causes.some(isGivenUp)) return { kind: 'given-up', code: 'UNAVAILABLE' };
  if (causes.some(isTooSlow)) return { kind: 'too-slow', code: 'UNAVAILABLE' };
  if (causes.some(isUnstorableText)) return { kind: 'unstorable', code: 'BAD_USER_INPUT' };
  return { kind: 'fault', code: 'INTERNAL_SERVER_ERROR' };
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

/**
 * PostgreSQL's SQLSTATE for U+0000 in a text and in a jsonb. It holds no such character itself, so it came with the request:
 * every argument that is only compared, such as a filter's, is caught here rather than checked one by one.
 */
const UNSTORABLE: ReadonlySet<unknown> = new Set(['22021', '22P05']);

function isUnstorableText(error: unknown): boolean {
  return error instanceof Error && 'code' in error && UNSTORABLE.has(error.code);
}
