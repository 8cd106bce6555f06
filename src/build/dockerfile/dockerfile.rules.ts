import { ValidationCode, ValidationSeverity, validate } from 'dockerfile-utils';
import {
  findStage,
  type ParsedDockerfile,
  parseDockerfile,
  type TextRange,
} from '../../shared/dockerfile.ts';
import { excerpt } from '../../shared/excerpt.ts';
import { baseProblems } from './dockerfile-base.rules.ts';
import { contextProblems } from './dockerfile-context.rules.ts';
import { type BaseRegistries, hostProblems } from './dockerfile-host.rules.ts';
import { ambiguityProblems, remoteProblems } from './dockerfile-remote.rules.ts';
import { secretProblems } from './dockerfile-secret.rules.ts';

export const MAX_DOCKERFILE_BYTES = 1024 * 1024;

/** Something wrong with a Dockerfile, and where. Only an ERROR keeps it from being built. */
export interface DockerfileProblem extends TextRange {
  readonly severity: 'ERROR' | 'WARNING' | 'INFO';
  /** One of ours (`NOT_ALLOWED`, `CONTEXT_MISSING`, `BASE_INVALID`, …) or the linter's word, e.g. `UNKNOWN_INSTRUCTION`. */
  readonly code: string;
  readonly message: string;
}

export interface DockerfileCheckOptions {
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** The paths of the files that come with the Dockerfile; without them COPY is not checked. */
  readonly files?: readonly string[];
  /** The stage to build; `null`: the last one. */
  readonly target?: string | null;
  /** Where its images may come from besides the public internet; without it, that is not checked. */
  readonly registries?: BaseRegistries;
}

/** More than anybody mends at once; a document of a megabyte can have one in every other byte. */
const MAX_PROBLEMS = 1000;

/**
 * Everything that is wrong with a Dockerfile, in the order of its lines; empty for a sound one. PURE. Of more than 1,000
 * problems of one kind come the first ones.
 */
export function checkDockerfile(
  text: string,
  { buildArgs = {}, files, target = null, registries }: DockerfileCheckOptions = {},
): DockerfileProblem[] {
  const dockerfile = parseDockerfile(text, buildArgs);
  const kinds: Iterable<DockerfileProblem>[] = [
    ambiguityProblems(dockerfile),
    remoteProblems(dockerfile, buildArgs),
    structureProblems(dockerfile, target),
    baseProblems(dockerfile, buildArgs),
    registries ? hostProblems(text, buildArgs, registries, dockerfile) : [],
    files === undefined ? [] : contextProblems(dockerfile, files),
    secretProblems(dockerfile),
    lintProblems(text, dockerfile),
  ];
  return kinds.flatMap(firstOf).sort((a, b) => a.line - b.line || a.column - b.column);
}

function firstOf(problems: Iterable<DockerfileProblem>): DockerfileProblem[] {
  const first: DockerfileProblem[] = [];
  for (const problem of problems) {
    if (first.push(problem) === MAX_PROBLEMS) break;
  }
  return first;
}

function structureProblems(dockerfile: ParsedDockerfile, target: string | null): DockerfileProblem[] {
  const { lines, stages, instructions } = dockerfile;
  const start = { line: 1, column: 1, endLine: 1, endColumn: (lines[0] ?? '').length + 1 };
  const problems: DockerfileProblem[] = [];
  const error = (code: string, message: string, range: TextRange) =>
    problems.push({ severity: 'ERROR', code, message, ...range });

  if (dockerfile.isCut) {
    const message = `a Dockerfile may have at most ${instructions.length} instructions`;
    error('TOO_MANY_INSTRUCTIONS', message, instructions.at(-1)?.range ?? start);
  }
  if (stages.length === 0) error('NO_FROM', 'there is no FROM', start);
  const early = instructions.find(({ stageIndex, keyword }) => stageIndex === null && keyword !== 'ARG');
  if (early && stages.length > 0)
    error('BEFORE_FROM', 'only ARG may stand before the first FROM', early.range);
  if (target !== null && stages.length > 0 && findStage(dockerfile, target) === null) {
    const names = stages.map(({ name, index }) => name ?? String(index)).join(', ');
    const message = `there is no stage "${excerpt(target)}" to build; there are: ${excerpt(names)}`;
    error('UNKNOWN_STAGE', message, start);
  }
  for (const { index, needs } of stages) {
    for (const need of needs) {
      if (need.index < index) continue;
      error('UNKNOWN_STAGE', 'a stage can take only from those that stand before it', need.range);
    }
  }
  const later = new Set(stages.map(({ name }) => name));
  for (const { reference, instruction, range } of dockerfile.baseImages) {
    if (instruction.keyword === 'FROM' || reference === null) continue;
    const said = `no stage "${excerpt(reference)}" stands before this`;
    // The classic builder takes an image of that name, BuildKit the stage.
    if (later.has(reference.toLowerCase())) {
      error('UNKNOWN_STAGE', `${said}, but one further down: move it up`, range);
    } else if (/^[a-z0-9_-]+$/i.test(reference)) {
      const message = `${said}, so this takes the image docker.io/library/${excerpt(reference)}; if that is meant, write it so`;
      problems.push({ severity: 'WARNING', code: 'UNKNOWN_STAGE', message, ...range });
    }
  }
  for (const { keyword, words, flags, heredocs, range } of instructions) {
    if (keyword === 'RUN' && words.length === 0 && heredocs.length === 0) {
      error('ARGUMENT_MISSING', 'RUN needs a command', flags.length > 0 ? range : wordAt(lines, range));
    } else if (keyword === 'ONBUILD' && words[0]?.toUpperCase() === 'ONBUILD') {
      error('ONBUILD_CHAINING_DISALLOWED', 'ONBUILD may not stand behind ONBUILD', range);
    } else if (!KEYWORDS.has(keyword)) {
      error('UNKNOWN_INSTRUCTION', `there is no instruction ${excerpt(keyword)}`, wordAt(lines, range));
    }
  }
  return problems;
}

