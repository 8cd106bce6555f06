import { type GraphQLSchema, isInterfaceType } from 'graphql';
import { NODE_TYPES, toGlobalId } from '../shared/global-id.ts';

/**
 * Gives every type of the interface `Node` its `id`: the row's, made global. Here for all of them, and without type-graphql's wrapping,
 * since a page asks for ids more often than for anything else.
 */
export function resolveNodeIds(schema: GraphQLSchema): void {
  const node = schema.getType('Node');
  if (!isInterfaceType(node)) throw new Error('the schema has no interface Node');
  for (const type of schema.getPossibleTypes(node)) {
    const name = NODE_TYPES.find((known) => known === type.name);
    const { id } = type.getFields();
    if (name === undefined || id === undefined) throw new Error(`${type.name} has no global id`);
    id.resolve = (row: { readonly id: string }) => toGlobalId(name, row.id);
  }
}
