import { randomUUID } from 'node:crypto';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { ErrorDetails } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { classify } from './classify-error.ts';
import { withoutValues } from './without-values.rules.ts';

/** Facts about the request that failed, for the log line of an error that is masked. */
export type ErrorFacts = Readonly<Record<string, string | undefined>>;

/**
 * Turns whatever an operation failed with into what its caller may read; the same one serves HTTP and the WebSocket.
 *
 * A domain error keeps its message, code and details; so does what GraphQL itself says about the document or the variables, but
 * for the values that it quotes.
 * A lost connection becomes UNAVAILABLE, as does a transaction that PostgreSQL gave up for another one's sake, and a statement
 * that took it too long; a text that it cannot hold becomes BAD_USER_INPUT. Everything else is logged with its cause under a
 * fresh `errorId`, and only that id goes out.
 */
export type ErrorFormatter = (error: unknown, facts?: ErrorFacts) => GraphQLFormattedError;

const UNAVAILABLE_MESSAGE = 'A part of the server is away for the moment; try again in a few seconds.';

const GIVEN_UP_MESSAGE = 'Others are changing the same things; try again in a few seconds.';

const TOO_SLOW_MESSAGE =
  'This took too long and was given up; ask for less: by a filter, in smaller pages, or without totalCount.';

const UNSTORABLE_MESSAGE = 'A text in the request holds the character U+0000, which cannot be stored.';

// GraphQL quotes names whole, and a document may have one of 200,000 characters.
const MAX_MESSAGE_LENGTH = 2000;

/** @param settings `hidesSchema`: what GraphQL says of a document suggests no names of the schema */
export function createErrorFormatter(
  log: Logger,
  settings: { readonly hidesSchema: boolean } = { hidesSchema: false },
): ErrorFormatter {
  return (error, facts = {}) => {
    const where = error instanceof GraphQLError ? position(error) : {};
    const answer = (message: string, code: string, details: ErrorDetails = {}): GraphQLFormattedError => ({
      message,
      ...where,
      extensions: extensions(code, details),
    });
    const found = classify(error);
    switch (found.kind) {
      case 'domain':
        if (found.code === 'UNAVAILABLE') log.warn({ ...facts, err: error }, 'a part of the server is away');
        return answer(found.error.message, found.code, found.error.details);
      case 'request': {
        const shown = withoutValues(found.error);
        const message = settings.hidesSchema ? withoutSuggestion(shown) : shown;
        return answer(shorten(message), found.code, detailsOf(found.error));
      }
      case 'away':
        log.warn({ ...facts, err: innermost(error) }, 'a connection was lost');
        return answer(UNAVAILABLE_MESSAGE, found.code, { retryable: true });
      case 'given-up':
        log.warn({ ...facts, err: innermost(error) }, 'a transaction was given up');
        return answer(GIVEN_UP_MESSAGE, found.code, { retryable: true });
      case 'too-slow':
        log.warn({ ...facts, err: innermost(error) }, 'a statement took too long');
        return answer(TOO_SLOW_MESSAGE, found.code, { retryable: false });
      case 'unstorable':
        return answer(UNSTORABLE_MESSAGE, found.code);
      case 'fault': {
        const errorId = randomUUID();
        const line = { ...facts, errorId, path: where.path, err: innermost(error) };
        log.error(line, 'an operation failed unexpectedly');
        const message = `Something went wrong on our side; quote this id when you report it: ${errorId}`;
        return { message, ...where, extensions: { code: found.code, errorId } };
      }
    }
  };
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

function shorten(message: string): string {
  return message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;
}

function innermost(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? innermost(error.originalError) : error;
}
