import type { Problems } from './problems.ts';

/** The largest value of a GraphQL `Int` and of PostgreSQL's `integer`. */
export const MAX_INT = 2 ** 31 - 1;

/** A decimal number as a text, at most 30 digits on each side of the dot: what the API's `Decimal` takes. */
export const DECIMAL = /^-?\d{1,30}(\.\d{1,30})?$/;

/** Checks a whole number that has limits; both limits are allowed values. */
export function checkWhole(
  problems: Problems,
  path: readonly string[],
  value: number | null,
  min: number,
  max: number,
): void {
  if (value === null || (Number.isInteger(value) && value >= min && value <= max)) return;
  problems.add('OUT_OF_RANGE', path, `must be a whole number from ${min} to ${max}`, { min, max });
}
