import { type ExecutionResult, GraphQLError } from 'graphql';

/**
 * What an answer may weigh. Written out, a character takes six at the most, and V8's longest text has 536 million of them. The largest
 * that anybody needs, an export of 32 MiB or a page of 100 images with all their content (25 MiB), fits twice.
 */
export const MAX_WEIGHT = 64 * 1024 * 1024;

// A value is some work besides its characters.
const VALUE = 50;
const ERROR = 500;

/**
 * What an answer weighs: its characters, and 50 for each value. Texts that are selected many times are one text in memory until
 * they are written out: so an answer is weighed before.
 *
 * @returns more than `MAX_WEIGHT` where it is too heavy; how much more, nobody has counted
 */
export function weightOf({ data, errors = [] }: Pick<ExecutionResult, 'data' | 'errors'>): number {
  return MAX_WEIGHT - left(data, MAX_WEIGHT - errors.length * ERROR);
}

function left(value: unknown, before: number): number {
  let after = before - VALUE;
  if (typeof value === 'string') return after - value.length;
  if (typeof value !== 'object' || value === null) return after;
  if (Array.isArray(value)) {
    for (let n = 0; n < value.length && after >= 0; n += 1) after = left(value[n], after);
    return after;
  }
  for (const key in value) {
    if (after < 0) break;
    after = left((value as Record<string, unknown>)[key], after - key.length);
  }
  return after;
}

/** @param isMutation whether it has changed something all the same */
export function answerTooLarge(isMutation: boolean): GraphQLError {
  const message = `The answer would have more than ${MAX_WEIGHT} characters: ask for fewer rows, or for fewer long texts at once.`;
  const done = isMutation ? ' What the operation was to change is changed.' : '';
  return new GraphQLError(message + done, {
    extensions: { code: 'ANSWER_TOO_LARGE', details: { limit: MAX_WEIGHT } },
  });
}
