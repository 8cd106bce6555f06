import {
  type GraphQLInputType,
  type GraphQLNamedInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { forgeCursor } from './cursors.ts';
import type { Random } from './fuzz-random.ts';

/** What random values are made with. */
export interface FuzzMaterial {
  readonly random: Random;
  /** Ids of things that are there, the viewer's own and others'. */
  readonly ids: readonly string[];
  /** Names, references, cursors and whatever else the catalogue knows. */
  readonly words: readonly string[];
}

/** JSON, and the numbers and texts that JSON's own writer would not write. */
export type FuzzValue = unknown;

const NASTY_TEXTS: readonly string[] = [
  '',
  ' ',
  '\n',
  '\0',
  'a\0b',
  '\ud800',
  'x\udc00y',
  '\u202e\u200b\ufeff',
  '𝕏🧪'.repeat(20),
  'é'.normalize('NFD'),
  'x'.repeat(300),
  'x'.repeat(5_000),
  "' or 1=1; drop table image; --",
  '"; SELECT pg_sleep(9); --',
  `$1 $2 ? :a %s %n {} \${x} 'id' $(id)`,
  '%',
  '_',
  '\\',
  '\\x00\\u0000',
  '%_\\%',
  '../../../../etc/passwd',
  '/etc/passwd',
  '<script>alert(1)</script>',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  '-0',
  '1e999',
  '9'.repeat(400),
  '00000000-0000-0000-0000-000000000000',
  '2026-02-30T25:61:61Z',
  '0000-00-00T00:00:00Z',
  '+275760-09-13T00:00:00.001Z',
  '{"a":1}',
  '[[[[[[',
  'a:b:c@sha256:d',
  `docker.io/a/b@sha256:${'0'.repeat(64)}`,
  '[::1]:5000/a:b',
  'http://169.254.169.254/latest',
  'FROM scratch\n',
  'FROM scratch AS a\nRUN --mount=type=bind,from=b <<E\nx\nE\n',
  'FROM $A\nADD http://x /y',
  `ARG A=\${A:-\${A:-\${A}}}\nFROM \${A}\n`,
  '{{ inputs.rate | x }} {{',
  '--task={{inputs.rate}}',
  '(a+)+$',
  Buffer.from('Image:').toString('base64url'),
  Buffer.from('Image:11111111-2222-4333-8444-555555555555').toString('base64url'),
  Buffer.from('Nothing:1').toString('base64url'),
  Buffer.from('["a","b"]').toString('base64'),
  forgeCursor(
    'images CREATED_AT DESC',
    '["2026-01-01T00:00:00.000Z","11111111-2222-4333-8444-555555555555"]',
  ),
  forgeCursor('images', '[{},[]]'),
];

const NASTY_NUMBERS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  7,
  100,
  101,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  -(2 ** 53),
  1e308,
  5e-324,
  0.1,
];

/** A value of any kind at all. */
export function anyValue(material: FuzzMaterial, depth = 0): FuzzValue {
  const { random } = material;
  switch (random.below(depth > 3 ? 5 : 7)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.of(NASTY_NUMBERS);
    case 3:
    case 4:
      return anyText(material);
    case 5:
      return random.times(random.below(5), () => anyValue(material, depth + 1));
    default:
      return Object.fromEntries(
        random.times(random.below(4), () => [anyText(material), anyValue(material, depth + 1)]),
      );
  }
}

export function anyText({ random, ids, words }: FuzzMaterial): string {
  const text = random.of(random.chance(0.5) ? NASTY_TEXTS : random.chance(0.5) ? ids : words);
  if (random.chance(0.15)) return mutated(random, text);
  return random.chance(0.1) ? text + random.of(NASTY_TEXTS) : text;
}

/** A text with one character taken away, put in or replaced. */
function mutated(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const put = random.chance(0.3) ? '' : String.fromCharCode(random.below(random.chance(0.8) ? 128 : 0x10000));
  return text.slice(0, at) + put + text.slice(at + (random.chance(0.5) ? 1 : 0));
}

/** A value for an argument: mostly one of its type, sometimes a wrong one somewhere inside. */
export function valueFor(material: FuzzMaterial, type: GraphQLInputType, depth = 0): FuzzValue {
  const { random } = material;
  if (random.chance(0.03)) return anyValue(material, depth);
  if (isNonNullType(type)) return valueFor(material, type.ofType, depth);
  if (depth > 0 && random.chance(0.05)) return null;
  if (isListType(type)) {
    const length = random.chance(0.004) ? 300 : random.below(4);
    return random.times(length, () => valueFor(material, type.ofType, depth + 1));
  }
  if (isEnumType(type)) return random.of(type.getValues()).name;
  if (isInputObjectType(type)) return objectFor(material, type, depth);
  return scalarFor(material, type);
}

function objectFor(
  material: FuzzMaterial,
  type: Extract<GraphQLNamedInputType, { getFields: unknown }>,
  depth: number,
): FuzzValue {
  const { random } = material;
  const fields = Object.values(type.getFields());
  // One level of a filter in a filter in a filter is enough to find what is to be found.
  const optional = depth > 5 ? 0.05 : 0.35;
  const given = fields.filter((field) => isNonNullType(field.type) || random.chance(optional));
  return Object.fromEntries(given.map((field) => [field.name, valueFor(material, field.type, depth + 1)]));
}

function scalarFor(material: FuzzMaterial, type: GraphQLNamedInputType): FuzzValue {
  const { random, ids } = material;
  switch (type.name) {
    case 'ID':
      return random.chance(0.7) ? random.of(ids) : anyText(material);
    case 'Int':
      return random.chance(0.6) ? random.below(20) : random.of(NASTY_NUMBERS);
    case 'SafeInt':
      return random.chance(0.4) ? random.below(2 ** 40) : random.of(NASTY_NUMBERS);
    case 'Float':
    case 'Decimal':
      return random.chance(0.5) ? random.next() * 1000 : random.of(NASTY_NUMBERS);
    case 'Boolean':
      return random.chance(0.5);
    case 'DateTime':
      return random.chance(0.7)
        ? new Date(random.below(4e12)).toISOString()
        : random.of([
            '0001-01-01T00:00:00Z',
            '9999-12-31T23:59:59.999Z',
            '-271821-04-20T00:00:00Z',
            anyText(material),
          ]);
    case 'UUID':
      return random.of(['11111111-2222-4333-8444-555555555555', anyText(material)]);
    case 'JSONObject':
      return { [anyText(material)]: anyValue(material) };
    default:
      return anyText(material);
  }
}
