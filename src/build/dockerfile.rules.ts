import { ValidationCode, ValidationSeverity, validate } from 'dockerfile-utils';
import {
  findStage,
  type ParsedDockerfile,
  parseDockerfile,
  rangeOf,
  type TextRange,
} from '../shared/dockerfile.ts';
import { excerpt } from '../shared/excerpt.ts';
import { baseProblems } from './dockerfile-base.rules.ts';
import { contextProblems } from './dockerfile-context.rules.ts';
import { ambiguityProblems, remoteProblems } from './dockerfile-remote.rules.ts';

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
}

/** Everything that is wrong with a Dockerfile, in the order of its lines; empty for a sound one. PURE. */
export function checkDockerfile(
  text: string,
  { buildArgs = {}, files, target = null }: DockerfileCheckOptions = {},
): DockerfileProblem[] {
  const dockerfile = parseDockerfile(text, buildArgs);
  const problems = [
    ...ambiguityProblems(dockerfile),
    ...remoteProblems(dockerfile, buildArgs),
    ...structureProblems(dockerfile, target),
    ...baseProblems(dockerfile, buildArgs),
    ...(files === undefined ? [] : contextProblems(dockerfile, files)),
    ...lintProblems(text, dockerfile),
  ];
  return problems.sort((a, b) => a.line - b.line || a.column - b.column);
}

function structureProblems(dockerfile: ParsedDockerfile, target: string | null): DockerfileProblem[] {
  const { lines, stages, instructions } = dockerfile;
  const start = { line: 1, column: 1, endLine: 1, endColumn: (lines[0] ?? '').length + 1 };
  const problems: DockerfileProblem[] = [];
  const error = (code: string, message: string, range: TextRange) =>
    problems.push({ severity: 'ERROR', code, message, ...range });

  if (stages.length === 0) error('NO_FROM', 'there is no FROM', start);
  const early = instructions.find(({ stageIndex, keyword }) => stageIndex === null && keyword !== 'ARG');
  if (early && stages.length > 0)
    error('BEFORE_FROM', 'only ARG may stand before the first FROM', early.range);
  if (target !== null && stages.length > 0 && findStage(dockerfile, target) === null) {
    const names = stages.map(({ name, index }) => name ?? String(index)).join(', ');
    const message = `there is no stage "${excerpt(target)}" to build; there are: ${excerpt(names)}`;
    error('UNKNOWN_STAGE', message, start);
  }
  for (const { index, needs, from } of stages) {
    if (needs.some((other) => other >= index)) {
      error('UNKNOWN_STAGE', `the stage takes from one that does not stand before it`, from.range);
    }
  }
  for (const { keyword, words, flags, heredocs, range } of instructions) {
    if (keyword === 'RUN' && words.length === 0 && heredocs.length === 0) {
      error(
        'ARGUMENT_MISSING',
        'RUN needs a command',
        flags.length > 0 ? range : rangeOf(lines, range, 'RUN'),
      );
    }
  }
  return problems;
}

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

/** The linter's time grows with the square of the length: 0.2 s for 54 kB, 2 s for 216 kB. Longer texts go without it. */
const MAX_LINTED_CHARACTERS = 65_536;

/** What the linter finds; nothing where it fails, as it does for `ARG A=$A`: then the engine has the word. */
function lint(text: string): ReturnType<typeof validate> {
  if (text.length > MAX_LINTED_CHARACTERS) return [];
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
