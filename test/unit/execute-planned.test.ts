import {
  buildSchema,
  type ExecutionResult,
  execute,
  type GraphQLObjectType,
  type GraphQLSchema,
  type GraphQLUnionType,
  getOperationAST,
  parse,
} from 'graphql';
import { expect, it, vi } from 'vitest';
import { createExecutePlanned } from '../../src/graphql/execute-planned.ts';

/** Whatever an operation can meet: methods, promises and errors in every place, lists of them, and types that turn out late. */
const schema = withResolvers(
  buildSchema(`
    enum Size { SMALL LARGE }
    interface Thing { id: ID! name: String }
    type Box implements Thing { id: ID! name: String size: Size things(first: Int = 2, size: Size): [Thing!] owner: Owner! }
    type Tool implements Thing { id: ID! name: String weight: Float! made: Int }
    union Found = Box | Tool | Owner
    type Owner { name: String! boxes: [Box] strict: [Box!]! tags: [[String!]] }
    input Wanted { name: String! size: Size = SMALL counts: [Int!] }
    type Query {
      box(id: ID = "1"): Box
      sure: Box!
      thing(id: ID!): Thing
      found: [Found]
      owner: Owner
      echo(wanted: Wanted, list: [Int], text: String): String
      fails: String
      failsLater: [String!]
      failsTwice: [String!]
      noList: [String]
      broken: Tool
      wrongSize: Size
      nameless: Owner
      lost: Found
    }
    type Mutation { change: String }
    type Subscription { boxed(size: Size): Box! counted: Int told: Box }
  `),
  {
    Box: {
      things: ({ id }: { id: string }, { first }: { first: number }) =>
        [tool(`${id}1`), Promise.resolve({ ...box(`${id}2`), __typename: 'Box' }), tool(`${id}3`)].slice(
          0,
          first,
        ),
      owner: async ({ id }: { id: string }) => (id === 'ownerless' ? null : owner()),
    },
    Subscription: { told: async ({ said }: { said: string }) => box(said) },
    Query: {
      box: async (_: unknown, { id }: { id: string }) => (id === '0' ? null : box(id)),
      sure: () => box('ownerless'),
      thing: (_: unknown, { id }: { id: string }) => (id === 'late' ? Promise.resolve(tool(id)) : tool(id)),
      found: () => [tool('1'), null, new Error('not this one'), { ...owner(), __typename: 'Owner' }],
      owner,
      echo: (_: unknown, args: unknown, _context: unknown, { path }: { path: { key: string } }) =>
        JSON.stringify({ args, key: path.key }),
      fails: () => {
        throw new Error('at once');
      },
      failsLater: async () => ['a', Promise.reject(new Error('later'))],
      failsTwice: () => [Promise.reject(new Error('later')), null],
      noList: () => 'no list',
      broken: () => ({ id: '1', name: { no: 'text' }, weight: Number.NaN, made: new Error('kept') }),
      wrongSize: () => 'HUGE',
      nameless: async () => ({ name: () => null, boxes: [] }),
      lost: () => ({ __typename: 'Nothing' }),
    },
  },
);

function box(id: string) {
  return { id, name: () => `box ${id}`, size: 'SMALL' };
}
function tool(id: string) {
  return { __typename: 'Tool', id, name: null, weight: 1.5, made: async () => 7 };
}
function owner() {
  const boxes = () => [box('a'), null, Promise.resolve(box('b')), new Error('no box')];
  return { name: 'ada', boxes, strict: async () => boxes(), tags: [['x', 'y'], null, ['z', null]] };
}

function withResolvers(
  built: GraphQLSchema,
  resolvers: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): GraphQLSchema {
  for (const [type, fields] of Object.entries(resolvers)) {
    for (const [name, resolve] of Object.entries(fields)) {
      Object.assign((built.getType(type) as GraphQLObjectType).getFields()[name] as object, { resolve });
    }
  }
  return built;
}

const planned = createExecutePlanned(schema);

async function run(text: string): Promise<ExecutionResult> {
  const document = parse(text);
  const operation = getOperationAST(document);
  if (!operation) throw new Error('no operation');
  return await planned({ document, operation, contextValue: {} });
}

/** The same document both ways, the planned one as often as there are variables. */
async function bothWays(
  text: string,
  variables: readonly Record<string, unknown>[],
  { name, rootValue }: { readonly name?: string; readonly rootValue?: unknown } = {},
) {
  const document = parse(text);
  const operation = getOperationAST(document, name);
  if (!operation) throw new Error('no such operation');
  for (const variableValues of variables) {
    const contextValue = {};
    const wanted = await execute({
      schema,
      document,
      operationName: name,
      variableValues,
      contextValue,
      rootValue,
    });
    const got = await planned({ document, operation, variableValues, contextValue, rootValue });
    // As text: the order of its keys is a part of the answer.
    expect(JSON.stringify(got, null, 2)).toBe(JSON.stringify(wanted, null, 2));
    expect(got?.errors?.map(({ originalError }) => originalError?.message)).toEqual(
      wanted.errors?.map(({ originalError }) => originalError?.message),
    );
  }
}

