import {
  buildSchema,
  type GraphQLResolveInfo,
  getOperationAST,
  graphqlSync,
  type OperationDefinitionNode,
  parse,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { createExecutePlanned } from '../../src/graphql/execute-planned.ts';
import { selectionOf } from '../../src/graphql/selection.ts';
import { columnsFor, type Selection } from '../../src/shared/selection.ts';

const SCHEMA = `
  type Query { page(first: Int): Page }
  type Page { nodes: [Row] edges: [Edge] }
  type Edge { node: Row }
  type Row { id: ID name: String parts(first: Int, after: String): Page }`;
const schema = buildSchema(SCHEMA);

/** What the resolver of `page` is told. */
function asked(query: string, variables: Record<string, unknown> = {}): Selection {
  let selection: Selection | undefined;
  const page = (_args: unknown, _context: unknown, info: GraphQLResolveInfo) => {
    selection = selectionOf(info);
    return null;
  };
  const { errors } = graphqlSync({ schema, source: query, rootValue: { page }, variableValues: variables });
  expect(errors).toBeUndefined();
  return selection as Selection;
}

const fieldsOf = (selection: Selection) => [...selection.fields].sort();

describe('what is asked for', () => {
  it('is taken together from fields, aliases, fragments and both ways to the rows', () => {
    const { nodes } = {
      nodes: asked(`
        { page { nodes { id other: name __typename } edges { node { ...Parts } } ... on Page { nodes { id } } } }
        fragment Parts on Row { ... { parts { nodes { id } } } }`).of('nodes', 'edges.node'),
    };
    expect(fieldsOf(nodes)).toEqual(['id', 'name', 'parts']);
    expect(fieldsOf(nodes.of('parts.nodes'))).toEqual(['id']);
  });

  it('has the fields of the same field that is selected twice', () => {
    expect(fieldsOf(asked('{ page { nodes { id } } page { nodes { name } } }').of('nodes'))).toEqual([
      'id',
      'name',
    ]);
  });

  it('has the arguments of each time that a field is selected, variables among them', () => {
    const query = `query ($n: Int) { page { nodes { one: parts(first: $n) { edges { node { id } } } parts(after: "x") { nodes { id } } } } }`;
    expect(asked(query, { n: 1 }).of('nodes').argumentsOf('parts')).toEqual([{ first: 1 }, { after: 'x' }]);
  });

  it('has the variables of its own request where the same document runs again', () => {
    const selections: Selection[] = [];
    const resolving = buildSchema(SCHEMA);
    Object.assign(resolving.getQueryType()?.getFields()['page'] ?? {}, {
      resolve: (_source: unknown, _args: unknown, _context: unknown, info: GraphQLResolveInfo) => {
        selections.push(selectionOf(info));
        return null;
      },
    });
    const execute = createExecutePlanned(resolving);
    const document = parse('query ($n: Int) { page { nodes { parts(first: $n) { nodes { id } } } } }');
    const operation = getOperationAST(document) as OperationDefinitionNode;
    for (const n of [1, 2]) void execute({ document, operation, variableValues: { n }, contextValue: {} });
    expect(selections.map((selection) => selection.of('nodes').argumentsOf('parts'))).toEqual([
      [{ first: 1 }],
      [{ first: 2 }],
    ]);
  });

  it('is nothing of what is not selected', () => {
    const page = asked('{ page { nodes { id } } }');
    expect(page.has('edges')).toBe(false);
    expect(fieldsOf(page.of('edges.node'))).toEqual([]);
    expect(page.argumentsOf('edges')).toEqual([]);
  });

  it('takes its columns, those behind a field, and all for a field of which nothing is said', () => {
    const columns = ['id', 'name', 'size'] as const;
    const rows = asked('{ page { nodes { name parts { nodes { id } } } } }').of('nodes');
    expect(columnsFor(columns, { parts: ['id'] })(rows)).toEqual(['id', 'name']);
    expect(columnsFor(columns, {})(rows)).toEqual(columns);
  });
});
