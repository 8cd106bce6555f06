import { excerpt } from '../../shared/excerpt.ts';
import { KIND_OF, PARAMETER_LISTS, PARAMETER_NAME, type ParameterList } from '../content/parameter.rules.ts';

/** What `{{inputs.task_id}}` names. */
export interface TemplateName {
  readonly list: ParameterList;
  readonly name: string;
}

/** What becomes one element of an argv: texts that stay as they are, and names whose values come in their place. */
export type TemplateWord = readonly (string | TemplateName)[];

export interface TemplateFault {
  /** Where in the text, in characters from 1. */
  readonly column: number;
  readonly message: string;
}

export interface ReadTemplate {
  readonly words: readonly TemplateWord[];
  /** After an open `{{` nothing more is read. */
  readonly faults: readonly TemplateFault[];
}

const BLANK = /[ \t\r\n]/;
/** A run of characters that mean nothing, or one that may. Runs have an end: ten million times `+` overflow the engine's stack. */
const TOKEN = /[^{]{1,4096}|./suy;
const LINE_TOKEN = /[^{'" \t\r\n]{1,4096}|./suy;

/** Has the text a blank outside of `{{ }}`? */
export function holdsBlank(text: string): boolean {
  return BLANK.test(text.replaceAll(/\{\{[^{}]*\}\}/g, ''));
}

/**
 * Reads an element of a command, linear in its length.
 *
 * @param isLine split it at blanks; `'…'` and `"…"` hold blanks together and are taken off. There is no other shell syntax:
 *   no escapes, no `$`, no operators. Without it the element is one word, quotes and all.
 */
export function readTemplate(text: string, isLine: boolean): ReadTemplate {
  const words = new Words();
  const faults: TemplateFault[] = [];
  let openQuote = '';
  let quoteColumn = 0;
  let column = 1;
  if (!isLine) words.append('');
  for (let at = 0; at < text.length; ) {
    if (text.startsWith('{{', at)) {
      const close = text.indexOf('}}', at + 2);
      const inside = text.slice(at + 2, close);
      if (close < 0 || inside.includes('{{')) {
        faults.push({ column, message: 'this {{ is never closed: close it with }}' });
        return { words: words.all, faults };
      }
      const name = readName(inside);
      if (typeof name === 'string') faults.push({ column, message: name });
      else words.append(name);
      column += [...inside].length + 4;
      at = close + 2;
      continue;
    }
    const tokens = isLine ? LINE_TOKEN : TOKEN;
    tokens.lastIndex = at;
    const [token = ''] = tokens.exec(text) ?? [];
    if (!isLine) {
      words.append(token);
    } else if (token === openQuote) {
      openQuote = '';
    } else if (openQuote === '' && (token === "'" || token === '"')) {
      openQuote = token;
      quoteColumn = column;
      words.append('');
    } else if (openQuote === '' && BLANK.test(token)) {
      words.end();
    } else {
      words.append(token);
    }
    column += [...token].length;
    at += token.length;
  }
  if (openQuote !== '') {
    const message = `this ${openQuote} is never closed: close it, or give each word as an element of its own`;
    faults.push({ column: quoteColumn, message });
  }
  return { words: words.all, faults };
}

/** Puts words together, piece by piece. */
class Words {
  readonly all: (string | TemplateName)[][] = [];
  #word: (string | TemplateName)[] | null = null;

  /** Adds to the word, which begins if there is none: an empty text makes an empty word. */
  append(piece: string | TemplateName): void {
    if (this.#word === null) {
      this.#word = [];
      this.all.push(this.#word);
    }
    const last = this.#word.at(-1);
    if (typeof piece === 'string' && typeof last === 'string') {
      this.#word[this.#word.length - 1] = last + piece;
    } else {
      this.#word.push(piece);
    }
  }

  end(): void {
    this.#word = null;
  }
}

/** @returns what is wrong, as a sentence, where this is no name */
function readName(inside: string): TemplateName | string {
  const [list = '', ...rest] = inside.trim().split('.');
  const name = rest.join('.');
  const written = `{{${excerpt(inside)}}}`;
  if (!isList(list)) {
    return `${written} names nothing that an image has: write {{${PARAMETER_LISTS.join('.name}}, {{')}.name}}`;
  }
  return PARAMETER_NAME.test(name)
    ? { list, name }
    : `${written} names no parameter: write {{${list}.name}}, with at most 128 characters and no white space or braces in the name`;
}

function isList(text: string): text is ParameterList {
  return Object.hasOwn(KIND_OF, text);
}
