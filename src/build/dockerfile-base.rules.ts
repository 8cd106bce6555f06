import { type ParsedDockerfile, parseDockerfile, rangeOf, type TextRange } from '../shared/dockerfile.ts';
import { excerpt } from '../shared/excerpt.ts';
import { parseImageReference } from '../shared/image-reference.ts';
import { mayReachRegistry } from '../shared/registry-host.ts';
import type { DockerfileProblem } from './dockerfile.rules.ts';

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
  for (const { written, reference, instruction, range } of baseImages) {
    // A FROM without an image is the linter's to report.
    if (written === '') continue;
    const quoted = `"${excerpt(written)}"`;
    if (reference === null) {
      error('BASE_UNRESOLVED', `the variables in ${quoted} cannot be filled in here`, range);
    } else if (instruction.keyword === 'FROM' && !isUnmistakable(written, args, [])) {
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
  /** All that the ARGs before the first FROM say of a name; `null` for one without a default. */
  readonly defaults: ReadonlyMap<string, readonly (string | null)[]>;
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
  const defaults = new Map<string, (string | null)[]>();
  let isUnclear = false;
  for (const { keyword, stageIndex, text, range } of instructions) {
    if (keyword !== 'ARG' || stageIndex !== null) continue;
    const words = text.replace(/^\S+/, '');
    const raw = lines.slice(range.line - 1, range.endLine).join('\n');
    isUnclear ||= !ARG_WORDS.test(words) || ODD_SPACE.test(raw);
    for (const [, name = '', value] of words.matchAll(EACH_ARG_WORD)) {
      defaults.set(name, [...(defaults.get(name) ?? []), value ?? null]);
    }
  }
  return { defaults, given, isUnclear };
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
 *
 * @param inside the names whose values are being looked at
 */
function isUnmistakable(written: string, args: GlobalArgs, inside: readonly string[]): boolean {
  const [, double, single] = /^(?:"([^"]*)"|'([^'$]*)')$/.exec(written) ?? [];
  const text = double ?? single ?? written;
  if (!PLAIN.test(text.replace(VARIABLE, ''))) return false;
  for (const [, braced, mode, , plain] of text.matchAll(VARIABLE)) {
    const name = braced ?? plain ?? '';
    const [value, ...others] = args.defaults.get(name) ?? [];
    const isGiven = Object.hasOwn(args.given, name);
    if (args.isUnclear || others.length > 0 || inside.includes(name)) return false;
    if (ENGINE_ARG.test(name)) {
      // Each of its values is looked at, see platformBases.
      if (typeof value === 'string' || isGiven || mode !== undefined) return false;
    } else if (value === undefined) {
      if (isGiven) return false;
    } else if (value === null) {
      if (!isGiven && (mode === '-' || mode === '+')) return false;
    } else if (!isGiven && !isUnmistakable(value, args, [...inside, name])) return false;
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

/** What engines may take for the platform of a build: the common ones, and none. */
const PLATFORMS = [
  ...['amd64', 'arm64'].map((arch) => ({
    TARGETPLATFORM: `linux/${arch}`,
    TARGETOS: 'linux',
    TARGETARCH: arch,
    TARGETVARIANT: '',
    BUILDPLATFORM: `linux/${arch}`,
    BUILDOS: 'linux',
    BUILDARCH: arch,
    BUILDVARIANT: '',
  })),
  {},
];

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
  for (const platform of PLATFORMS) {
    const { baseImages } = parseDockerfile(text, buildArgs, platform);
    for (const { written, reference, range } of baseImages) {
      const parsed = parseImageReference(reference ?? '');
      if ('problem' in parsed) continue;
      const { host, path, tag, digest } = parsed;
      const id = path === 'sha256' ? tag : tag === null ? path : null;
      const mayBeId = host === null && digest === null && id !== null && /^[0-9a-f]{1,64}$/.test(id);
      if (!mayBeId && !mayReachRegistry(host, registryHost)) continue;
      const repository = mayBeId ? null : path;
      found.set(`${range.line} ${range.column} ${repository}`, { written, range, repository });
    }
    if (!text.includes('$')) break;
  }
  return [...found.values()];
}
