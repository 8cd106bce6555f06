/**
 * Cuts a Dockerfile into its instructions as the engines' own parser does. PURE.
 *
 * Not by `dockerfile-ast`, on purpose: it takes `RUN x \\` at the end of a line for a continuation where the engine sees
 * the end of the instruction, and it finds here-documents inside quotes. Either lets an instruction hide from the checks
 * that the engine then runs.
 *
 * @see https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/parser.go
 */
interface InstructionLines {
  /** In capital letters; never empty. */
  readonly keyword: string;
  /** The instruction on one line: continuations joined, comments and here-documents left out, white space as written. */
  readonly text: string;
  /** First and last line, counted from 1, here-documents included. */
  readonly line: number;
  readonly endLine: number;
  readonly heredocs: readonly string[];
  /** Engines may see other here-documents than these, or other ends of them. */
  readonly isUnclear: boolean;
}

/** Far beyond any real Dockerfile: engines end at some hundred layers, and a megabyte can hold 300,000 instructions. */
const MAX_INSTRUCTIONS = 5000;

interface SplitDockerfile {
  readonly escapeChar: string;
  readonly lines: readonly string[];
  /** The first 5,000. */
  readonly instructions: readonly InstructionLines[];
  /** Are there more? */
  readonly isCut: boolean;
}

const TAKES_HEREDOCS = /^(?:(?:ONBUILD)\s+)?(?:RUN|COPY|ADD)\s/i;

export function splitDockerfile(source: string): SplitDockerfile {
  const lines = source.replace(/^\uFEFF/, '').split(/\r?\n/);
  lines.push((lines.pop() ?? '').replace(/\r$/, ''));
  const escapeChar = /^\s*#[ \t]*escape[ \t]*=[ \t]*`/i.test(lines[0] ?? '') ? '`' : '\\';
  const instructions: InstructionLines[] = [];

  for (let at = 0; at < lines.length; at += 1) {
    const first = at;
    const start = (lines[at] ?? '').trimStart();
    if (start === '' || start.startsWith('#')) continue;
    if (instructions.length === MAX_INSTRUCTIONS) return { escapeChar, lines, instructions, isCut: true };
    let { text, continues } = cutContinuation(start, escapeChar);
    while (continues && at + 1 < lines.length) {
      at += 1;
      const next = lines[at] ?? '';
      if (/^\s*(?:#|$)/.test(next)) continue;
      const cut = cutContinuation(next, escapeChar);
      text += cut.text;
      continues = cut.continues;
    }
    if (text.trim() === '') continue;
    const { heredocs, isUnclear } = TAKES_HEREDOCS.test(text)
      ? findHeredocs(text)
      : { heredocs: [], isUnclear: false };
    let missing = isUnclear;
    for (const { name, dash } of heredocs) {
      do at += 1;
      while (at < lines.length && (dash ? lines[at]?.replace(/^\t+/, '') : lines[at]) !== name);
      missing ||= at >= lines.length;
      at = Math.min(at, lines.length - 1);
    }
    instructions.push({
      keyword: (/^\S+/.exec(text)?.[0] ?? '').toUpperCase(),
      text: text.trim(),
      line: first + 1,
      endLine: at + 1,
      heredocs: heredocs.map(({ name }) => name),
      isUnclear: missing,
    });
  }
  return { escapeChar, lines, instructions, isCut: false };
}

/** An escape character at the end of the line, not itself escaped, joins the next line to it. */
function cutContinuation(line: string, escapeChar: string): { text: string; continues: boolean } {
  // Not by a regular expression, which takes the square of the length of any white space within the line.
  let end = line.length;
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end -= 1;
  const continues = line[end - 1] === escapeChar && line[end - 2] !== escapeChar;
  return { text: continues ? line.slice(0, end - 1) : line, continues };
}

/** What every engine takes for the same name, however it reads escapes and variables. */
const PLAIN_NAME = /^(?:[\w.-]+|"[\w.-]+"|'[\w.-]+')$/;
/** What every engine reads alike: `${NAME}`, or with a word in the place of nothing. */
const PLAIN_VARIABLE = /\$\{\w+(?::?[-+][^\s"'\\`${}<]*)?\}/g;

/**
 * Words like `<<EOF`, `3<<-"EOF"`: a here-document each, unless they stand in quotes. BuildKit fills in the variables first,
 * where they have a value in the text itself, as in `${A:-<<EOF}`: what may come out of that is unclear.
 */
function findHeredocs(text: string): { heredocs: { name: string; dash: boolean }[]; isUnclear: boolean } {
  if (!text.includes('<<')) return { heredocs: [], isUnclear: false };
  const heredocs: { name: string; dash: boolean }[] = [];
  const { words, isOpen } = splitQuoted(text);
  // `<< EOF` is a here-document to newer engines only; `<<<` is none to any.
  const bare = text.replace(/\\.|'[^']*'|"(?:\\.|[^"\\])*"/gs, 'x');
  let isUnclear = isOpen || /(?<!<)(?:<<)+\s/.test(bare) || text.replace(PLAIN_VARIABLE, '').includes('${');
  for (const word of words) {
    const [, dash, written = ''] = /^\d*<<(-?)([^<]*)$/.exec(word) ?? [];
    if (dash === undefined || written === '') continue;
    isUnclear ||= !PLAIN_NAME.test(written);
    const name = written.replace(/["']/g, '');
    if (name !== '') heredocs.push({ name, dash: dash === '-' });
  }
  return { heredocs, isUnclear };
}

/** Words between white space that is neither in quotes nor escaped; quotes and escapes stay in them. */
export function splitQuoted(text: string): { words: string[]; isOpen: boolean } {
  const words = text.match(/(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"\\]|['"\\])+/gs) ?? [];
  const closed = text.replace(/\\.|'[^']*'|"(?:\\.|[^"\\])*"/gs, '');
  return { words, isOpen: /['"]/.test(closed) };
}
