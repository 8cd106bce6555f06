import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import { type NodeType, readGlobalId } from '../shared/global-id.ts';
import type { Context } from './context.ts';
import { NodeInterface } from './node.types.ts';

/** How each type is found by its UUID; what the viewer may not see is `null`. A new type is a compile error here. */
const FINDERS: Readonly<Record<NodeType, (uid: string, context: Context) => Promise<object | null>>> = {
  Image: async (uid, { loaders }) => await loaders.image.load(uid),
  ImageBuild: async (uid, { loaders }) => await loaders.build.load(uid),
  Namespace: async (uid, { namespaces, session }) => await namespaces.find(session, { id: uid }),
  Workspace: async (uid, { workspaces, session }) => await workspaces.find(session, { id: uid }),
  Notebook: async (uid, { notebooks, session }) => await notebooks.find(session, uid),
  User: async (uid, { loaders }) => await loaders.user.load(uid),
  AccessToken: async () => null,
};

async function find(id: string, context: Context): Promise<object | null> {
  const { type, uid } = readGlobalId(id);
  const found = await FINDERS[type](uid, context);
  return found === null ? null : { ...found, __typename: type };
}

@Resolver()
export class NodeResolver {
  @Query(() => NodeInterface, {
    nullable: true,
    description: 'Anything by its global id; null where there is nothing that the viewer may see.',
  })
  async node(
    @Arg('id', () => ID, { description: 'A global id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<object | null> {
    return await find(id, context);
  }

  @Query(() => [NodeInterface], {
    nullable: 'items',
    description:
      'Several things by their global ids, in the same order; null for each that the viewer may not see.',
  })
  async nodes(
    @Arg('ids', () => [ID], { description: 'Global ids.' }) ids: string[],
    @Ctx() context: Context,
  ): Promise<(object | null)[]> {
    return await Promise.all(ids.map((id) => find(id, context)));
  }
}
