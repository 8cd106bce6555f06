import { UniqueConstraintViolationException } from '@mikro-orm/core';

/** PostgreSQL's `unique_violation`. */
const UNIQUE_VIOLATION = '23505';

/** Did a write, the entity manager's or the query builder's, fail because somebody else has taken what `constraint` keeps unique? */
export function isTaken(error: unknown, constraint: string): boolean {
  if (!(error instanceof Error)) return false;
  const isUnique =
    error instanceof UniqueConstraintViolationException ||
    ('code' in error && error.code === UNIQUE_VIOLATION);
  return isUnique && 'constraint' in error && error.constraint === constraint;
}
