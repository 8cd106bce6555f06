import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { type Connection, ForwardArgs, toConnection } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import { answer, InputIds } from '../graphql/payload.types.ts';
import { MemberObject } from '../scope/scope.types.ts';
import { Role } from '../shared/enums.ts';
import { toGlobalId } from '../shared/global-id.ts';
import { ViewerObject } from '../user/user.types.ts';
import type { Namespace } from './namespace.entity.ts';
import {
  CreateNamespaceInput,
  CreateNamespacePayload,
  NamespaceConnection,
  NamespaceObject,
  NamespaceRoleObject,
  SetNamespaceMemberInput,
  SetNamespaceMemberPayload,
} from './namespace.types.ts';

@Resolver(() => NamespaceObject)
export class NamespaceResolver {
  @Query(() => NamespaceObject, {
    nullable: true,
    description: 'A namespace by name; null where there is none that the viewer may see.',
  })
  async namespace(
    @Arg('name', () => String, { description: "The namespace's name." }) name: string,
    @Ctx() { namespaces, session }: Context,
  ) {
    return await namespaces.find(session, { name });
  }

  @Query(() => NamespaceConnection, { description: 'The namespaces that the viewer may see, by name.' })
  async namespaces(
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() { namespaces, session }: Context,
  ): Promise<Connection<Namespace>> {
    return toConnection(await namespaces.page(session, args));
  }

  @Mutation(() => CreateNamespacePayload, { description: 'Makes a namespace. Administrators only.' })
  async createNamespace(
    @Arg('input', () => CreateNamespaceInput) input: CreateNamespaceInput,
    @Ctx() { namespaces, session }: Context,
  ) {
    return await answer<{ namespace: Namespace | null }>(input, { namespace: null }, async () => ({
      namespace: await namespaces.create(session, input),
    }));
  }

  @Mutation(() => SetNamespaceMemberPayload, {
    description: 'Gives a user a role on a namespace, or takes it away.',
  })
  async setNamespaceMember(
    @Arg('input', () => SetNamespaceMemberInput) input: SetNamespaceMemberInput,
    @Ctx() { namespaces, session }: Context,
  ) {
    const ids = new InputIds();
    const id = ids.uid('Namespace', input.namespaceId, ['namespaceId']);
    const run = async () => ({
      namespace: await namespaces.setMember(session, id, input.userName, input.role),
    });
    return await answer<{ namespace: Namespace | null }>(input, { namespace: null }, run, ids);
  }

  @FieldResolver(() => ID, { description: 'Opaque, globally unique, stable.' })
  id(@Root() namespace: Namespace): string {
    return toGlobalId('Namespace', namespace.id);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      'For people, in any script; null: none was given, or the viewer knows it only through an image of it.',
  })
  displayName(@Root() namespace: Namespace, @Ctx() { namespaces, session }: Context): string | null {
    return namespaces.mayRead(session, namespace) ? namespace.displayName : null;
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      'At most 512 characters; null: none was given, or the viewer knows it only through an image of it.',
  })
  description(@Root() namespace: Namespace, @Ctx() { namespaces, session }: Context): string | null {
    return namespaces.mayRead(session, namespace) ? namespace.description : null;
  }

  @FieldResolver(() => [MemberObject], {
    description: 'Its members and their roles; empty for who is not a member.',
  })
  async members(@Root() namespace: Namespace, @Ctx() { loaders }: Context) {
    const members = (await loaders.namespaceMembers.load(namespace.id)) ?? [];
    return members.map(({ userId, role }) => ({ user: () => loaders.user.load(userId), role }));
  }

  @FieldResolver(() => Role, { nullable: true, description: "The viewer's own role; null: none." })
  viewerRole(@Root() namespace: Namespace, @Ctx() { session }: Context): Role | null {
    return session.namespaceRoles.get(namespace.id) ?? null;
  }
}

@Resolver(() => ViewerObject)
export class ViewerNamespacesResolver {
  @FieldResolver(() => [NamespaceRoleObject], {
    description: 'The roles that the viewer holds on namespaces.',
  })
  namespaces(@Ctx() { session, loaders }: Context) {
    return [...session.namespaceRoles].map(([id, role]) => ({
      namespace: () => loaders.namespace.load(id),
      role,
    }));
  }
}