it.each([
  '{ box { id name size __typename } }',
  '{ box(id: "0") { id } other: box(id: "9") { id owner { name boxes { id size } } } }',
  '{ sure { id owner { name } } }',
  '{ box { ...B things(first: 3) { id name ...T ... on Box { size owner { name } } } } } fragment B on Box { id size } fragment T on Tool { weight made }',
  '{ box { things(size: LARGE) { __typename id } } } ',
  '{ found { __typename ... on Thing { id } ... on Owner { name tags } } }',
  '{ owner { name boxes { id } tags } }',
  '{ owner { strict { id } } }',
  '{ fails failsLater noList wrongSize broken { id name weight made } nameless { name } box { id } }',
  '{ broken { name } a: broken { made weight } }',
  '{ thing(id: "now") { id name } late: thing(id: "late") { id ... on Tool { made } } }',
  '{ a_b: box { c: name } a: box { b_c: name } __proto__: box { constructor: id } toString: fails }',
  '{ echo(wanted: { name: "x", counts: [1, 2] }, list: 3, text: "__MAGIC_DATE__") again: echo(wanted: null) }',
  '{ box { id } box { name owner { name } } box { owner { tags } } }',
  'query First { box { id } } query Second { owner { name } }',
])('answers as graphql-js does: %s', async (text) => {
  await bothWays(text, [{}, {}], text.startsWith('query First') ? { name: 'Second' } : {});
});

it('coerces variables, their defaults and what is wrong with them as graphql-js does', async () => {
  await bothWays(
    `query ($wanted: Wanted, $list: [Int], $text: String = "unsaid", $name: String) {
      echo(wanted: $wanted, list: $list, text: $text)
      nested: echo(wanted: { name: "n", counts: $list }, text: $name)
      box(id: $text) { things(first: 1) { id } }
    }`,
    [
      {},
      { wanted: { name: 'x', size: 'LARGE' }, list: [1, null], text: null },
      { wanted: { name: 'x', counts: 1 }, list: 2, name: 'y' },
      { wanted: { size: 'LARGE' }, list: ['one'], text: 5 },
      { wanted: { name: 'x', more: 1 } },
    ],
  );
});

it('leaves out what @skip and @include leave out, each time anew', async () => {
  await bothWays(
    `query ($yes: Boolean!, $maybe: Boolean = true) {
      box { id @include(if: $yes) ...F @skip(if: $maybe) ... @include(if: $maybe) { size } }
      owner @skip(if: $yes) { name }
    } fragment F on Box { name @include(if: $yes) owner @skip(if: true) { name } }`,
    [
      { yes: true },
      { yes: false },
      { yes: true, maybe: false },
      { yes: false, maybe: false },
      { yes: true, maybe: null },
    ],
  );
});

it('tells of a value of no type that it may be', async () => {
  const { data, errors } = await run('{ lost { __typename } box { id } }');
  expect(data).toEqual({ lost: null, box: { id: '1' } });
  expect(errors).toMatchObject([{ path: ['lost'], locations: [{ line: 1, column: 3 }] }]);
});

it('hears of every failure in a list, also of those after the first', async () => {
  // graphql-js does not, and Node ends the process for one that nobody hears of.
  const { errors } = await run('{ failsTwice }');
  expect(errors).toMatchObject([{ path: ['failsTwice', 1] }]);
});

it('answers introspection as graphql-js does', async () => {
  await bothWays(
    '{ __schema { types { name kind fields { name type { name ofType { name } } } } } __type(name: "Box") { name } }',
    [{}],
  );
});

it.each([
  ['a value', { boxed: box('e') }],
  ['what fails', { boxed: new Error('no event') }],
  ['nothing', {}],
])('answers an event of a subscription as graphql-js does: %s', async (_, rootValue) => {
  await bothWays('subscription { boxed(size: SMALL) { id name __typename } }', [{}], { rootValue });
});

it.each([
  'subscription ($size: Size!, $yes: Boolean = true) { a: boxed(size: $size) { id name @include(if: $yes) } }',
  'subscription { counted }',
  'subscription { told { id owner { name } } }',
])('answers an event whatever is selected of it: %s', async (text) => {
  const rootValue = { boxed: async () => box('e'), counted: 7, said: 'it' };
  const variables = [{ size: 'SMALL' }, { size: 'SMALL', yes: false }, { size: 'HUGE' }, {}];
  await bothWays(text, variables, { rootValue });
});

it('runs no mutations', () => {
  const document = parse('mutation { change }');
  const operation = getOperationAST(document);
  if (!operation) throw new Error('no operation');
  expect(() => planned({ document, operation, contextValue: {} })).toThrow('mutations');
});

it('hands resolvers the context, the operation and their place in it', async () => {
  const resolve = vi.fn((..._given: unknown[]) => 'done');
  const seen = withResolvers(buildSchema('type Query { one(n: Int): String }'), { Query: { one: resolve } });
  const document = parse('query Q($n: Int) { a: one(n: $n) }');
  const operation = getOperationAST(document);
  if (!operation) throw new Error('no operation');
  const contextValue = { who: 'ada' };
  const rootValue = { root: true };
  const variableValues = { n: 4 };
  await execute({ schema: seen, document, contextValue, variableValues, rootValue });
  await createExecutePlanned(seen)({ document, operation, contextValue, variableValues, rootValue });
  expect(resolve.mock.calls[1]).toEqual(resolve.mock.calls[0]);
});

it('hands type resolvers the field in which a list of theirs stands', async () => {
  const resolveType = vi.fn((..._given: unknown[]) => 'One');
  const seen = withResolvers(buildSchema('union Any = One type One { n: Int } type Query { all: [[Any]] }'), {
    Query: { all: () => [[{ n: 1 }, { n: 2 }]] },
  });
  Object.assign(seen.getType('Any') as GraphQLUnionType, { resolveType });
  const document = parse('{ a: all { ... on One { n } } }');
  const operation = getOperationAST(document);
  if (!operation) throw new Error('no operation');
  await execute({ schema: seen, document });
  await createExecutePlanned(seen)({ document, operation, contextValue: undefined });
  expect(resolveType.mock.calls).toHaveLength(4);
  expect(resolveType.mock.calls.slice(2)).toEqual(resolveType.mock.calls.slice(0, 2));
});
