import { type Problem, Problems } from '../../src/shared/problems.ts';

/** What a check finds. */
export function problemsOf(check: (problems: Problems) => void): readonly Problem[] {
  const problems = new Problems();
  check(problems);
  return problems.all;
}

/** The same, short enough to be read at a glance: `CODE path.to.it`. */
export function codesOf(check: (problems: Problems) => void): string[] {
  return problemsOf(check).map(({ code, path }) => `${code} ${path.join('.')}`);
}
