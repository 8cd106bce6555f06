import { GraphQLError } from 'graphql';

// The deepest input there is, a filter in filters, takes a dozen levels; the stack is used up after some thousand.
const MAX_DEPTH = 50;

/**
 * Looks at an operation's variables before anything else reads them.
 *
 * @throws GraphQLError BAD_USER_INPUT: their values nest too deep
 */
export function assertShallow(variables: unknown): void {
  let level = [variables];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) {
      throw new GraphQLError(`Variables may nest at most ${MAX_DEPTH} levels of values.`, {
        extensions: { code: 'BAD_USER_INPUT', details: { limit: MAX_DEPTH } },
      });
    }
    level = level
      .filter((value) => typeof value === 'object' && value !== null)
      .flatMap((value) => Object.values(value as object) as unknown[]);
  }
}
