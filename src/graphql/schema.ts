import 'reflect-metadata';
import { type GraphQLSchema, getNamedType } from 'graphql';
import { buildSchemaSync } from 'type-graphql';
import { AuditResolver } from '../audit/audit.resolver.ts';
import {
  BuildNotebookResolver,
  BuildResolver,
  ImageBuildsResolver,
  NotebookSavesResolver,
  WorkspaceBuildsResolver,
} from '../build/build.resolver.ts';
import { BuildSubscriptions } from '../build/build.subscriptions.ts';
import { DockerfileReportResolver } from '../build/dockerfile/dockerfile-report.resolver.ts';
import { latestBuildJoin } from '../build/latest-build.reads.ts';
import { BuildLogResolver } from '../build/log/build-log.resolver.ts';
import { QuotaBuildsResolver } from '../build/quota/build-quota.resolver.ts';
import { ImageCommandResolver } from '../image/command/image-command.resolver.ts';
import {
  ImageDependenciesResolver,
  ImageDependencyResolver,
} from '../image/dependency/image-dependency.resolver.ts';
import { ImageResolver, NamespaceImagesResolver, WorkspaceImagesResolver } from '../image/image.resolver.ts';
import { namespaceJoin } from '../image/image-namespace.reads.ts';
import { QuotaImagesResolver } from '../image/quota/image-quota.resolver.ts';
import { ImageTransferResolver } from '../image/transfer/image-transfer.resolver.ts';
import { NamespaceResolver, ViewerNamespacesResolver } from '../namespace/namespace.resolver.ts';
import { NotebookResolver } from '../notebook/notebook.resolver.ts';
import { ServerResolver } from '../server/server.resolver.ts';
import { AccessTokenResolver } from '../user/access-token.resolver.ts';
import { UserResolver, ViewerResolver } from '../user/user.resolver.ts';
import { ViewerWorkspacesResolver, WorkspaceResolver } from '../workspace/workspace.resolver.ts';
import { auditMutations } from './audited-mutations.ts';
import { resolveJoined } from './joined-fields.ts';
import { NodeResolver } from './node.resolver.ts';
import { resolveNodeIds } from './node-ids.ts';
import { DateTime } from './scalars.ts';
import { resolveScopeTexts } from './scope-texts.ts';

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
  const schema = buildSchemaSync({
    resolvers: [
      NodeResolver,
      ViewerResolver,
      UserResolver,
      AccessTokenResolver,
      AuditResolver,
      NamespaceResolver,
      ViewerNamespacesResolver,
      WorkspaceResolver,
      ViewerWorkspacesResolver,
      ImageResolver,
      ImageCommandResolver,
      ImageTransferResolver,
      ImageDependenciesResolver,
      ImageDependencyResolver,
      NamespaceImagesResolver,
      WorkspaceImagesResolver,
      QuotaImagesResolver,
      NotebookResolver,
      BuildResolver,
      BuildNotebookResolver,
      BuildLogResolver,
      DockerfileReportResolver,
      ImageBuildsResolver,
      WorkspaceBuildsResolver,
      NotebookSavesResolver,
      QuotaBuildsResolver,
      BuildSubscriptions,
      ServerResolver,
    ],
    orphanedTypes: [],
    scalarsMap: [{ type: Date, scalar: DateTime }],
    validate: false,
    pubSub: NO_PUB_SUB,
  });
  describe(schema);
  auditMutations(schema);
  resolveNodeIds(schema);
  resolveScopeTexts(schema);
  resolveJoined(schema, [namespaceJoin, latestBuildJoin]);
  return schema;
}

/** The descriptions that type-graphql has no place for: of the root types, and of each mutation's `input`. */
function describe(schema: GraphQLSchema): void {
  const [query, mutation, subscription] = [
    schema.getQueryType(),
    schema.getMutationType(),
    schema.getSubscriptionType(),
  ];
  if (query) query.description = 'What can be asked. Lists hold only what the viewer may see.';
  if (mutation) {
    mutation.description =
      'What can be done. What the caller can mend is in userErrors, all of it at once, and then nothing was changed.';
    for (const { args } of Object.values(mutation.getFields())) {
      for (const arg of args) arg.description ??= getNamedType(arg.type).description;
    }
  }
  if (subscription) subscription.description = 'What can be watched, over WebSocket (graphql-transport-ws).';
}
