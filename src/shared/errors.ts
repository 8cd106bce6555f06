/** The codes that a failed operation may carry in `extensions.code`, as far as services decide them. */
export type DomainErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE';

/** Facts for a program, sent to the caller as they are: never a secret, a host of ours or a piece of SQL. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * What a service throws when it cannot answer and the caller has to know why.
 *
 * Message and details reach the caller unchanged; the cause is only logged. What the caller can mend in a mutation's
 * input is not thrown: it is a `userError` of the payload.
 */
export class DomainError extends Error {
  override readonly name: string = 'DomainError';
  constructor(
    readonly code: DomainErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Nobody is signed in, or the token is not (or no longer) good. */
export class UnauthenticatedError extends DomainError {
  override readonly name = 'UnauthenticatedError';
  constructor(message = 'Sign in first: send a valid access token.') {
    super('UNAUTHENTICATED', message);
  }
}

/** The viewer may see the object but not do this with it. What the viewer may not even see is a {@link NotFoundError}. */
export class ForbiddenError extends DomainError {
  override readonly name = 'ForbiddenError';
  constructor(message = 'You may not do this.', details: ErrorDetails = {}) {
    super('FORBIDDEN', message, details);
  }
}

/** The object does not exist, or the viewer may not see it: both answer alike. */
export class NotFoundError extends DomainError {
  override readonly name = 'NotFoundError';
  constructor(message = 'There is no such object.', details: ErrorDetails = {}) {
    super('NOT_FOUND', message, details);
  }
}

/** An argument that cannot be used, where there is no payload to carry a `userError`: a query's or a subscription's. */
export class BadInputError extends DomainError {
  override readonly name = 'BadInputError';
  /** @param path the names from the field's arguments down to the bad value, e.g. `['filter', 'labels', '0']` */
  constructor(message: string, path: readonly string[] = [], details: ErrorDetails = {}) {
    super('BAD_USER_INPUT', message, { ...details, path });
  }
}

/** The database, the engine or the registry is away for the moment: the same request may succeed in a while. */
export class UnavailableError extends DomainError {
  override readonly name = 'UnavailableError';
  constructor(
    message = 'A part of the server is away for the moment; try again in a few seconds.',
    options?: ErrorOptions,
  ) {
    super('UNAVAILABLE', message, { retryable: true }, options);
  }
}

/** Somebody asks too often. */
export class RateLimitedError extends DomainError {
  override readonly name = 'RateLimitedError';
  /** @param retryAfter in how many seconds it may be tried again, 1 or more */
  constructor(message: string, retryAfter: number) {
    super('RATE_LIMITED', `${message} Try again in ${retryAfter} s.`, { retryAfter });
  }
}

/**
 * What somebody follows has ended because they may not have it any longer: their credential or a right of theirs has ended. The
 * edge closes a socket upon it, where every other error ends one operation alone.
 */
export class AccessEndedError extends DomainError {
  override readonly name = 'AccessEndedError';
  /** @param reason what they would be told if they asked for it now */
  constructor(reason: DomainError) {
    super(reason.code, reason.message, reason.details, { cause: reason });
  }
}
