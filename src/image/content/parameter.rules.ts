import type { ParameterKind } from '../../shared/enums.ts';
import { excerpt } from '../../shared/excerpt.ts';
import { checkWhole, MAX_INT } from '../../shared/number.rules.ts';
import type { Problems } from '../../shared/problems.ts';
import { checkText } from '../../shared/text.rules.ts';
import type { ImageContent, ImageParameter } from './image-content.ts';

/** The lists of an image's parameters, as its content and its command template name them, and what stands in each. */
export const KIND_OF = {
  inputs: 'INPUT',
  outputs: 'OUTPUT',
  configs: 'CONFIG',
} as const satisfies Record<string, ParameterKind>;
export type ParameterList = keyof typeof KIND_OF;
export const PARAMETER_LISTS = Object.keys(KIND_OF) as readonly ParameterList[];

export type ImageParameters = Pick<ImageContent, ParameterList>;

/** What a command template can name: up to 128 characters, no braces, white space or control characters. */
export const PARAMETER_NAME = /^[^{}\s\p{Cc}]{1,128}$/u;
const MAX_NAME = 128;

const MAX_PARAMETERS = 256;
// Lengths in code points.
const MAX_WORD = 64;
const MAX_DISPLAY_NAME = 256;
const MAX_DEFAULT = 32_768;

/** Checks an image's parameters. */
export function checkParameters(lists: ImageParameters, problems: Problems): void {
  for (const list of PARAMETER_LISTS) checkList(lists[list], [list], problems);
}

function checkList(parameters: readonly ImageParameter[], path: readonly string[], problems: Problems): void {
  if (parameters.length > MAX_PARAMETERS) {
    const message = `may have at most ${MAX_PARAMETERS} parameters; these are ${parameters.length}`;
    problems.add('TOO_MANY', path, message, { max: MAX_PARAMETERS, current: parameters.length });
    return;
  }
  const names = new Set<string>();
  for (const [place, parameter] of parameters.entries()) {
    const at = (field: keyof ImageParameter) => [...path, String(place), field];
    checkName(parameter.name, at('name'), problems);
    if (parameter.name !== '' && names.has(parameter.name)) {
      const message = `${JSON.stringify(excerpt(parameter.name))} is there twice; a name stands once in its list`;
      problems.add('DUPLICATE', at('name'), message);
    }
    names.add(parameter.name);
    checkText(problems, at('type'), parameter.type, MAX_WORD);
    checkText(problems, at('controls'), parameter.controls, MAX_WORD);
    checkText(problems, at('default'), parameter.default, MAX_DEFAULT);
    checkText(problems, at('displayName'), parameter.displayName, MAX_DISPLAY_NAME);
    checkWhole(problems, at('index'), parameter.index, 0, MAX_INT);
  }
}

function checkName(name: string, path: readonly string[], problems: Problems): void {
  if (name === '') {
    problems.add('REQUIRED', path, 'a parameter needs a name');
  } else if (PARAMETER_NAME.test(name) || [...name].length > MAX_NAME) {
    checkText(problems, path, name, MAX_NAME);
  } else {
    const message = 'has no braces, white space or control characters, so that a command can name it';
    problems.add('PATTERN', path, message, { pattern: PARAMETER_NAME.source });
  }
}

/** A parameter may say its kind, as S0's do; it must be that of its list. */
export function checkKind(
  kind: ParameterKind | null | undefined,
  expected: ParameterKind,
  path: readonly string[],
  problems: Problems,
): void {
  if (kind === null || kind === undefined || kind === expected) return;
  const message = `this list holds parameters of the kind ${expected}; leave the kind out, or move this ${kind}`;
  problems.add('INVALID', path, message, { expected });
}

const WHOLE = { pattern: /^[+-]?\d+$/, meaning: 'a whole number, e.g. 42' };
const NUMBER = { pattern: /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/, meaning: 'a number, e.g. 0.5' };
const BOOLEAN = { pattern: /^(?:true|false)$/i, meaning: 'true or false' };

/** What the values of a type look like. The documents know `string` only; these are the words that people try first. */
const TYPES: ReadonlyMap<string, { readonly pattern: RegExp; readonly meaning: string }> = new Map([
  ['int', WHOLE],
  ['integer', WHOLE],
  ['number', NUMBER],
  ['float', NUMBER],
  ['bool', BOOLEAN],
  ['boolean', BOOLEAN],
]);

/**
 * Why a value is not of a parameter's type, as the end of a sentence; `null` if it is. The type is read in any case; of
 * `string`, and of a type that nobody knows here, is every value.
 */
export function typeMismatch(value: string, type: string): string | null {
  const known = TYPES.get(type.toLowerCase());
  if (known === undefined || known.pattern.test(value)) return null;
  return `${JSON.stringify(excerpt(value))} is not ${known.meaning}`;
}
