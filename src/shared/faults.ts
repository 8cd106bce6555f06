const NETWORK_CODES: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** PostgreSQL's SQLSTATE: class 08 (connection), operator intervention (shutdown, start-up) and "too many connections". */
const SQL_AWAY = /^(08...|57P0[1-5]|53300)$/;

/** What the driver says, without a code, when PostgreSQL is stopped in the middle of a query, no longer says anything, or cannot be reached. */
const DRIVER_AWAY =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed and is not queryable|Cannot use a pool after calling end)/;

/** Could the database, or another part, not be reached? */
export function isLostConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  if (NETWORK_CODES.has(code) || (typeof code === 'string' && SQL_AWAY.test(code))) return true;
  // The socket file of a database or an engine that is not running; any other missing file is a fault of ours.
  if (code === 'ENOENT') return 'syscall' in error && error.syscall === 'connect';
  return DRIVER_AWAY.test(error.message);
}

/** PostgreSQL gave up a transaction for the sake of another one: deadlock, serialisation failure, a lock that did not come in time. */
const SQL_TRY_AGAIN: ReadonlySet<unknown> = new Set(['40P01', '40001', '55P03']);

/** What it says of a statement that its `statement_timeout` has ended. */
const SQL_CANCELED = '57014';

/** Was this transaction given up for the sake of another one? */
export function isGivenUp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && SQL_TRY_AGAIN.has(error.code);
}

/** Did PostgreSQL give up a statement that took longer than it may? */
export function isTooSlow(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === SQL_CANCELED;
}

/** Would the same statement or transaction probably succeed in a moment? Looks at the causes too. */
export function isPassingDatabaseFault(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 10; cause = cause.cause, depth += 1) {
    if (isLostConnection(cause) || isGivenUp(cause)) return true;
  }
  return false;
}
