import { type GraphQLFieldResolver, type GraphQLSchema, isObjectType } from 'graphql';
import type { Namespace } from '../namespace/namespace.entity.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';
import type { Context } from './context.ts';

/** What people have written about a namespace or a workspace, beside its name. */
const TEXTS = ['displayName', 'description'] as const;
type Text = (typeof TEXTS)[number];

/**
 * Shows the texts of namespaces and workspaces to who may read them: others know them only through an image. Here for both types, and
 * without type-graphql's wrapping, which takes 1.3 µs for each image of a page, and a seventh of all memory that the page takes.
 */
export function resolveScopeTexts(schema: GraphQLSchema): void {
  resolveTexts<Namespace>(
    schema,
    'Namespace',
    (text) =>
      (namespace, _args, { namespaces, session }) =>
        namespaces.mayRead(session, namespace) ? namespace[text] : null,
  );
  resolveTexts<Workspace>(
    schema,
    'Workspace',
    (text) =>
      (workspace, _args, { workspaces, session }) =>
        workspaces.mayRead(session, workspace) ? workspace[text] : null,
  );
}

function resolveTexts<Scope>(
  schema: GraphQLSchema,
  name: string,
  resolverOf: (text: Text) => GraphQLFieldResolver<Scope, Context>,
): void {
  const type = schema.getType(name);
  for (const text of TEXTS) {
    const field = isObjectType(type) ? type.getFields()[text] : undefined;
    if (field === undefined) throw new Error(`the schema has no ${name}.${text}`);
    field.resolve = resolverOf(text);
  }
}
