import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import { BadInputError } from '../shared/errors.ts';
import { type NodeType, readGlobalId } from '../shared/global-id.ts';
import { MAX_PAGE } from '../shared/keyset.ts';
import type { Context } from './context.ts';
import { NodeInterface } from './node.types.ts';

/** How each type is found by its UUID; what the viewer may not see is `null`. A new type is a compile error here. */
const FINDERS: Readonly<Record<NodeType, (uid: string, context: Context) => Promise<object | null>>> = {
  Image: async (uid, { loaders }) => await loaders.image.load(uid),
  ImageBuild: async (uid, { loaders }) => await loaders.build.load(uid),
  Namespace: async (uid, { loaders, session }) =>
    session.can('namespace:read', uid) ? await loaders.namespace.load(uid) : null,
  Workspace: async (uid, { loaders, session, workspaces }) => {
    const found = await loaders.workspace.load(uid);
    return found !== null && workspaces.mayRead(session, found) ? found : null;
  },
  Notebook: async (uid, { loaders }) => await loaders.notebook.load(uid),
  User: async (uid, { loaders }) => await loaders.user.load(uid),
  AccessToken: async () => null,
  AuditEvent: async (uid, { loaders }) => await loaders.auditEvent.load(uid),
};

async function find(id: string, context: Context, path?: readonly string[]): Promise<object | null> {
  const { type, uid } = readGlobalId(id, path);
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
    @Arg('ids', () => [ID], { description: 'Global ids, at most 100.' }) ids: string[],
    @Ctx() context: Context,
  ): Promise<(object | null)[]> {
    if (ids.length > MAX_PAGE) {
      const details = { max: MAX_PAGE, current: ids.length };
      throw new BadInputError(`Ask for at most ${MAX_PAGE} ids at once.`, ['ids'], details);
    }
    return await Promise.all(ids.map((id, index) => find(id, context, ['ids', String(index)])));
  }
}