/** The first word. */
function wordAt(lines: readonly string[], range: TextRange): TextRange {
  const [word = ''] = /^\S*/.exec((lines[range.line - 1] ?? '').slice(range.column - 1)) ?? [];
  return { ...range, endLine: range.line, endColumn: range.column + word.length };
}

const KEYWORDS: ReadonlySet<string> = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(
    ' ',
  ),
);

/** Only style: real builds take them. */
const NOTES = new Set([ValidationCode.CASING_INSTRUCTION, ValidationCode.CASING_DIRECTIVE]);

/** Real builds take these too, but hardly as they were meant. */
const WARNINGS = new Set([
  ValidationCode.EMPTY_CONTINUATION_LINE,
  ValidationCode.MULTIPLE_INSTRUCTIONS,
  ValidationCode.DEPRECATED_MAINTAINER,
  ValidationCode.DUPLICATE_BUILD_STAGE_NAME,
  ValidationCode.JSON_IN_SINGLE_QUOTES,
  ValidationCode.WORKDIR_IS_NOT_ABSOLUTE,
  // `${NAME#pattern}` and its like: newer engines have them.
  ValidationCode.UNSUPPORTED_MODIFIER,
  // Newer engines may know flags that the linter does not; one that does not know them says so itself.
  ValidationCode.UNKNOWN_ADD_FLAG,
  ValidationCode.UNKNOWN_COPY_FLAG,
  ValidationCode.UNKNOWN_FROM_FLAG,
  ValidationCode.UNKNOWN_HEALTHCHECK_FLAG,
]);

/** Checked here by rules that know build arguments and the whole grammar of references. */
const REPLACED = new Set([
  ValidationCode.INVALID_REFERENCE_FORMAT,
  ValidationCode.BASE_NAME_EMPTY,
  ValidationCode.NO_SOURCE_IMAGE,
  ValidationCode.FLAG_INVALID_FROM_VALUE,
  ValidationCode.ONBUILD_CHAINING_DISALLOWED,
  ValidationCode.UNKNOWN_INSTRUCTION,
]);

function lintProblems(text: string, dockerfile: ParsedDockerfile): DockerfileProblem[] {
  const bodies = dockerfile.instructions.filter(({ heredocs }) => heredocs.length > 0);
  const seen = new Set<string>();
  return lint(text).flatMap(({ code, message, range: { start, end } }): DockerfileProblem[] => {
    const range = {
      line: start.line + 1,
      column: start.character + 1,
      endLine: end.line + 1,
      endColumn: end.character + 1,
    };
    // The linter reads the body of some here-documents as instructions.
    if (bodies.some((i) => range.line > i.line && range.line <= i.range.endLine)) return [];
    const known = typeof code === 'number' ? code : Number.NaN;
    const key = `${code} ${range.line} ${range.column}`;
    if (REPLACED.has(known) || seen.has(key)) return [];
    seen.add(key);
    const severity = NOTES.has(known) ? 'INFO' : WARNINGS.has(known) ? 'WARNING' : 'ERROR';
    const words = typeof message === 'string' ? message : message.value;
    // The linter quotes whole lines.
    const said = excerpt(words, 200);
    return [{ severity, code: ValidationCode[known] ?? 'LINT', message: said, ...range }];
  });
}

/**
 * The linter's time grows with the square of the length (100 ms for 32 kB), and for each variable with the length (100 ms
 * for 8 kB with 1,000 of them). Longer texts go without it.
 */
const MAX_LINTED_CHARACTERS = 32_768;
const MAX_LINTED_VARIABLES_BY_CHARACTERS = 8_000_000;

function isLintable(text: string): boolean {
  if (text.length > MAX_LINTED_CHARACTERS) return false;
  return (text.split('$').length - 1) * text.length <= MAX_LINTED_VARIABLES_BY_CHARACTERS;
}

/** What the linter finds; nothing where it fails, as it does for `ARG A=$A`: then the engine has the word. */
function lint(text: string): ReturnType<typeof validate> {
  if (!isLintable(text)) return [];
  try {
    return validate(text, {
      deprecatedMaintainer: ValidationSeverity.WARNING,
      directiveCasing: ValidationSeverity.WARNING,
      emptyContinuationLine: ValidationSeverity.WARNING,
      instructionCasing: ValidationSeverity.WARNING,
      instructionCmdMultiple: ValidationSeverity.WARNING,
      instructionEntrypointMultiple: ValidationSeverity.WARNING,
      instructionHealthcheckMultiple: ValidationSeverity.WARNING,
      instructionJSONInSingleQuotes: ValidationSeverity.WARNING,
      instructionWorkdirRelative: ValidationSeverity.IGNORE,
    });
  } catch {
    return [];
  }
}
