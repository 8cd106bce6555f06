import { buildSchema, execute, GraphQLError, parse, specifiedRules, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { DateTime, Decimal, SafeInt } from '../../src/graphql/scalars.ts';
import { withoutValues } from '../../src/graphql/without-values.rules.ts';

const SECRET = 'hunter2; Field "a" is not defined by type "B". at "x"; found';

const schema = buildSchema(`
  scalar DateTime scalar Decimal scalar SafeInt
  enum Status { RUNNING ENDED }
  input Secret { id: ID! value: String! }
  input Build { name: String! secrets: [Secret!] status: Status at: DateTime price: Decimal bytes: SafeInt }
  type Query { build(input: Build, name: String, count: Int, status: Status): Boolean }
`);
for (const scalar of [DateTime, Decimal, SafeInt]) {
  const { parseValue, parseLiteral } = scalar;
  Object.assign(schema.getType(scalar.name) ?? {}, { parseValue, parseLiteral });
}

/** What is said of a document, or of its variables. */
function said(text: string, variableValues?: Record<string, unknown>): string[] {
  try {
    const document = parse(text);
    const invalid = validate(schema, document, specifiedRules);
    const errors = invalid.length > 0 ? invalid : run(document, variableValues);
    return errors.map(withoutValues);
  } catch (error) {
    if (error instanceof GraphQLError) return [withoutValues(error)];
    throw error;
  }
}

function run(document: ReturnType<typeof parse>, variableValues: Record<string, unknown> = {}) {
  const result = execute({ schema, document, variableValues });
  if (result instanceof Promise) throw new Error('nothing here takes time');
  return result.errors ?? [];
}

const ofInput = (input: unknown) => said('query ($i: Build) { build(input: $i) }', { i: input });

describe('what is said of a variable', () => {
  it.each<[string, unknown, string]>([
    ['an object’s missing field', { name: 'a', secrets: { id: 'A' } }, 'at "i.secrets.id"'],
    [
      'a field too many',
      { name: 'a', secrets: [{ id: 'A', value: SECRET, extra: SECRET }] },
      'Field "extra" is not',
    ],
    ['a text for an object', { name: 'a', secrets: SECRET }, 'Expected type "Secret" to be an object.'],
    [
      'a list for a text',
      { name: 'a', secrets: [{ id: 'A', value: [SECRET] }] },
      'String cannot represent a non string value.',
    ],
    [
      'no such value of an enum',
      { name: 'a', status: SECRET },
      'There is no such value in the "Status" enum.',
    ],
    [
      'a list for an enum',
      { name: 'a', status: [SECRET] },
      'Enum "Status" cannot represent non-string value.',
    ],
    ['no date', { name: 'a', at: `${SECRET} value: x` }, 'Expected a value of type "DateTime".'],
    ['no decimal', { name: 'a', price: SECRET }, 'Not a decimal number: give digits'],
    ['no integer', { name: 'a', bytes: SECRET }, 'SafeInt cannot represent non-integer value.'],
    [
      'nothing where something belongs',
      { name: null, secrets: [{ id: 'A', value: SECRET }] },
      'Expected non-nullable type "String!" not to be null.',
    ],
    ['a text for the whole', SECRET, 'Expected type "Build" to be an object.'],
  ])('quotes no value: %s', (_case, input, expected) => {
    const messages = ofInput(input);
    expect(messages.join('\n')).toMatch(/^Variable "\$i" got an invalid value( at "i\.[\w.[\]]+")?; /);
    if (!expected.startsWith('at')) expect(messages).toContainEqual(expect.stringContaining(expected));
    expect(messages.join()).not.toContain('hunter2');
  });

  it('names the type that a variable without a place should have', () => {
    expect(said('query ($n: String!) { build(name: $n) }', { n: [SECRET] })).toEqual([
      'Variable "$n" got an invalid value; Expected a value of type "String!".',
    ]);
  });

  it('is all that GraphQL says where it quotes nothing', () => {
    expect(said('query ($n: String!) { build(name: $n) }')).toEqual([
      'Variable "$n" of required type "String!" was not provided.',
    ]);
  });
});

describe('what is said of a document', () => {
  const quoted = JSON.stringify(SECRET);
  it.each([
    [`{ build(count: ${quoted}) }`, 'Int cannot represent non-integer value.'],
    ['{ build(name: 4711) }', 'String cannot represent a non string value.'],
    [`{ build(status: ${quoted}) }`, 'Enum "Status" cannot represent non-enum value.'],
    [
      '{ build(status: RUNING) }',
      'There is no such value in the "Status" enum. Did you mean the enum value "RUNNING"?',
    ],
    [`{ build(input: ${quoted}) }`, 'Expected value of type "Build".'],
    [`{ build(input: { name: "a", at: ${quoted} }) }`, 'Expected a value of type "DateTime".'],
    [`{ build(name ${quoted}) }`, 'Syntax Error: Expected ":", found String.'],
    [`{ build(name: "a") ${quoted} }`, 'Syntax Error: Expected Name, found String.'],
    ['{ build( }', 'Syntax Error: Expected Name, found "}".'],
    ['{ biuld }', 'Cannot query field "biuld" on type "Query". Did you mean "build"?'],
  ])('quotes no value: %s', (text, expected) => {
    expect(said(text)).toEqual([expected]);
  });
});
