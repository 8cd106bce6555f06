import { UniqueConstraintViolationException } from '@mikro-orm/core';

/** Did a write fail because somebody else has taken what `constraint` keeps unique? */
export function isTaken(error: unknown, constraint: string): boolean {
  return (
    error instanceof UniqueConstraintViolationException &&
    'constraint' in error &&
    error.constraint === constraint
  );
}
