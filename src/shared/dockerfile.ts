import { splitDockerfile } from './dockerfile-lines.ts';
import { expandVariables, type InstructionFlag, readWords, unquote } from './dockerfile-words.ts';

/** Where a part of a Dockerfile stands. Lines and columns count from 1; the end is the column behind the last character. */
export interface TextRange {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface DockerfileInstruction {
  /** Counts from 1 through the whole Dockerfile. */
  readonly number: number;
  /** Counts from 0; `null` before the first FROM. */
  readonly stageIndex: number | null;
  /** The stage's name, or its index as text where it has none; `null` before the first FROM. */
  readonly stage: string | null;
  /** In capital letters. */
  readonly keyword: string;
  /** The instruction on one line, without the bodies of its here-documents. */
  readonly text: string;
  /** The first line. */
  readonly line: number;
  readonly range: TextRange;
  readonly flags: readonly InstructionFlag[];
  /** What stands after the flags, as it is written. */
  readonly rest: string;
  /** The same in words, quotes and escapes in place, except in a JSON list. */
  readonly words: readonly string[];
  readonly isJson: boolean;
  /** The names of its here-documents. */
  readonly heredocs: readonly string[];
  /** Engines may see other here-documents than these, or other ends of them. */
  readonly isUnclear: boolean;
}

export interface DockerfileStage {
  readonly index: number;
  /** In lowercase letters; `null` where it has none. */
  readonly name: string | null;
  readonly from: DockerfileInstruction;
  /** The base with its variables filled in; `null` where they cannot be. */
  readonly base: string | null;
  /** The stages that this one is built from, by FROM, COPY --from or RUN --mount. */
  readonly needs: readonly StageUse[];
}

interface StageUse {
  readonly index: number;
  readonly range: TextRange;
}

/** An image that the engine has to fetch for the build. */
interface BaseImageUse {
  /** As it stands in the Dockerfile. */
  readonly written: string;
  /** With variables filled in; `null` where they cannot be. */
  readonly reference: string | null;
  readonly instruction: DockerfileInstruction;
  readonly range: TextRange;
}

export interface ParsedDockerfile {
  readonly escapeChar: string;
  readonly lines: readonly string[];
  /** The first 5,000. */
  readonly instructions: readonly DockerfileInstruction[];
  /** Are there more instructions, which nothing here knows of? */
  readonly isCut: boolean;
  readonly stages: readonly DockerfileStage[];
  readonly baseImages: readonly BaseImageUse[];
}

/** Set by BuildKit without being given. Here they only matter for the names of images, so the common platform's will do. */
const PLATFORM_ARGS: Readonly<Record<string, string>> = {
  TARGETPLATFORM: 'linux/amd64',
  TARGETOS: 'linux',
  TARGETARCH: 'amd64',
  TARGETVARIANT: '',
  BUILDPLATFORM: 'linux/amd64',
  BUILDOS: 'linux',
  BUILDARCH: 'amd64',
  BUILDVARIANT: '',
};

/**
 * Reads a Dockerfile without judging it. PURE.
 *
 * @param platformArgs what the engine sets without being given it
 */
export function parseDockerfile(
  source: string,
  buildArgs: Readonly<Record<string, string>> = {},
  platformArgs: Readonly<Record<string, string>> = PLATFORM_ARGS,
): ParsedDockerfile {
  const { escapeChar, lines, instructions: cuts, isCut } = splitDockerfile(source);
  const instructions: DockerfileInstruction[] = [];
  const stages: (DockerfileStage & { readonly needs: StageUse[] })[] = [];
  const baseImages: BaseImageUse[] = [];
  const globals = new Map<string, string | null>();
  const stageNames = new Map<string, number>();
  const bases = new Map<string, string | null>();
  const stageNamed = (name: string) => stageNames.get(name.toLowerCase());
  const givenOf = (name: string) => (Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined);
  const valueIn = (name: string) => {
    if (globals.has(name)) return globals.get(name);
    return Object.hasOwn(platformArgs, name) ? (givenOf(name) ?? platformArgs[name]) : undefined;
  };
  const baseOf = (written: string) => {
    const base = bases.has(written) ? bases.get(written) : expandVariables(unquote(written), valueIn);
    bases.set(written, base ?? null);
    return base ?? null;
  };

  for (const cut of cuts) {
    const { flags, rest, words, isJson } = readWords(cut.text);
    const isFrom = cut.keyword === 'FROM';
    const name = isFrom && words[1]?.toLowerCase() === 'as' ? (words[2]?.toLowerCase() ?? null) : null;
    const index = isFrom ? stages.length : stages.length - 1;
    const label = isFrom ? name : (stages.at(-1)?.name ?? null);
    const instruction: DockerfileInstruction = {
      number: instructions.length + 1,
      stageIndex: index < 0 ? null : index,
      stage: index < 0 ? null : (label ?? String(index)),
      keyword: cut.keyword,
      text: cut.text.replace(/\s+/g, ' '),
      line: cut.line,
      range: wholeRange(lines, cut.line, cut.endLine),
      flags,
      rest,
      words,
      isJson,
      heredocs: cut.heredocs,
      isUnclear: cut.isUnclear,
    };
    instructions.push(instruction);
    const find = rangeFinder(lines, instruction.range);
    const addBase = (written: string, reference: string | null, range: TextRange) =>
      baseImages.push({ written, reference, instruction, range });

    if (cut.keyword === 'ARG' && index < 0) {
      for (const word of words) {
        const [arg = '', ...value] = word.split('=');
        const given = givenOf(arg);
        if (given !== undefined) globals.set(arg, given);
        else if (value.length > 0) globals.set(arg, expandVariables(unquote(value.join('=')), valueIn));
      }
    }
    if (isFrom) {
      const written = words[0] ?? '';
      const base = baseOf(written);
      const before = base === null ? undefined : stageNamed(base);
      const range = find(written);
      const needs = before === undefined ? [] : [{ index: before, range }];
      stages.push({ index, name, from: instruction, base, needs });
      if (name !== null) stageNames.set(name, index);
      if (before === undefined && base !== 'scratch') addBase(written, base, range);
    }
    for (const source of imageSources(instruction)) {
      const stage = stageNamed(source) ?? (/^\d+$/.test(source) ? Number(source) : undefined);
      const range = find(source);
      if (stage !== undefined) stages.at(-1)?.needs.push({ index: stage, range });
      else if (source !== 'scratch') addBase(source, source.includes('$') ? null : source, range);
    }
  }
  return { escapeChar, lines, instructions, isCut, stages, baseImages };
}

/** The stage of this name or index, the last one for `null`; `null` where there is none. */
export function findStage({ stages }: ParsedDockerfile, target: string | null): DockerfileStage | null {
  if (target === null) return stages.at(-1) ?? null;
  const named = stages.findLast(({ name }) => name === target.toLowerCase());
  return named ?? (/^\d+$/.test(target) ? (stages[Number(target)] ?? null) : null);
}

/** The stages without which `target` cannot be built. */
export function neededStages(dockerfile: ParsedDockerfile, target: string | null): ReadonlySet<number> {
  const needed = new Set<number>();
  const open = [findStage(dockerfile, target)];
  for (let stage = open.pop(); stage !== undefined; stage = open.pop()) {
    if (stage === null || needed.has(stage.index)) continue;
    needed.add(stage.index);
    open.push(...stage.needs.map(({ index }) => dockerfile.stages[index] ?? null));
  }
  return needed;
}

const BUILDKIT_FLAGS: Readonly<Record<string, readonly string[]>> = {
  RUN: ['mount', 'network', 'security', 'device'],
  COPY: ['link', 'chmod', 'exclude', 'parents'],
  ADD: ['link', 'chmod', 'exclude', 'checksum', 'keep-git-dir', 'unpack'],
};

/** Does the Dockerfile use what Docker's classic builder does not know? */
export function needsBuildKit({ instructions }: ParsedDockerfile): boolean {
  return instructions.some(
    ({ keyword, flags, heredocs, words }) =>
      heredocs.length > 0 ||
      flags.some(({ name }) => BUILDKIT_FLAGS[keyword]?.includes(name) === true) ||
      (keyword === 'ARG' && words.some((word) => Object.hasOwn(PLATFORM_ARGS, word))),
  );
}

/** Where `part` stands inside `range`; the whole range where it is not found in one piece. */
export function rangeOf(lines: readonly string[], range: TextRange, part: string): TextRange {
  return rangeFinder(lines, range)(part);
}

/** After so many parts that are not there in one piece, the others are not looked for: each costs a look at the whole text. */
const MAX_MISSES = 100;

/** Like {@link rangeOf} for many parts of one range, in their order: each is looked for behind the one before it. */
export function rangeFinder(lines: readonly string[], range: TextRange): (part: string) => TextRange {
  let { line, column } = range;
  let misses = 0;
  return (part) => {
    if (part === '' || misses >= MAX_MISSES) return range;
    for (let at = line; at <= range.endLine; at += 1) {
      const found = (lines[at - 1] ?? '').indexOf(part, at === line ? column - 1 : 0) + 1;
      if (found === 0) continue;
      line = at;
      column = found + part.length;
      return { line, column: found, endLine: line, endColumn: column };
    }
    misses += 1;
    return range;
  };
}

function wholeRange(lines: readonly string[], line: number, endLine: number): TextRange {
  const first = lines[line - 1] ?? '';
  const column = first.length - first.trimStart().length + 1;
  return { line, column, endLine, endColumn: (lines[endLine - 1] ?? '').length + 1 };
}

/** What of an instruction says what it does. */
export type InstructionParts = Pick<DockerfileInstruction, 'keyword' | 'flags' | 'rest' | 'words' | 'isJson'>;

/**
 * The instruction itself, or what follows its ONBUILD: engines run that when another build starts from the image. No engine
 * takes ONBUILD of ONBUILD: that comes out without words.
 */
export function withoutTrigger(instruction: InstructionParts): InstructionParts {
  if (instruction.keyword !== 'ONBUILD') return instruction;
  // As it is written: a tab inside a JSON list makes it none, and spaces in its place would not.
  const keyword = (/^\S*/.exec(instruction.rest)?.[0] ?? '').toUpperCase();
  return keyword === 'ONBUILD'
    ? { keyword, flags: [], rest: '', words: [], isJson: false }
    : { keyword, ...readWords(instruction.rest) };
}

/** What `COPY --from=…` and `RUN --mount=…,from=…` name: stages or images. */
function imageSources(instruction: InstructionParts): string[] {
  const { keyword, flags } = withoutTrigger(instruction);
  if (instruction.keyword === 'ONBUILD') {
    // A name without a slash is a stage of the Dockerfile in which the trigger runs.
    return sourcesOf(keyword, flags).filter((source) => source.includes('/'));
  }
  return sourcesOf(keyword, flags);
}

function sourcesOf(keyword: string, flags: readonly InstructionFlag[]): string[] {
  if (keyword === 'COPY' || keyword === 'ADD') {
    return flags.filter(({ name, value }) => name === 'from' && value !== '').map(({ value }) => value);
  }
  if (keyword !== 'RUN') return [];
  return flags
    .filter(({ name }) => name === 'mount')
    .flatMap(({ value }) => value.split(','))
    .filter((option) => /^\s*from\s*=/i.test(option))
    .map((option) => option.replace(/^[^=]*=/, '').trim());
}
