import 'reflect-metadata';
import type { GraphQLSchema } from 'graphql';
import { buildSchemaSync } from 'type-graphql';
import {
  BuildResolver,
  ImageBuildsResolver,
  NotebookSavesResolver,
  WorkspaceBuildsResolver,
} from '../build/build.resolver.ts';
import { BuildSubscriptions } from '../build/build.subscriptions.ts';
import { ImageResolver, NamespaceImagesResolver, WorkspaceImagesResolver } from '../image/image.resolver.ts';
import { NamespaceResolver, ViewerNamespacesResolver } from '../namespace/namespace.resolver.ts';
import { NotebookResolver } from '../notebook/notebook.resolver.ts';
import { ServerResolver } from '../server/server.resolver.ts';
import { AccessTokenResolver, UserResolver, ViewerResolver } from '../user/user.resolver.ts';
import { ViewerWorkspacesResolver, WorkspaceResolver } from '../workspace/workspace.resolver.ts';
import { NodeResolver } from './node.resolver.ts';
import { DateTime } from './scalars.ts';

/** type-graphql wants a pub/sub even where every subscription brings its own source, as all of ours do. */
const NO_PUB_SUB = {
  publish: () => {
    throw new Error('subscriptions read from the database; nothing is published');
  },
  subscribe: () => {
    throw new Error('subscriptions read from the database; nothing is published');
  },
};

/** The schema of the API, from all resolvers. */
export function createSchema(): GraphQLSchema {
  return buildSchemaSync({
    resolvers: [
      NodeResolver,
      ViewerResolver,
      UserResolver,
      AccessTokenResolver,
      NamespaceResolver,
      ViewerNamespacesResolver,
      WorkspaceResolver,
      ViewerWorkspacesResolver,
      ImageResolver,
      NamespaceImagesResolver,
      WorkspaceImagesResolver,
      NotebookResolver,
      BuildResolver,
      ImageBuildsResolver,
      WorkspaceBuildsResolver,
      NotebookSavesResolver,
      BuildSubscriptions,
      ServerResolver,
    ],
    orphanedTypes: [],
    scalarsMap: [{ type: Date, scalar: DateTime }],
    validate: false,
    pubSub: NO_PUB_SUB,
  });
}
