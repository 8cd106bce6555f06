import { buildSchema, parse, specifiedRules, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { parseOptions, ShapeRule } from '../../src/graphql/document-shape.rules.ts';

const schema = buildSchema('type Query { name: String nested: Query list: [Query] }');

const repeat = (count: number, part: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => part(n)).join(' ');
const nest = (depth: number) => `${'{ nested '.repeat(depth - 1)}{ name }${' }'.repeat(depth - 1)}`;

/** What is wrong with a document, by GraphQL's own rules and ours. */
function problemsOf(text: string): { message: string; details: unknown }[] {
  const errors = validate(schema, parse(text, parseOptions), [...specifiedRules, ShapeRule]);
  return errors.map(({ message, extensions }) => ({ message, details: extensions['details'] }));
}

/** A chain of fragments of which each spreads the next twice. */
const bomb = (length: number) =>
  `{ ...F0 } ${repeat(length, (n) => `fragment F${n} on Query { nested { ...F${n + 1} } list { ...F${n + 1} } }`)} fragment F${length} on Query { name }`;

describe('a document within the limits', () => {
  it.each([
    ['15 levels', nest(15)],
    ['100 aliases', `{ ${repeat(100, (n) => `a${n}: name`)} }`],
    ['one field 50 times at one place', `{ ${repeat(50, () => 'nested { name }')} }`],
    [
      '1,000 fields',
      `{ ${repeat(20, (n) => `a${n}: nested { ...F }`)} } fragment F on Query { ${repeat(49, () => 'name')} }`,
    ],
  ])('may have %s', (_case, text) => {
    expect(problemsOf(text)).toEqual([]);
  });
});

describe('a document over the limits', () => {
  it.each([
    ['16 levels', nest(16), 'nests 16 levels of fields; at most 15 are allowed', { limit: 15, current: 16 }],
    [
      '101 aliases',
      `{ ${repeat(101, (n) => `a${n}: name`)} }`,
      'has 101 aliases',
      { limit: 100, current: 101 },
    ],
    [
      'aliases in a fragment that is spread often',
      `{ ${repeat(51, () => '...F')} } fragment F on Query { a: name b: name }`,
      'has 102 aliases',
      { limit: 100, current: 102 },
    ],
    [
      'a field over and over',
      `{ ${repeat(51, () => 'name')} }`,
      'selects one field 51 times at one place',
      { limit: 50, current: 51 },
    ],
    [
      'one below it over and over, by fragments',
      `{ ${repeat(9, () => 'nested { ...F }')} } fragment F on Query { ${repeat(6, () => 'name')} }`,
      'selects one field 54 times at one place',
      { limit: 50, current: 54 },
    ],
    [
      '1,001 fields in several operations',
      `${repeat(20, (n) => `query Q${n} { nested { ...F } }`)} fragment F on Query { ${repeat(49, () => 'name')} name }`,
      'selects 1021 fields',
      { limit: 1000, current: 1021 },
    ],
  ])('is refused for %s, and nothing else of it is looked at', (_case, text, message, details) => {
    const problems = problemsOf(`${text} fragment Nowhere on Nothing { nobody }`);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toContain(message);
    expect(problems[0]?.details).toEqual(details);
  });

  it('is told every limit that it breaks', () => {
    const text = `{ a: ${'nested { a: nested { '.repeat(8)} ${repeat(1000, (n) => `a${n}: name`)} ${'} }'.repeat(8)} }`;
    expect(problemsOf(text).map(({ details }) => (details as { limit: number }).limit)).toEqual([
      15, 1000, 100,
    ]);
  });

  it.each([20, 200])('is measured at once where fragments spread each other 2^%i-fold', (length) => {
    const problems = problemsOf(bomb(length));
    expect(problems[0]?.message).toContain(`nests ${length + 1} levels`);
    expect(problems[1]?.details).toEqual({ limit: 1000, current: expect.toSatisfy(Number.isSafeInteger) });
  });

  it('is refused where a fragment spreads itself, used or not', () => {
    for (const [spread, name] of [
      ['...A', 'A'],
      ['name', 'A'],
    ]) {
      const text = `{ ${spread} } fragment A on Query { nested { ...B ...B } } fragment B on Query { nested { ...A ...A } }`;
      expect(problemsOf(text)).toEqual([
        { message: `The fragment "${name}" spreads itself.`, details: undefined },
      ]);
    }
  });

  it('is refused where a fragment that nobody uses is too large', () => {
    const text = `{ name } fragment F on Query { ${repeat(1001, () => 'name')} }`;
    expect(problemsOf(text)[0]?.details).toEqual({ limit: 1000, current: 1002 });
  });

  it('is refused while it is read where it has too many tokens', () => {
    expect(() => parse(`{ ${repeat(4001, () => 'name')} }`, parseOptions)).toThrow('4000 tokens');
  });
});
