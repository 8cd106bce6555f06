import { type DockerfileInstruction, type ParsedDockerfile, rangeFinder } from '../../shared/dockerfile.ts';
import { unquote } from '../../shared/dockerfile-words.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { DockerfileProblem } from './dockerfile.rules.ts';
import { contextLookup } from './dockerfile-files.rules.ts';

/** Names every source of COPY, ADD or a bind mount that is not among the build's files. PURE. */
export function* contextProblems(
  { instructions, lines }: ParsedDockerfile,
  files: readonly string[],
): Generator<DockerfileProblem> {
  const isThere = contextLookup(files);
  for (const instruction of instructions) {
    const find = rangeFinder(lines, instruction.range);
    for (const source of contextSources(instruction)) {
      if (isThere(unquoteSource(source))) continue;
      const message = `"${excerpt(source)}" is not among the build's files; send it in files`;
      yield { severity: 'ERROR', code: 'CONTEXT_MISSING', message, ...find(source) };
    }
  }
}

/** What the instruction takes from the build's files, as far as that can be said before the build. */
function contextSources({ keyword, flags, words }: DockerfileInstruction): readonly string[] {
  if (keyword === 'RUN')
    return flags.flatMap(({ name, value }) => (name === 'mount' ? boundFile(value) : []));
  if (keyword !== 'COPY' && keyword !== 'ADD') return [];
  if (flags.some(({ name }) => name === 'from')) return [];
  return words
    .slice(0, -1)
    .filter((source) => !source.includes('$') && !source.startsWith('<<') && !/^[^/]*:/.test(source));
}

/** The source of `--mount=type=bind,source=…` that names no stage or image; `bind` is what a mount is where it does not say. */
function boundFile(mount: string): string[] {
  const options = new Map(
    mount.split(',').map((option) => {
      const [key = '', ...value] = option.split('=');
      return [key.trim().toLowerCase(), value.join('=').trim()] as const;
    }),
  );
  const source = options.get('source') ?? options.get('src') ?? '';
  const isBound = (options.get('type') ?? 'bind') === 'bind' && !options.has('from');
  return isBound && source !== '' && !source.includes('$') ? [source] : [];
}

/** Quotes go; a backslash stays, since it escapes a character of a pattern. */
const unquoteSource = (source: string): string =>
  source.includes('\\') ? unquote(source) : source.replace(/["']/g, '');
