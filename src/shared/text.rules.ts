import { excerpt } from './excerpt.ts';
import type { Problems } from './problems.ts';

/** S2's and S4's limit for a description, in code points. */
export const MAX_DESCRIPTION = 512;
/** The catalogue's limit for a display name, in code points. */
export const MAX_DISPLAY_NAME = 256;
/** S3's limits for labels. */
export const MAX_LABELS = 20;
const MAX_LABEL_KEY = 128;
const MAX_LABEL_VALUE = 256;

/** Checks a text that is kept as it is: PostgreSQL takes neither U+0000 nor, in jsonb, half a surrogate pair. */
export function checkStorable(problems: Problems, path: readonly string[], text: string): void {
  if (text.includes('\0')) problems.add('INVALID', path, 'holds the character U+0000');
  if (!text.isWellFormed()) problems.add('INVALID', path, 'holds half a character (a lone surrogate)');
}

/** Unicode's control characters but tab, line feed and carriage return. */
const CONTROL = /[^\P{Cc}\t\n\r]/u;

/** Checks a text that people read: length in code points, whole characters, no control characters but tab and line ends. */
export function checkText(
  problems: Problems,
  path: readonly string[],
  text: string | null | undefined,
  max: number,
): void {
  if (text === null || text === undefined) return;
  const length = text.length <= max ? text.length : countCodePoints(text);
  if (length > max) {
    problems.add('TOO_LONG', path, `may have at most ${max} characters; this has ${length}`, {
      max,
      current: length,
    });
  }
  if (CONTROL.test(text)) {
    problems.add('INVALID', path, 'holds control characters; only tabs and line ends are allowed');
  } else {
    checkStorable(problems, path, text);
  }
}

/** As many as `[...text].length`, without an array of megabytes. */
export function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Checks labels: at most 20, keys given, short and unique. */
export function checkLabels(
  problems: Problems,
  path: readonly string[],
  labels: readonly { readonly key: string; readonly value: string }[] | null | undefined,
): void {
  if (labels === null || labels === undefined) return;
  if (labels.length > MAX_LABELS) {
    problems.add('TOO_MANY', path, `an image has at most ${MAX_LABELS} labels; these are ${labels.length}`, {
      max: MAX_LABELS,
      current: labels.length,
    });
  }
  const seen = new Set<string>();
  for (const [index, { key, value }] of labels.entries()) {
    const at = [...path, String(index)];
    if (key === '') problems.add('REQUIRED', [...at, 'key'], 'a label needs a key');
    if (seen.has(key))
      problems.add('DUPLICATE', [...at, 'key'], `the key ${JSON.stringify(excerpt(key))} is there twice`);
    seen.add(key);
    checkText(problems, [...at, 'key'], key, MAX_LABEL_KEY);
    checkText(problems, [...at, 'value'], value, MAX_LABEL_VALUE);
  }
}
