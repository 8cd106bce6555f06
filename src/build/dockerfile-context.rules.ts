import { type DockerfileInstruction, type ParsedDockerfile, rangeOf } from '../shared/dockerfile.ts';
import { unquote } from '../shared/dockerfile-words.ts';
import { excerpt } from '../shared/excerpt.ts';
import type { DockerfileProblem } from './dockerfile.rules.ts';

/** Names every COPY or ADD source that is not among the build's files. PURE. */
export function contextProblems(dockerfile: ParsedDockerfile, files: readonly string[]): DockerfileProblem[] {
  const paths = files.map(normalise);
  return dockerfile.instructions.flatMap((instruction) =>
    contextSources(instruction)
      .filter((source) => !isThere(normalise(unquoteSource(source)), paths))
      .map((source) => ({
        severity: 'ERROR' as const,
        code: 'CONTEXT_MISSING',
        message: `"${excerpt(source)}" is not among the build's files`,
        ...rangeOf(dockerfile.lines, instruction.range, source),
      })),
  );
}

/** What the instruction takes from the build's files, as far as that can be said before the build. */
function contextSources({ keyword, flags, words }: DockerfileInstruction): readonly string[] {
  if (keyword !== 'COPY' && keyword !== 'ADD') return [];
  if (flags.some(({ name }) => name === 'from')) return [];
  return words
    .slice(0, -1)
    .filter((source) => !source.includes('$') && !source.startsWith('<<') && !/^[^/]*:/.test(source));
}

/** Quotes go; a backslash stays, since it escapes a character of a pattern. */
const unquoteSource = (source: string): string =>
  source.includes('\\') ? unquote(source) : source.replace(/["']/g, '');

/** The path from the context's root, with `.` and `..` resolved and never above the root, as engines do it. */
function normalise(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** A file, a folder with files in it, or a pattern that one of these matches. */
function isThere(source: string, paths: readonly string[]): boolean {
  if (source === '') return true;
  const pattern = /[*?[]/.test(source) ? globPattern(source) : null;
  return paths.some((path) => {
    const folders = path.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
    return folders.some((folder) => (pattern === null ? folder === source : pattern.test(folder)));
  });
}

/** Go's `filepath.Match`, and `**` as newer engines have it. A pattern that is malformed matches everything. */
function globPattern(source: string): RegExp {
  let pattern = '';
  for (let i = 0; i < source.length; i += 1) {
    const character = source.charAt(i);
    const list = /^\[(\^?)((?:\\.|[^\]\\])+)\]/.exec(source.slice(i));
    if (source.startsWith('**', i)) {
      pattern += '.*';
      i += 1;
    } else if (character === '*') pattern += '[^/]*';
    else if (character === '?') pattern += '[^/]';
    else if (list) {
      pattern += `[${list[1]}${(list[2] ?? '').replace(/\\?\[/g, '\\[')}]`;
      i += list[0].length - 1;
    } else pattern += character.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  }
  try {
    return new RegExp(`^${pattern}$`);
  } catch {
    return /^/;
  }
}
