import {
  buildSchema,
  getIntrospectionQuery,
  getOperationAST,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { createCostOf, createEventCostOf } from '../../src/graphql/operation-cost.ts';

const schema = buildSchema(`
  type Query { thing: Thing things(first: Int, last: Int): ThingConnection! nodes(ids: [ID!]!): [Thing]! plain: [Thing!]! }
  type Mutation { make: Thing makeAll: Thing }
  type ThingConnection { edges: [ThingEdge!]! nodes: [Thing!]! totalCount: Int! pageInfo: PageInfo! }
  type ThingEdge { cursor: String! node: Thing! }
  type PageInfo { hasNextPage: Boolean! }
  type Thing { name: String tags: [String!]! size: Int part: Thing parts: [Thing!]! things(first: Int, last: Int): ThingConnection! lines(first: Int): ThingConnection! }
`);
const extend = (type: string, field: string, extensions: object) => {
  const found = schema.getType(type);
  if (found && 'getFields' in found) Object.assign(found.getFields()[field] ?? {}, { extensions });
};
extend('Thing', 'size', { cost: 40 });
extend('ThingConnection', 'totalCount', { cost: 50 });
extend('Thing', 'lines', { cost: 5, page: { size: 100, limit: 1000 } });
extend('Mutation', 'makeAll', { cost: 500 });

const costOf = createCostOf(schema);

function cost(text: string, variables: Record<string, unknown> = {}): number {
  const document = parse(text);
  expect(validate(schema, document, specifiedRules)).toEqual([]);
  const operation = getOperationAST(document);
  if (!operation) throw new Error('one operation, please');
  return costOf(document, operation, variables);
}

describe('the cost of an operation', () => {
  it.each([
    ['nothing for a scalar', '{ __typename }', 0],
    [
      'a fiftieth for each of many scalars',
      '{ things(first: 100) { nodes { name a: name b: name c: name d: name } } }',
      111,
    ],
    ['a tenth for a list of scalars', '{ things(first: 100) { nodes { tags } } }', 111],
    ['1 for an object', '{ thing { name } }', 1],
    ['5 for a list without pages', '{ plain { name part { name } } }', 10],
    ['20 for a page where nothing is said', '{ things { nodes { name } } }', 21],
    ['as many as are asked for', '{ things(first: 7) { nodes { name } } }', 8],
    ['as many as are asked for from the end', '{ things(last: 7) { nodes { name } } }', 8],
    ['no more for edges than for nodes', '{ things(first: 7) { edges { cursor node { name } } } }', 8],
    ['once for what a page has once', '{ things(first: 7) { totalCount pageInfo { hasNextPage } } }', 52],
    [
      'the product of pages in pages',
      '{ things(first: 100) { nodes { things(first: 100) { nodes { name } } } } }',
      10_401,
    ],
    ['what a field says of itself', '{ plain { size } }', 5 * 41],
    ['a page of its own size', '{ thing { lines { nodes { name } } } }', 1 + 5 + 103],
    ['one for each id', '{ nodes(ids: ["a", "b", "c"]) { name } }', 3],
    ['10 for a mutation', 'mutation { make { name } again: make { name } }', 22],
    ['what a mutation says of itself', 'mutation { makeAll { name } }', 501],
    [
      'fragments each time',
      '{ ...F ...F } fragment F on Query { thing { ... on Thing { part { name } } ...G } } fragment G on Thing { name part { name } }',
      6,
    ],
  ])('is %s', (_case, text, expected) => {
    expect(cost(text)).toBe(expected);
  });

  it.each([
    [{ n: 3 }, 4],
    [{ n: null }, 21],
    [{}, 6],
    [{ n: -1 }, 1],
    [{ n: 100_000 }, 1],
    [{ n: '50' }, 1],
    [{ n: Number.NaN }, 1],
  ])('takes the page size from the variables %o', (variables, expected) => {
    expect(cost('query ($n: Int = 5) { things(first: $n) { nodes { name } } }', variables)).toBe(expected);
  });

  it('is never less than nothing', () => {
    expect(cost('{ things(first: -1000) { nodes { name } } thing { name } }')).toBe(2);
  });

  it('is that of the same document with other variables where they change', () => {
    const document = parse(
      'query ($ids: [ID!]!, $n: Int) { nodes(ids: $ids) { things(first: $n) { nodes { name } } } }',
    );
    const operation = getOperationAST(document);
    if (!operation) throw new Error('one operation, please');
    expect(costOf(document, operation, { ids: ['a', 'b'], n: 1 })).toBe(2 * 3);
    expect(costOf(document, operation, { ids: ['a'], n: 100 })).toBe(104);
  });

  it('leaves out what @skip and @include leave out', () => {
    const text = `query ($yes: Boolean!, $no: Boolean = false) {
      a: thing @include(if: $yes) { name }
      b: thing @skip(if: $yes) { name }
      ... @include(if: $no) { plain { name } }
      ...F @skip(if: true)
    } fragment F on Query { plain { name } }`;
    expect([cost(text, { yes: true }), cost(text, { yes: false, no: true })]).toEqual([1, 6]);
  });

  it('knows variables that are called like what every object has', () => {
    expect(cost('query ($toString: Int = 90) { things(first: $toString) { nodes { name } } }')).toBe(93);
    const proto = JSON.parse('{ "__proto__": { "n": 0 } }') as Record<string, unknown>;
    expect(cost('query ($n: Int = 90) { things(first: $n) { nodes { name } } }', proto)).toBe(93);
  });

  it('is that of a document for each of its operations', () => {
    const document = parse('query A { thing { name } } query B { plain { name } }');
    const costs = ['A', 'B'].map((name) => {
      const operation = getOperationAST(document, name);
      return operation && costOf(document, operation, {});
    });
    expect(costs).toEqual([1, 5]);
  });

  it('lets introspection be asked for, and its circles not too often', () => {
    expect(cost(getIntrospectionQuery())).toBeLessThan(1000);
    const aliases = Array.from({ length: 90 }, (_, n) => `a${n}: description`).join(' ');
    expect(cost(`{ __schema { types { fields { ${aliases} } } } }`)).toBeGreaterThan(90);
    const circle = 'types { fields { type { fields { type { name } args { type { name } } } } } }';
    expect(
      cost(`{ ${Array.from({ length: 90 }, (_, n) => `a${n}: __schema { ${circle} }`).join(' ')} }`),
    ).toBeGreaterThan(3000);
  });
});

describe('the cost of an event of a subscription', () => {
  const events = buildSchema(`
    type Query { me: String }
    type Subscription { log: Event! }
    union Event = Lines | End
    type Lines { lines: [Line!]! last: Int thing: Thing }
    type Line { seq: Int text: String }
    type End { thing: Thing! }
    type Thing { name: String part: Thing }
  `);
  const given = (type: string, field: string, resolve?: () => unknown, extensions: object = {}) => {
    const found = events.getType(type);
    if (found && 'getFields' in found) Object.assign(found.getFields()[field] ?? {}, { resolve, extensions });
  };
  given('Subscription', 'log', () => ({}));
  given('Line', 'text', undefined, { cost: 3 });
  given('Thing', 'part', () => ({}));
  const ended = events.getType('End');
  if (ended) ended.extensions = { comesOnce: true };
  const eventCostOf = createEventCostOf(events);

  it.each([
    [
      'nothing for what comes with it',
      '... on Lines { __typename last lines { seq text } thing { name } }',
      0,
    ],
    ['1 for what is looked up, and all that is below', '... on Lines { thing { part { name } } }', 1.02],
    ['nothing for what comes once', '... on End { thing { part { name } } }', 0],
  ])('is %s', (_case, selection, expected) => {
    const document = parse(`subscription { log { ${selection} } }`);
    expect(validate(events, document, specifiedRules)).toEqual([]);
    const operation = getOperationAST(document);
    expect(operation && eventCostOf(document, operation, {})).toBe(expected);
  });
});
