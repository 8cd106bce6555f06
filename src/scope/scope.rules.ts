import { excerpt } from '../shared/excerpt.ts';
import type { Problems } from '../shared/problems.ts';

/** S2's rule for a namespace; workspaces follow it too. */
export const SCOPE_NAME = /^[a-z][A-Za-z0-9._-]{0,63}$/;

/** Checks the name of a namespace or workspace. */
export function checkScopeName(problems: Problems, path: readonly string[], name: string): void {
  if (SCOPE_NAME.test(name)) return;
  const rule = `${JSON.stringify(excerpt(name))} is no such name: give a lower-case letter, then at most 63 letters, digits, hyphens, underscores or dots`;
  problems.add('PATTERN', path, rule, { pattern: SCOPE_NAME.source });
}
