import { printParseErrorCode, visit } from 'jsonc-parser';
import { excerpt } from '../../shared/excerpt.ts';

/** Why a document cannot be read at all, and where; its first line and column are 1, and a column counts code points. */
export interface DocumentProblem {
  /** Where the only trouble is the number of records. */
  readonly tooMany?: { readonly max: number; readonly current: number };
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** A key that an object has twice; reading keeps the last of them. */
export interface RepeatedKey {
  /** Where the key leads to: keys, and indexes of lists. */
  readonly path: readonly (string | number)[];
  /** Of the later one, from 1. */
  readonly line: number;
}

export interface JsonDocument {
  readonly value: unknown;
  readonly repeated: readonly RepeatedKey[];
}

/** The documents' forms are 6 deep; jsonc-parser and what walks over a value recurse, and some 5,000 levels are all that the stack holds. */
const MAX_DEPTH = 100;
/** A document of 20 MB that lists images has about a million values, and one of nothing but commas would take seconds. */
const MAX_VALUES = 2_000_000;

/** Whoever has more of them has something else than a slip of the pen. */
const MAX_REPEATED = 1000;

/** jsonc-parser's words for what is wrong, in ours; those with `is` in front are said of what stands there. */
const FAULTS: Readonly<Record<string, string>> = {
  InvalidSymbol: 'is no JSON; keys and texts stand in double quotes',
  InvalidNumberFormat: 'is no number of JSON',
  UnexpectedEndOfNumber: 'is no number of JSON',
  PropertyNameExpected: 'a key in double quotes is expected',
  ValueExpected: 'a value is expected',
  ColonExpected: 'a colon is expected after the key',
  CommaExpected: 'a comma is expected',
  CloseBraceExpected: 'a closing } is expected',
  CloseBracketExpected: 'a closing ] is expected',
  EndOfFileExpected: 'the end of the document is expected',
  InvalidCommentToken: 'JSON has no comments',
  UnexpectedEndOfComment: 'JSON has no comments',
  UnexpectedEndOfString: 'a text has no closing quote on its line',
  InvalidUnicode: 'four hex digits are expected after \\u',
  InvalidEscapeCharacter: 'a backslash stands before a character that needs none; write \\\\ for a backslash',
  InvalidCharacter: 'a text holds a control character; write it as \\n, \\t or \\u and four hex digits',
};

/** What no text of JSON holds. */
const FAULT_IN_TEXT = /[^ -\u{10ffff}]|\\(?!["\\/bfnrt]|u[\da-fA-F]{4})/u;

/** Ends a {@link visit}, which goes on after errors otherwise. */
class Stop extends Error {
  constructor(readonly problem: DocumentProblem) {
    super(problem.message);
  }
}

/** Reads JSON text, with a byte order mark or without; says what is wrong first, and which keys are there twice. */
export function readJson(given: string): JsonDocument | { readonly problem: DocumentProblem } {
  const text = given.startsWith('\uFEFF') ? given.slice(1) : given;
  if (/^\s*$/.test(text)) return { problem: { message: 'the document is empty', line: 1, column: 1 } };
  try {
    const repeated = check(text);
    return { value: JSON.parse(text), repeated };
  } catch (error) {
    if (error instanceof Stop) return { problem: error.problem };
    throw error;
  }
}

/**
 * @returns the repeated keys
 * @throws Stop at the first thing that is wrong
 */
function check(text: string): RepeatedKey[] {
  const repeated: RepeatedKey[] = [];
  /** The keys of the objects and lists that are open; a list's stay empty. */
  const open: Set<string>[] = [];
  const enter = (offset: number, _length: number, line: number, character: number) => {
    if (open.push(new Set()) > MAX_DEPTH)
      stop(text, offset, line, character, `it is nested more than ${MAX_DEPTH} deep`);
  };
  const leave = () => {
    open.pop();
  };
  let values = 1;
  visit(
    text,
    {
      onObjectBegin: enter,
      onArrayBegin: enter,
      onObjectEnd: leave,
      onArrayEnd: leave,
      onObjectProperty(key, offset, _length, line, character, pathOf) {
        const keys = open.at(-1);
        if (keys?.has(key)) repeated.push({ path: [...pathOf(), key], line: line + 1 });
        if (repeated.length > MAX_REPEATED)
          stop(text, offset, line, character, `more than ${MAX_REPEATED} keys are there twice`);
        keys?.add(key);
      },
      onSeparator(separator, offset, _length, line, character) {
        if (separator === ',' && ++values > MAX_VALUES)
          stop(text, offset, line, character, `it has more than ${MAX_VALUES} values`);
      },
      onError(code, offset, length, line, character) {
        const fault = FAULTS[printParseErrorCode(code)] ?? 'is no JSON';
        const token = text.slice(offset, offset + length);
        const within = token.startsWith('"') ? Math.max(0, token.search(FAULT_IN_TEXT)) : 0;
        const message = fault.startsWith('is ') ? `${JSON.stringify(excerpt(token, 20))} ${fault}` : fault;
        stop(text, offset + within, line, character + within, message);
      },
    },
    { disallowComments: true },
  );
  return repeated;
}

/** @param character UTF-16 units since the line's beginning, as jsonc-parser counts */
function stop(text: string, offset: number, line: number, character: number, why: string): never {
  let column = 1;
  for (const _ of text.slice(offset - character, offset)) column++;
  const message = `the document cannot be read at line ${line + 1}, column ${column}: ${why}`;
  throw new Stop({ message, line: line + 1, column });
}
