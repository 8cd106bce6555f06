import type { ParameterKind } from '../../shared/enums.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { Problems } from '../../shared/problems.ts';
import { checkStorable } from '../../shared/text.rules.ts';
import type { ImageContent, ImageParameter } from '../content/image-content.ts';
import { KIND_OF, PARAMETER_LISTS, type ParameterList, typeMismatch } from '../content/parameter.rules.ts';
import {
  holdsBlank,
  type ReadTemplate,
  readTemplate,
  type TemplateName,
  type TemplateWord,
} from './template-words.rules.ts';

/** The part of an image that its command template is made of. */
export type TemplateContent = Pick<ImageContent, 'runtime' | ParameterList>;

/** A variable such as `{{inputs.task_id}}` in an image's command or arguments. */
export interface TemplateVariable {
  readonly scope: ParameterKind;
  readonly name: string;
  /** Does the image have such a parameter? */
  readonly declared: boolean;
}

export interface CommandTemplate {
  /** Each once, in the order in which they first appear. */
  readonly variables: readonly TemplateVariable[];
  readonly warnings: readonly string[];
}

/** Values for an image's variables by their names. */
export type CommandValues = Readonly<Record<ParameterList, ReadonlyMap<string, string>>>;

export interface RenderedCommand {
  /** The program and its arguments, for an `exec` without a shell. */
  readonly argv: readonly string[];
  readonly warnings: readonly string[];
}

/** An image's lists declare fewer than 3 x 256 parameters; a command that asks for more than one list's worth is a mistake. */
const MAX_VARIABLES = 256;
/** What Linux lets a program start with when its stack may have 8 MiB, arguments and environment together. */
const MAX_ARGV_BYTES = 2 * 1024 * 1024;

/** What an image's command asks for (S0). What {@link checkTemplate} refuses is among the warnings. */
export function commandTemplateOf(content: TemplateContent): CommandTemplate {
  const elements = readElements(content);
  const variables = variablesOf(elements);
  const declared = declaredOf(content);
  return {
    variables: variables.map((variable) => ({
      scope: KIND_OF[variable.list],
      name: variable.name,
      declared: declared.has(keyOf(variable)),
    })),
    warnings: [
      ...elements.flatMap(({ path, faults }) =>
        faults.map(({ column, message }) => `${path.join('.')}, column ${column}: ${message}`),
      ),
      ...undeclaredWarnings(variables, declared),
      ...[...declared].flatMap(([key, { default: value, type }]) => {
        const mismatch = value === null ? null : typeMismatch(value, type);
        return mismatch === null ? [] : [`the default of ${excerpt(key)} is of another type: ${mismatch}`];
      }),
    ],
  };
}

/** Checks that a command template can be read. An undeclared variable is no mistake here: S0's own example has six. */
export function checkTemplate(content: TemplateContent, problems: Problems): void {
  const elements = readElements(content);
  addFaults(elements, problems);
  const { length } = variablesOf(elements);
  if (length > MAX_VARIABLES) {
    const message = `command and arguments may hold at most ${MAX_VARIABLES} variables; these are ${length}`;
    problems.add('TOO_MANY', ['runtime', 'command'], message, { max: MAX_VARIABLES, current: length });
  }
}

/**
 * Fills an image's command and arguments with values: the given ones, else the parameters' defaults.
 *
 * Each element becomes one element of the argv, except that a command which is a single element with blanks in it is read as
 * a command line: S0 keeps `python3 /home/a.py --task_id={{inputs.task_id}} …` in one element, and no program has that name,
 * so somebody would have to hand the filled text to a shell, values and all. Hence the template is split, before values come
 * in, and only its quotes are understood ({@link readTemplate}). A program whose path holds blanks is put in quotes, or given
 * apart from its arguments, as S1 does. A list of several elements has been split by its author already.
 *
 * Values come in as they are: they never part a word, are never expanded themselves, and meet no shell.
 *
 * @returns an argv that is only good if nothing was added to `problems`
 */
