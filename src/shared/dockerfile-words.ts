/** The words of one instruction: flags first, then either a JSON list or words between white space. PURE. */
export interface InstructionWords {
  readonly flags: readonly InstructionFlag[];
  /** What stands after the flags, as it is written. */
  readonly rest: string;
  /** The same in words. Quotes and escapes are still in place, except in a JSON list. */
  readonly words: readonly string[];
  readonly isJson: boolean;
}
export interface InstructionFlag {
  readonly name: string;
  /** Without quotes and escapes; empty where the flag has no value. */
  readonly value: string;
  readonly written: string;
}

/** @param text the instruction on one line, keyword and all */
export function readWords(text: string): InstructionWords {
  let rest = text.replace(/^\S+\s*/, '');
  const flags: InstructionFlag[] = [];
  for (let word = /^--\S*/.exec(rest)?.[0]; word !== undefined; word = /^--\S*/.exec(rest)?.[0]) {
    rest = rest.slice(word.length).trimStart();
    if (word === '--') break;
    const [name = '', ...value] = unquote(word.slice(2)).split('=');
    flags.push({ name: name.toLowerCase(), value: value.join('='), written: word });
  }
  const list = jsonList(rest);
  return {
    flags,
    rest,
    words: list ?? rest.split(/\s+/).filter((word) => word !== ''),
    isJson: list !== null,
  };
}

/** The word without quotes and escapes: what the engine sees once it has read it as a shell would. */
export function unquote(word: string): string {
  return word.replace(/\\(.)/gs, '$1').replace(/["'`]/g, '');
}

/** More than any image reference has. Values of values double with each line: 30 lines could fill the memory. */
const MAX_EXPANDED = 4096;

/**
 * Puts values in the place of `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME-word}`, `${NAME:+word}` and `${NAME+word}`.
 *
 * @param lookUp `null` for a value that is not known, `undefined` for none
 * @returns `null` where the text uses another form, one of these inside another, or a value that is not known, and where
 * it gets longer than 4096 characters
 */
export function expandVariables(
  text: string,
  lookUp: (name: string) => string | null | undefined,
): string | null {
  if (text.length > MAX_EXPANDED) return null;
  let understood = true;
  const expanded = text.replace(
    /\$(?:\{([^}$]*)\}|([A-Za-z_]\w*))?/g,
    (_, braced?: string, plain?: string) => {
      const [, name, mode, word = ''] =
        /^([A-Za-z_]\w*)(?:(:?[-+])([^$]*))?$/.exec(plain ?? braced ?? '') ?? [];
      const value = name === undefined ? null : lookUp(name);
      if (value === null) {
        understood = false;
        return '';
      }
      const isSet = mode?.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
      if (mode?.endsWith('-')) return isSet ? (value ?? '') : word;
      if (mode?.endsWith('+')) return isSet ? word : '';
      return value ?? '';
    },
  );
  return understood && expanded.length <= MAX_EXPANDED ? expanded : null;
}

/**
 * Does the text start with a JSON list of strings, whatever stands behind it? Engines written in Go read the list and leave
 * out the rest, others take all of it as words. Texts that only look like a list to a lenient reader count too.
 */
export function startsWithJsonList(text: string): boolean {
  return /^\[\s*(?:"(?:[^"\\]|\\.)*"\s*(?:,\s*"(?:[^"\\]|\\.)*"\s*)*)?\]/s.test(text);
}

/** The strings of a JSON list; `null` where the text is none, and then engines take it as words. */
function jsonList(text: string): string[] | null {
  if (!text.startsWith('[')) return null;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : null;
  } catch {
    return null;
  }
}
