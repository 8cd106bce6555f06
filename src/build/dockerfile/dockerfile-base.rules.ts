import { type ParsedDockerfile, parseDockerfile, rangeOf, type TextRange } from '../../shared/dockerfile.ts';
import { excerpt } from '../../shared/excerpt.ts';
import { type ImageReference, parseImageReference } from '../../shared/image-reference.ts';
import { mayReachRegistry } from '../../shared/registry-host.ts';
import type { DockerfileProblem } from './dockerfile.rules.ts';

/** More images than any real build takes, so that looking at each costs no more than some milliseconds. */
const MAX_BASES = 1000;

/** Names every base that is no image reference, or not the same one to every engine. PURE. */
export function baseProblems(
  dockerfile: ParsedDockerfile,
  buildArgs: Readonly<Record<string, string>>,
): DockerfileProblem[] {
  const { baseImages, lines } = dockerfile;
  const args = globalArgs(dockerfile, buildArgs);
  const problems: DockerfileProblem[] = [];
  const error = (code: string, message: string, range: TextRange) =>
    problems.push({ severity: 'ERROR', code, message, ...range });
  const [tooMany] = baseImages.slice(MAX_BASES);
  if (tooMany) error('TOO_MANY_BASES', `a build takes at most ${MAX_BASES} images`, tooMany.range);
  for (const { written, reference, instruction, range } of baseImages.slice(0, MAX_BASES)) {
    // A FROM without an image is the linter's to report.
    if (written === '') continue;
    const quoted = `"${excerpt(written)}"`;
    if (reference === null) {
      error('BASE_UNRESOLVED', `the variables in ${quoted} cannot be filled in here`, range);
    } else if (instruction.keyword === 'FROM' && !isUnmistakable(written, args)) {
      const message = `engines read ${quoted} differently: a base is plain text and variables, each with a plain value from one ARG before the first FROM`;
      error('AMBIGUOUS', message, range);
    } else if (reference === '') {
      error('BASE_EMPTY', `${quoted} is empty: give its ARG, before the first FROM, a value`, range);
    } else {
      const parsed = parseImageReference(reference);
      const where = range === instruction.range ? rangeOf(lines, range, reference) : range;
      if ('problem' in parsed)
        error('BASE_INVALID', `"${excerpt(reference)}" is not an image: ${parsed.problem}`, where);
    }
  }
  return problems;
}

interface GlobalArgs {
  /** Of each ARG before the first FROM: has it a default, and do all engines take the same value from it? */
  readonly declared: ReadonlyMap<string, { readonly hasDefault: boolean; readonly isClear: boolean }>;
  readonly given: Readonly<Record<string, string>>;
  /** An ARG is written so that engines may find other names in it. */
  readonly isUnclear: boolean;
}