export function renderCommand(
  content: TemplateContent,
  values: CommandValues,
  problems: Problems,
): RenderedCommand {
  const elements = readElements(content);
  const variables = variablesOf(elements);
  const declared = declaredOf(content);
  const used = new Set(variables.map(keyOf));
  const warnings = undeclaredWarnings(variables, declared);
  addFaults(elements, problems);
  for (const list of PARAMETER_LISTS) {
    for (const [name, value] of values[list]) {
      const key = keyOf({ list, name });
      const path = ['values', list, name];
      if (!used.has(key) && !declared.has(key)) {
        problems.add('INVALID', path, `the image has no ${excerpt(key)}: take it out, or mend its name`);
      } else if (!used.has(key)) {
        warnings.push(`${excerpt(key)} is not used by the command`);
      }
      checkStorable(problems, path, value);
      checkType(value, declared.get(key), path, problems);
    }
  }
  const filled = new Map<string, string>();
  for (const { list, name } of variables) {
    const key = keyOf({ list, name });
    const path = ['values', list, name];
    const given = values[list].get(name);
    const value = given ?? declared.get(key)?.default ?? null;
    if (value === null) {
      const message = `${excerpt(key)} has neither a value nor a default: give it a value`;
      problems.add('VALUE_MISSING', path, message);
    } else {
      filled.set(key, value);
      if (given === undefined) checkType(value, declared.get(key), path, problems);
    }
  }
  const words = elements.flatMap((element) => element.words);
  return { argv: fill(words, (name) => filled.get(keyOf(name)) ?? '', problems), warnings };
}

interface TemplateElement extends ReadTemplate {
  /** Of the element in the image's content. */
  readonly path: readonly string[];
}

function readElements({ runtime: { command, args } }: TemplateContent): TemplateElement[] {
  const isLine = command.length === 1 && command.some(holdsBlank);
  return [
    ...command.map((text, index) => ({
      path: ['runtime', 'command', String(index)],
      ...readTemplate(text, isLine),
    })),
    ...args.map((text, index) => ({
      path: ['runtime', 'args', String(index)],
      ...readTemplate(text, false),
    })),
  ];
}

/** A list's name has no dot, so this is another text for each variable. */
function keyOf({ list, name }: TemplateName): string {
  return `${list}.${name}`;
}

function variablesOf(elements: readonly TemplateElement[]): TemplateName[] {
  const names = elements
    .flatMap(({ words }) => words.flat())
    .filter((piece): piece is TemplateName => typeof piece !== 'string');
  return [...new Map(names.map((name) => [keyOf(name), name])).values()];
}

function declaredOf(content: TemplateContent): ReadonlyMap<string, ImageParameter> {
  return new Map(
    PARAMETER_LISTS.flatMap((list) =>
      content[list].map((parameter) => [keyOf({ list, name: parameter.name }), parameter] as const),
    ),
  );
}

function undeclaredWarnings(
  variables: readonly TemplateName[],
  declared: ReadonlyMap<string, ImageParameter>,
): string[] {
  return variables
    .filter((variable) => !declared.has(keyOf(variable)))
    .map(({ list, name }) => {
      const written = excerpt(keyOf({ list, name }));
      return `the command uses ${written}, which is not among the image's ${list}: each run must give it a value`;
    });
}

function addFaults(elements: readonly TemplateElement[], problems: Problems): void {
  for (const { path, faults } of elements) {
    for (const { column, message } of faults) {
      problems.add('TEMPLATE_INVALID', path, `column ${column}: ${message}`, { column });
    }
  }
}

function checkType(
  value: string,
  parameter: ImageParameter | undefined,
  path: readonly string[],
  problems: Problems,
): void {
  const mismatch = parameter === undefined ? null : typeMismatch(value, parameter.type);
  if (mismatch !== null) problems.add('INVALID', path, mismatch, { type: parameter?.type });
}

/** Joins each word's pieces; stops at once where they become too long, as a value can be used many times. */
function fill(
  words: readonly TemplateWord[],
  valueFor: (name: TemplateName) => string,
  problems: Problems,
): string[] {
  let room = MAX_ARGV_BYTES;
  const argv: string[] = [];
  for (const word of words) {
    let element = '';
    for (const piece of word) {
      const text = typeof piece === 'string' ? piece : valueFor(piece);
      room -= Buffer.byteLength(text);
      if (room < 0) {
        const message = `the filled command would have more than ${MAX_ARGV_BYTES} bytes, too many to be run`;
        problems.add('TOO_LONG', ['values'], message, { max: MAX_ARGV_BYTES });
        return [];
      }
      element += text;
    }
    argv.push(element);
  }
  return argv;
}
