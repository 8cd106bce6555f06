import { GraphQLError } from 'graphql';

// The deepest input there is, a filter in filters, takes a dozen levels; the stack is used up after some thousand.
const MAX_DEPTH = 50;

/**
 * Looks at an operation's variables before anything else reads them.
 *
 * @throws GraphQLError BAD_USER_INPUT: their values nest too deep
 */
export function assertShallow(variables: unknown): void {
  if (!isDeeper(variables, MAX_DEPTH)) return;
  throw new GraphQLError(`Variables may nest at most ${MAX_DEPTH} levels of values.`, {
    extensions: { code: 'BAD_USER_INPUT', details: { limit: MAX_DEPTH } },
  });
}

/** Does a value have others in it more than `levels` down? */
function isDeeper(value: unknown, levels: number): boolean {
  if (levels < 0) return true;
  if (typeof value !== 'object' || value === null) return false;
  const inner: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return inner.some((one) => isDeeper(one, levels - 1));
}
