import { z } from 'zod';
import { DECIMAL, MAX_INT } from '../../shared/number.rules.ts';
import type { UserErrorCode } from '../../shared/problems.ts';

// What the values of `image_list.json` must be, as schemas that turn them into what the catalogue has. Documents come from
// several systems, so numbers may be written as texts, and texts as numbers.

/** What stands with a schema's issue: the code of the problem that it is; without one, INVALID. */
export interface IssueParams {
  readonly code: UserErrorCode;
}

/** A number beyond 2^53 has lost digits already, so it is not the text that was meant. */
const asText = (value: unknown) =>
  typeof value === 'number' && (Number.isSafeInteger(value) || !Number.isInteger(value))
    ? String(value)
    : value;

/** A text; a number's digits. */
export const text = z.preprocess(asText, z.string({ error: 'must be a text' }));

/** A text for which a number is no other spelling: `1.0` would come out as `1`. */
export const quotedText = z.string({ error: 'must be a text in quotes: a number does not tell 1.0 from 1' });

const NUMBER = /^\s*[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?\s*$/i;

/** A whole number, also one that is written as a text. */
function whole(min: number, max: number) {
  return z.unknown().transform((value, context) => {
    const number = typeof value === 'string' && NUMBER.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && min <= number && number <= max) {
      // JSON knows a -0, and nobody means another number by it.
      return number + 0;
    }
    const message = `must be a whole number from ${min} to ${max}`;
    const params: IssueParams = { code: typeof number === 'number' ? 'OUT_OF_RANGE' : 'INVALID' };
    context.addIssue({ code: 'custom', message, params: { ...params }, input: value });
    return z.NEVER;
  });
}

/** What the API's `Int` holds. */
export const integer = whole(-MAX_INT - 1, MAX_INT);
export const byteCount = whole(0, Number.MAX_SAFE_INTEGER);

/** A decimal number, as the API's `Decimal` takes it. */
export const decimal = z.preprocess(
  asText,
  z
    .string({ error: 'must be a decimal number' })
    .regex(DECIMAL, { error: 'must be a decimal number, e.g. "12.50"' }),
);

/** One of an enum's words, in any case. */
export function oneOf<T extends Readonly<Record<string, string>>>(words: T) {
  const error = `must be one of ${Object.keys(words).join(', ')}`;
  return z.preprocess(
    (value) => (typeof value === 'string' ? value.toUpperCase() : value),
    z.enum(words, { error }),
  );
}

export function listOf<T extends z.ZodType>(entry: T) {
  return z.array(entry, { error: 'must be a list' });
}

/** An object of ours, whose keys are all known. */
export function objectOf<T extends z.ZodRawShape>(parts: T) {
  const known = Object.keys(parts).join(', ');
  return z.strictObject(parts, { error: `must be an object with no other keys than ${known}` });
}

/** S1 has one text where the catalogue has a list: a text is the only entry, and is not taken apart. */
export const textOrTexts = z.preprocess(
  (value) => (Array.isArray(value) ? value : [value]),
  z.array(z.preprocess(asText, z.string({ error: 'must be a text or a list of texts' }))),
);

/** Texts with commas between them, or a list of them. */
export const commaTexts = z.preprocess(
  (value) => {
    const texts = asText(value);
    return typeof texts === 'string' ? texts.split(',').map((entry) => entry.trim()) : texts;
  },
  z.array(text, { error: 'must be a text with commas between its entries' }),
);

/** A UUID, with dashes or, as S1 writes it, without; comes out with dashes, in lower case. */
export const imageId = z
  .string({ error: 'must be a text of 32 hex digits' })
  .regex(/^(?:[\da-f]{32}|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/i, { error: 'must have 32 hex digits' })
  .transform((id) =>
    id
      .replaceAll('-', '')
      .toLowerCase()
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
  );
