import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import { type Connection, ForwardArgs, toConnection } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import { answer, InputIds } from '../graphql/payload.types.ts';
import { MemberObject } from '../scope/scope.types.ts';
import { QuotaObject, type QuotaOwner } from '../scope/scope-quota.types.ts';
import { Role } from '../shared/enums.ts';
import { ViewerObject } from '../user/user.types.ts';
import type { Namespace } from './namespace.entity.ts';
import { NamespacePermission } from './namespace.enums.ts';
import {
  CreateNamespaceInput,
  CreateNamespacePayload,
  DeleteNamespaceInput,
  DeleteNamespacePayload,
  NamespaceConnection,
  NamespaceObject,
  NamespaceRoleObject,
  SetNamespaceMemberInput,
  SetNamespaceMemberPayload,
  UpdateNamespaceInput,
  UpdateNamespacePayload,
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

  @Mutation(() => UpdateNamespacePayload, {
    description: 'Changes what is said about a namespace: its OWNERs; its quota: administrators only.',
  })
  async updateNamespace(
    @Arg('input', () => UpdateNamespaceInput) input: UpdateNamespaceInput,
    @Ctx() { namespaces, session, loaders }: Context,
  ) {
    const ids = new InputIds();
    const id = ids.uid('Namespace', input.id, ['id']);
    const run = async () => {
      const namespace = await namespaces.update(session, id, input);
      loaders.namespace.clear(namespace.id);
      return { namespace };
    };
    return await answer<{ namespace: Namespace | null }>(input, { namespace: null }, run, ids);
  }

  @Mutation(() => DeleteNamespacePayload, {
    description:
      'Deletes a namespace that is empty: no images, also no deleted ones that are not purged, and no unfinished builds; else IN_USE. The roles on it and the records and logs of its finished builds go with it. What the registry holds below its name stays there: members of a later namespace of that name may use it. Administrators only; the default namespace stays.',
  })
  async deleteNamespace(
    @Arg('input', () => DeleteNamespaceInput) input: DeleteNamespaceInput,
    @Ctx() { namespaces, session, loaders }: Context,
  ) {
    const ids = new InputIds();
    const id = ids.uid('Namespace', input.id, ['id']);
    const run = async () => {
      const namespace = await namespaces.delete(session, id);
      loaders.namespace.clear(namespace.id);
      return { namespace };
    };
    return await answer<{ namespace: Namespace | null }>(input, { namespace: null }, run, ids);
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

  @FieldResolver(() => QuotaObject, {
    description: 'How much it may have, and has. Without limits and with 0 used for who may not read it.',
  })
  quota(@Root() namespace: Namespace, @Ctx() { namespaces, session }: Context): QuotaOwner {
    const limits = namespaces.mayRead(session, namespace) ? namespace : null;
    return { kind: 'namespace', id: namespace.id, limits };
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

  @FieldResolver(() => [NamespacePermission], {
    description: 'What the viewer may do with it; empty where they know it only through an image of it.',
  })
  viewerPermissions(
    @Root() namespace: Namespace,
    @Ctx() { namespaces, session }: Context,
  ): NamespacePermission[] {
    return [
      ...namespaces.permissions(session, namespace),
      ...(session.can('image:create', namespace.id) ? (['CREATE_IMAGE'] as const) : []),
    ];
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
