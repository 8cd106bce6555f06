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
  /** What stands after the flags, quotes and escapes in place, except in a JSON list. */
  readonly words: readonly string[];
  readonly isJson: boolean;
  /** The names of its here-documents. */
  readonly heredocs: readonly string[];
  /** A here-document, or a quote before one, does not end. */
  readonly isOpen: boolean;
}

export interface DockerfileStage {
  readonly index: number;
  /** In lowercase letters; `null` where it has none. */
  readonly name: string | null;
  readonly from: DockerfileInstruction;
  /** The base with its variables filled in; `null` where they cannot be. */
  readonly base: string | null;
  /** The stages that this one is built from, by FROM, COPY --from or RUN --mount. */
  readonly needs: readonly number[];
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
  readonly instructions: readonly DockerfileInstruction[];
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
  const { escapeChar, lines, instructions: cuts } = splitDockerfile(source);
  const instructions: DockerfileInstruction[] = [];
  const stages: (DockerfileStage & { readonly needs: number[] })[] = [];
  const baseImages: BaseImageUse[] = [];
  const globals = new Map<string, string>();
  const stageNamed = (name: string) => stages.findLast((stage) => stage.name === name.toLowerCase())?.index;
  const givenOf = (name: string) => (Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined);
  const valueIn = (name: string) =>
    globals.get(name) ??
    (Object.hasOwn(platformArgs, name) ? (givenOf(name) ?? platformArgs[name]) : undefined);

  for (const cut of cuts) {
    const { flags, words, isJson } = readWords(cut.text);
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
      words,
      isJson,
      heredocs: cut.heredocs,
      isOpen: cut.isOpen,
    };
    instructions.push(instruction);
    const addBase = (written: string, reference: string | null) =>
      baseImages.push({ written, reference, instruction, range: rangeOf(lines, instruction.range, written) });

    if (cut.keyword === 'ARG' && index < 0) {
      for (const word of words) {
        const [arg = '', ...value] = word.split('=');
        const given =
          givenOf(arg) ?? (value.length > 0 ? expandVariables(unquote(value.join('=')), valueIn) : null);
        if (given !== null) globals.set(arg, given);
      }
    }
    if (isFrom) {
      const written = words[0] ?? '';
      const base = expandVariables(unquote(written), valueIn);
      const before = base === null ? undefined : stageNamed(base);
      stages.push({ index, name, from: instruction, base, needs: before === undefined ? [] : [before] });
      if (before === undefined && base !== 'scratch') addBase(written, base);
    }
    for (const source of imageSources(instruction)) {
      const stage = stageNamed(source) ?? (/^\d+$/.test(source) ? Number(source) : undefined);
      if (stage !== undefined) stages.at(-1)?.needs.push(stage);
      else if (source !== 'scratch') addBase(source, source.includes('$') ? null : source);
    }
  }
  return { escapeChar, lines, instructions, stages, baseImages };
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
  const visit = (stage: DockerfileStage | null | undefined): void => {
    if (!stage || needed.has(stage.index)) return;
    needed.add(stage.index);
    for (const index of stage.needs) visit(dockerfile.stages[index]);
  };
  visit(findStage(dockerfile, target));
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
  if (part === '') return range;
  for (let line = range.line; line <= range.endLine; line += 1) {
    const column = (lines[line - 1] ?? '').indexOf(part, line === range.line ? range.column - 1 : 0);
    if (column >= 0) return { line, column: column + 1, endLine: line, endColumn: column + 1 + part.length };
  }
  return range;
}

function wholeRange(lines: readonly string[], line: number, endLine: number): TextRange {
  const first = lines[line - 1] ?? '';
  const column = first.length - first.trimStart().length + 1;
  return { line, column, endLine, endColumn: (lines[endLine - 1] ?? '').length + 1 };
}

/** What `COPY --from=…` and `RUN --mount=…,from=…` name: stages or images. */
function imageSources({
  keyword,
  flags,
  words,
}: Pick<DockerfileInstruction, 'keyword' | 'flags' | 'words'>): string[] {
  if (keyword === 'ONBUILD') {
    const text = words.join(' ');
    const trigger = { keyword: (words[0] ?? '').toUpperCase(), ...readWords(text) };
    // A name without a slash is a stage of the Dockerfile in which the trigger runs.
    return imageSources(trigger).filter((source) => source.includes('/'));
  }
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
