import type { Problems } from '../../shared/problems.ts';
import type { ParameterList } from '../content/parameter.rules.ts';
import type { CommandValues } from './command-template.rules.ts';

/**
 * Reads values for a command: texts as they are, numbers and truth values as JSON writes them.
 *
 * @returns those that can be read; what is wrong with the others is in `problems`
 */
export function valuesOf(
  given: Readonly<Partial<Record<ParameterList, Readonly<Record<string, unknown>> | null>>>,
  problems: Problems,
): CommandValues {
  const read = (list: ParameterList) => {
    const values = new Map<string, string>();
    for (const [name, value] of Object.entries(given[list] ?? {})) {
      if (value === null) continue;
      if (typeof value === 'string') values.set(name, value);
      else if (typeof value === 'number' || typeof value === 'boolean') values.set(name, String(value));
      else problems.add('INVALID', ['values', list, name], 'give a text, a number, true or false');
    }
    return values;
  };
  return { inputs: read('inputs'), outputs: read('outputs'), configs: read('configs') };
}
