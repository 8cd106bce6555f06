import {
  type DockerfileInstruction,
  type InstructionParts,
  type ParsedDockerfile,
  rangeFinder,
  type TextRange,
  withoutTrigger,
} from '../../shared/dockerfile.ts';
import { type InstructionFlag, startsWithJsonList, unquote } from '../../shared/dockerfile-words.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { DockerfileProblem } from './dockerfile.rules.ts';

/**
 * Refuses what makes the engine itself fetch something that a stranger named: the engine sits in the host's network and
 * reaches addresses that no build container may. PURE.
 */
export function* remoteProblems(
  { lines, instructions }: ParsedDockerfile,
  buildArgs: Readonly<Record<string, string>>,
): Generator<DockerfileProblem> {
  yield* syntaxDirectives(lines);
  for (const instruction of instructions) {
    yield* remoteAdds(instruction, lines);
    yield* openedRuns(instruction, lines);
  }
  if (Object.hasOwn(buildArgs, 'BUILDKIT_SYNTAX')) {
    const message = 'the build argument BUILDKIT_SYNTAX would load another Dockerfile frontend';
    yield notAllowed(message, lineRange(lines, 0));
  }
}

/**
 * What engines read differently (measured on Docker 20.10 and Podman 4.3), and the two characters that are white space to
 * Go's `unicode.IsSpace` (U+0085) or to JavaScript's `\s` (U+FEFF) but not to both: the engines are written in the one, this
 * in the other. All other white space is the same to both.
 */
const CONTROL_CHARACTER = /[\0\v\f\r\u0085\ufeff]/;

/**
 * Refuses what different engines read differently, so that nothing can hide from a check in one reading and run in the
 * other. PURE.
 */
export function* ambiguityProblems({
  lines,
  escapeChar,
  instructions,
}: ParsedDockerfile): Generator<DockerfileProblem> {
  for (const [i, line] of lines.entries()) {
    const control = line.search(CONTROL_CHARACTER);
    if (control >= 0) {
      yield ambiguous('a control character that engines read differently', {
        ...lineRange(lines, i),
        column: control + 1,
        endColumn: control + 2,
      });
    }
    if (line.includes(escapeChar) && endsWithTwo(line, escapeChar) && !/^\s*#/.test(line)) {
      const column = line.lastIndexOf(escapeChar);
      const message = `a line must not end with ${escapeChar}${escapeChar}: engines differ in whether the instruction goes on`;
      yield ambiguous(message, { ...lineRange(lines, i), column, endColumn: column + 2 });
    }
  }
  for (const [i, line] of header(lines)) {
    const isPlain = i === 0 && /^#\s*escape\s*=\s*[\\`]\s*$/i.test(line);
    if (/^\s*#\s*escape\s*=/i.test(line) && !isPlain) {
      const message = 'the escape directive must be the first line, with \\ or ` behind its =';
      yield ambiguous(message, lineRange(lines, i));
    }
  }
  for (const instruction of instructions) {
    const { isUnclear, range } = instruction;
    const parts = withoutTrigger(instruction);
    if ([...instruction.flags, ...parts.flags].some(({ written }) => isUnclearFlag(written))) {
      yield ambiguous('write flags in plain characters, with quotes closed and without escapes', range);
    }
    if (isUnclear) {
      const message =
        'it is not clear where a here-document ends: its name, letters and digits, must stand right behind << and alone on a line, quotes before it be closed, and variables in {} be plain';
      yield ambiguous(message, range);
    }
    if (isUnclearList(parts, instruction.heredocs)) {
      const message = `a list in [ ] must be JSON strings with nothing behind it: engines read this one differently; put ./ in front of a pattern`;
      yield ambiguous(message, range);
    }
  }
}

/**
 * May some engines take this for a list, and others for words? It matters where the words are sources, or where one of them
 * starts a here-document, which a list has none of. `RUN [ -f a ] && b` is a test of the shell's.
 */
function isUnclearList({ keyword, rest, isJson }: InstructionParts, heredocs: readonly string[]): boolean {
  if (isJson || !rest.startsWith('[')) return false;
  return keyword === 'ADD' || keyword === 'COPY' || (heredocs.length > 0 && startsWithJsonList(rest));
}

const endsWithTwo = (line: string, character: string): boolean =>
  line.trimEnd().endsWith(character + character);

const ambiguous = (message: string, range: TextRange): DockerfileProblem => ({
  severity: 'ERROR',
  code: 'AMBIGUOUS',
  message,
  ...range,
});

/** Engines end a flag at white space outside of quotes, and some at a byte of another character. */
function isUnclearFlag(written: string): boolean {
  return /["'\\`]|[^\x20-\x7e]/.test(written.replace(/"[^"'\\`]*"|'[^"'\\`]*'/g, ''));
}

/** RUN in the host's network, where the platform's own services listen, with its devices, or with more rights than a build has. */
function openedRuns(instruction: DockerfileInstruction, lines: readonly string[]) {
  const { keyword, flags } = withoutTrigger(instruction);
  if (keyword !== 'RUN') return [];
  const find = rangeFinder(lines, instruction.range);
  const isOpening = ({ name, value }: InstructionFlag) =>
    (name === 'network' && value !== 'none' && value !== 'default') ||
    (name === 'security' && value !== 'sandbox') ||
    name === 'device';
  return flags
    .filter(isOpening)
    .map(({ written }) => notAllowed(`a build runs without ${excerpt(written)}`, find(written)));
}

/** Everything that any version of BuildKit takes for a `syntax` directive, in the comments at the top. */
function* syntaxDirectives(lines: readonly string[]): Generator<DockerfileProblem> {
  for (const [i, line] of header(lines)) {
    if (!/^\s*(?:#|\/\/)\s*syntax\s*=/i.test(line)) continue;
    const message = 'a syntax directive would load another Dockerfile frontend; leave the line out';
    yield notAllowed(message, lineRange(lines, i));
  }
}

/** The lines before the first instruction that are not empty, with their indices: where engines look for directives. */
export function* header(lines: readonly string[]): Generator<[number, string]> {
  for (const [i, line] of lines.entries()) {
    if (line === '') continue;
    if (!/^\s*(?:#|\/\/|$)/.test(line)) return;
    yield [i, line];
  }
}

function remoteAdds(instruction: DockerfileInstruction, lines: readonly string[]): DockerfileProblem[] {
  const { keyword, words } = withoutTrigger(instruction);
  if (keyword !== 'ADD') return [];
  const find = rangeFinder(lines, instruction.range);
  return words
    .slice(0, -1)
    .filter((source) => mayBeRemote(source))
    .map((source) =>
      notAllowed(
        source.includes('$')
          ? `ADD must not take "${excerpt(source)}", whose variable may hold a URL; put ./ in front, or use COPY`
          : `ADD must not fetch "${excerpt(source)}"; fetch it in a RUN, or send it with the build's files`,
        find(source),
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
