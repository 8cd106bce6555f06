import {
  type DockerfileInstruction,
  type ParsedDockerfile,
  rangeOf,
  type TextRange,
} from '../shared/dockerfile.ts';
import { type InstructionFlag, readWords, unquote } from '../shared/dockerfile-words.ts';
import { excerpt } from '../shared/excerpt.ts';
import type { DockerfileProblem } from './dockerfile.rules.ts';

/**
 * Refuses what makes the engine itself fetch something that a stranger named: the engine sits in the host's network and
 * reaches addresses that no build container may. PURE.
 */
export function remoteProblems(
  dockerfile: ParsedDockerfile,
  buildArgs: Readonly<Record<string, string>>,
): DockerfileProblem[] {
  const { lines, instructions } = dockerfile;
  const problems = syntaxDirectives(lines);
  for (const instruction of instructions) {
    problems.push(...remoteAdds(instruction, lines), ...openedRuns(instruction, lines));
  }
  if ('BUILDKIT_SYNTAX' in buildArgs) {
    const message = 'the build argument BUILDKIT_SYNTAX would load another Dockerfile frontend';
    problems.push(notAllowed(message, lineRange(lines, 0)));
  }
  return problems;
}

/** What engines read differently (measured on Docker 20.10 and Podman 4.3). */
const CONTROL_CHARACTERS = ['\0', '\v', '\f', '\r'];

/**
 * Refuses what different engines read differently, so that nothing can hide from a check in one reading and run in the
 * other. PURE.
 */
export function ambiguityProblems({
  lines,
  escapeChar,
  instructions,
}: ParsedDockerfile): DockerfileProblem[] {
  const problems: DockerfileProblem[] = [];
  const refuse = (message: string, range: TextRange) =>
    problems.push({ severity: 'ERROR', code: 'AMBIGUOUS', message, ...range });
  const twice = escapeChar + escapeChar;
  for (const [i, line] of lines.entries()) {
    const control = CONTROL_CHARACTERS.find((character) => line.includes(character));
    if (control !== undefined) {
      refuse(
        'a control character that engines read differently',
        rangeOf(lines, lineRange(lines, i), control),
      );
    }
    if (line.trimEnd().endsWith(twice) && !/^\s*#/.test(line)) {
      const range = rangeOf(lines, lineRange(lines, i), twice);
      refuse(`a line must not end with ${twice}: engines differ in whether the instruction goes on`, range);
    }
  }
  for (const [i, line] of header(lines)) {
    const isPlain = i === 0 && /^#\s*escape\s*=\s*[\\`]\s*$/i.test(line);
    if (/^\s*#\s*escape\s*=/i.test(line) && !isPlain) {
      refuse('the escape directive must be the first line, with \\ or ` behind its =', lineRange(lines, i));
    }
  }
  for (const { flags, range } of instructions) {
    const flag = flags.find(({ written }) => isUnclearFlag(written));
    if (flag !== undefined) {
      refuse('write flags in plain characters, with quotes closed and without escapes', range);
    }
  }
  for (const { isOpen, range } of instructions) {
    if (isOpen) {
      refuse(
        'a here-document does not end: its name must stand alone on a line, and quotes before it be closed',
        range,
      );
    }
  }
  return problems;
}

/** Engines end a flag at white space outside of quotes, and some at a byte of another character. */
function isUnclearFlag(written: string): boolean {
  return /["'\\`]|[^\x20-\x7e]/.test(written.replace(/"[^"'\\`]*"|'[^"'\\`]*'/g, ''));
}

/** RUN in the host's network, where the platform's own services listen, or with more rights than a build has. */
function openedRuns({ keyword, flags, range }: DockerfileInstruction, lines: readonly string[]) {
  if (keyword !== 'RUN') return [];
  const isOpening = ({ name, value }: InstructionFlag) =>
    (name === 'network' && value !== 'none' && value !== 'default') ||
    (name === 'security' && value !== 'sandbox');
  return flags
    .filter(isOpening)
    .map(({ written }) =>
      notAllowed(`a build runs without ${excerpt(written)}`, rangeOf(lines, range, written)),
    );
}

/** Everything that any version of BuildKit takes for a `syntax` directive, in the comments at the top. */
function syntaxDirectives(lines: readonly string[]): DockerfileProblem[] {
  return header(lines)
    .filter(([, line]) => /^\s*(?:#|\/\/)\s*syntax\s*=/i.test(line))
    .map(([i]) =>
      notAllowed('a syntax directive would load another Dockerfile frontend', lineRange(lines, i)),
    );
}

/** The lines before the first instruction, with their indices. */
function header(lines: readonly string[]): [number, string][] {
  const end = lines.findIndex((line) => !/^\s*(?:#|\/\/|$)/.test(line));
  return [...lines.slice(0, end < 0 ? lines.length : end).entries()];
}

function remoteAdds(instruction: DockerfileInstruction, lines: readonly string[]): DockerfileProblem[] {
  let { keyword, words } = instruction;
  let isTrigger = false;
  while (keyword === 'ONBUILD') {
    const text = words.join(' ');
    keyword = (words[0] ?? '').toUpperCase();
    words = readWords(text).words;
    isTrigger = true;
  }
  if (keyword !== 'ADD') return [];
  return words
    .slice(0, -1)
    .filter((source) => !isTrigger || source !== '')
    .filter((source) => mayBeRemote(source))
    .map((source) =>
      notAllowed(
        source.includes('$')
          ? `ADD must not take "${excerpt(source)}", whose variable may hold a URL; put ./ in front, or use COPY`
          : `ADD must not fetch "${excerpt(source)}"; fetch it in a RUN, or send it with the build's files`,
        rangeOf(lines, instruction.range, source),
      ),
    );
}

/**
 * Whether an engine may take the source for a URL or a git repository. Only what cannot be one passes: engines know
 * schemes, `host:path` and `github.com/…`, and a variable may hold any of them unless a slash stands before it.
 */
function mayBeRemote(source: string): boolean {
  const plain = unquote(source);
  const variable = plain.indexOf('$');
  const fixed = variable < 0 ? plain : plain.slice(0, variable);
  if (/^\.{0,2}\//.test(fixed)) return false;
  if (/^github\.com\//i.test(fixed)) return true;
  const slash = fixed.indexOf('/');
  const first = slash < 0 ? fixed : fixed.slice(0, slash);
  return first.includes(':') || (variable >= 0 && slash < 0);
}

const notAllowed = (message: string, range: TextRange): DockerfileProblem => ({
  severity: 'ERROR',
  code: 'NOT_ALLOWED',
  message,
  ...range,
});

function lineRange(lines: readonly string[], index: number): TextRange {
  return { line: index + 1, column: 1, endLine: index + 1, endColumn: (lines[index] ?? '').length + 1 };
}