/** `NAME`, `NAME=value`, `NAME="value"` or `NAME='value'`. */
const ARG_WORD = /([A-Za-z_][A-Za-z0-9_]*)(?:=("[^"\\`]*"|'[^'\\`]*'|[^\s"'\\`]*))?/;
const ARG_WORDS = new RegExp(`^(?:\\s+${ARG_WORD.source})+\\s*$`);
const EACH_ARG_WORD = new RegExp(`\\s${ARG_WORD.source}(?=\\s|$)`, 'g');
/** White space to Go, or to JavaScript, but not to both. */
const ODD_SPACE = /[\u0085\ufeff]|(?! )\p{Z}/u;

function globalArgs({ instructions, lines }: ParsedDockerfile, given: GlobalArgs['given']): GlobalArgs {
  const declarations: (readonly [name: string, value: string | null])[] = [];
  let isUnclear = false;
  for (const { keyword, stageIndex, text, range } of instructions) {
    if (stageIndex !== null) break;
    if (keyword !== 'ARG') continue;
    const words = text.replace(/^\S+/, '');
    const raw = lines.slice(range.line - 1, range.endLine).join('\n');
    isUnclear ||= !ARG_WORDS.test(words) || ODD_SPACE.test(raw);
    for (const [, name = '', value] of words.matchAll(EACH_ARG_WORD))
      declarations.push([name, value ?? null]);
  }
  const declared = new Map<string, { hasDefault: boolean; isClear: boolean }>();
  for (const [name] of declarations) declared.set(name, { hasDefault: false, isClear: false });
  const seen = new Set<string>();
  // One after the other, so that a value sees those before it as clear or not, and itself and later ones as unclear.
  for (const [name, value] of declarations) {
    const isOverridden = value === null || Object.hasOwn(given, name);
    const isClear =
      !seen.has(name) && (isOverridden || isUnmistakable(value, { declared, given, isUnclear }));
    declared.set(name, { hasDefault: value !== null, isClear });
    seen.add(name);
  }
  return { declared, given, isUnclear };
}

const VARIABLE =
  /\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])([A-Za-z0-9._/:@[\]-]*))?\}|([A-Za-z_][A-Za-z0-9_]*))/g;
const PLAIN = /^[A-Za-z0-9._/:@[\]-]*$/;
/** What engines set themselves, some of them and with values of their own. */
const ENGINE_ARG = /^(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)$/;

/**
 * Does every engine read the text as {@link parseDockerfile} does? They differ in names declared twice, in arguments that no
 * ARG declares (Docker's classic builder knows HTTP_PROXY without one), in ARGs without a value (BuildKit: empty; the
 * classic builder: not set), in quotes and escapes. Where they differ, a base could pass a check as one image and be
 * pulled as another.
 */
function isUnmistakable(written: string, { declared, given, isUnclear }: GlobalArgs): boolean {
  const [, double, single] = /^(?:"([^"]*)"|'([^'$]*)')$/.exec(written) ?? [];
  const text = double ?? single ?? written;
  if (!PLAIN.test(text.replace(VARIABLE, ''))) return false;
  for (const [, braced, mode, , plain] of text.matchAll(VARIABLE)) {
    const name = braced ?? plain ?? '';
    const arg = declared.get(name);
    const isGiven = Object.hasOwn(given, name);
    if (isUnclear || arg?.isClear === false) return false;
    if (ENGINE_ARG.test(name)) {
      // Each of its values is looked at, see possibleBases.
      if (arg?.hasDefault || isGiven || mode !== undefined) return false;
    } else if (arg === undefined) {
      if (isGiven) return false;
    } else if (!arg.hasDefault && !isGiven && (mode === '-' || mode === '+')) return false;
  }
  return true;
}

/** A base that takes a right to use. */
export interface GuardedBase {
  /** As it stands in the Dockerfile. */
  readonly written: string;
  readonly range: TextRange;
  /** A repository of the platform's registry; `null`: the name may be the start of the id of anything in the engine. */
  readonly repository: string | null;
}

/** What engines may take for the platform of a build besides {@link parseDockerfile}'s: the other common one, and none. */
const OTHER_PLATFORMS = [
  {
    TARGETPLATFORM: 'linux/arm64',
    TARGETOS: 'linux',
    TARGETARCH: 'arm64',
    TARGETVARIANT: '',
    BUILDPLATFORM: 'linux/arm64',
    BUILDOS: 'linux',
    BUILDARCH: 'arm64',
    BUILDVARIANT: '',
  },
  {},
];

interface PossibleBase extends ImageReference {
  readonly written: string;
  readonly range: TextRange;
}

/** The images that the build may take, on whichever platform; what names no image is left to {@link baseProblems}. PURE. */
export function* possibleBases(
  text: string,
  buildArgs: Readonly<Record<string, string>>,
  dockerfile = parseDockerfile(text, buildArgs),
): Generator<PossibleBase> {
  yield* imagesOf(dockerfile);
  // Without a variable for the platform there is nothing else to find.
  if (!dockerfile.baseImages.some(({ written }) => written.includes('$'))) return;
  for (const platform of OTHER_PLATFORMS) yield* imagesOf(parseDockerfile(text, buildArgs, platform));
}

function* imagesOf({ baseImages }: ParsedDockerfile): Generator<PossibleBase> {
  for (const { written, reference, range } of baseImages.slice(0, MAX_BASES)) {
    const parsed = parseImageReference(reference ?? '');
    if (!('problem' in parsed)) yield { ...parsed, written, range };
  }
}

/**
 * The bases that are in the platform's own registry, whoever's they are, or may be in the engine alone: engines take the
 * first digits of an image's id for its name. What names no image is left to {@link baseProblems}. PURE.
 */
export function guardedBases(
  text: string,
  buildArgs: Readonly<Record<string, string>>,
  registryHost: string,
): GuardedBase[] {
  const found = new Map<string, GuardedBase>();
  for (const { written, range, host, path, tag, digest } of possibleBases(text, buildArgs)) {
    const id = path === 'sha256' ? tag : tag === null ? path : null;
    const mayBeId = host === null && digest === null && id !== null && /^[0-9a-f]{1,64}$/.test(id);
    if (!mayBeId && !mayReachRegistry(host, registryHost)) continue;
    const repository = mayBeId ? null : path;
    found.set(`${range.line} ${range.column} ${repository}`, { written, range, repository });
  }
  return [...found.values()];
}
