import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { type Connection, ForwardArgs, toConnection } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import { answer, InputIds } from '../graphql/payload.types.ts';
import { MemberObject } from '../scope/scope.types.ts';
import { QuotaObject, type QuotaOwner } from '../scope/scope-quota.types.ts';
import { Role } from '../shared/enums.ts';
import { BadInputError } from '../shared/errors.ts';
import { uidOf } from '../shared/global-id.ts';
import { ViewerObject } from '../user/user.types.ts';
import type { Workspace } from './workspace.entity.ts';
import { WorkspacePermission } from './workspace.enums.ts';
import {
  CreateWorkspaceInput,
  CreateWorkspacePayload,
  DeleteWorkspaceInput,
  DeleteWorkspacePayload,
  SetWorkspaceMemberInput,
  SetWorkspaceMemberPayload,
  UpdateWorkspaceInput,
  UpdateWorkspacePayload,
  WorkspaceConnection,
  WorkspaceObject,
  WorkspaceRoleObject,
} from './workspace.types.ts';

@Resolver(() => WorkspaceObject)
export class WorkspaceResolver {
  @Query(() => WorkspaceObject, {
    nullable: true,
    description: 'A workspace by id or by name; null where there is none that the viewer may see.',
  })
  async workspace(
    @Ctx() { workspaces, session }: Context,
    @Arg('id', () => ID, { nullable: true, description: "The workspace's id; give this or the name." })
    id?: string,
    @Arg('name', () => String, { nullable: true, description: "The workspace's name; give this or the id." })
    name?: string,
  ): Promise<Workspace | null> {
    if (typeof id === 'string' && typeof name !== 'string') {
      const uid = uidOf('Workspace', id);
      return uid === null ? null : await workspaces.find(session, { id: uid });
    }
    if (typeof name === 'string' && typeof id !== 'string') return await workspaces.find(session, { name });
    throw new BadInputError('Give the id or the name of the workspace.', ['id']);
  }

  @Query(() => WorkspaceConnection, { description: 'The workspaces that the viewer may see, by name.' })
  async workspaces(
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() { workspaces, session }: Context,
  ): Promise<Connection<Workspace>> {
    return toConnection(await workspaces.page(session, args));
  }

  @Mutation(() => CreateWorkspacePayload, { description: 'Makes a workspace. Administrators only.' })
  async createWorkspace(
    @Arg('input', () => CreateWorkspaceInput) input: CreateWorkspaceInput,
    @Ctx() { workspaces, session }: Context,
  ) {
    return await answer<{ workspace: Workspace | null }>(input, { workspace: null }, async () => ({
      workspace: await workspaces.create(session, input),
    }));
  }

  @Mutation(() => UpdateWorkspacePayload, {
    description: 'Changes what is said about a workspace: its OWNERs; its quota: administrators only.',
  })
  async updateWorkspace(
    @Arg('input', () => UpdateWorkspaceInput) input: UpdateWorkspaceInput,
    @Ctx() { workspaces, session, loaders }: Context,
  ) {
    const ids = new InputIds();
    const id = ids.uid('Workspace', input.id, ['id']);
    const run = async () => {
      const workspace = await workspaces.update(session, id, input);
      loaders.workspace.clear(workspace.id);
      return { workspace };
    };
    return await answer<{ workspace: Workspace | null }>(input, { workspace: null }, run, ids);
  }

  @Mutation(() => DeleteWorkspacePayload, {
    description:
      'Deletes a workspace that is empty: no images, also no deleted ones that are not purged, and no unfinished builds; else IN_USE. The roles on it and the records and logs of its finished builds go with it; notebooks that name it are seen by their owners and administrators alone then. Administrators only; the default workspace stays.',
  })
  async deleteWorkspace(
    @Arg('input', () => DeleteWorkspaceInput) input: DeleteWorkspaceInput,
    @Ctx() { workspaces, session, loaders }: Context,
  ) {
    const ids = new InputIds();
    const id = ids.uid('Workspace', input.id, ['id']);
    const run = async () => {
      const workspace = await workspaces.delete(session, id);
      loaders.workspace.clear(workspace.id);
      return { workspace };
    };
    return await answer<{ workspace: Workspace | null }>(input, { workspace: null }, run, ids);
  }

  @Mutation(() => SetWorkspaceMemberPayload, {
    description: 'Gives a user a role on a workspace, or takes it away.',
  })
  async setWorkspaceMember(
    @Arg('input', () => SetWorkspaceMemberInput) input: SetWorkspaceMemberInput,
    @Ctx() { workspaces, session }: Context,
  ) {
    const ids = new InputIds();
    const id = ids.uid('Workspace', input.workspaceId, ['workspaceId']);
    const run = async () => ({
      workspace: await workspaces.setMember(session, id, input.userName, input.role),
    });
    return await answer<{ workspace: Workspace | null }>(input, { workspace: null }, run, ids);
  }

  @FieldResolver(() => QuotaObject, {
    description: 'How much it may have, and has. Without limits and with 0 used for who may not read it.',
  })
  quota(@Root() workspace: Workspace, @Ctx() { workspaces, session }: Context): QuotaOwner {
    const limits = workspaces.mayRead(session, workspace) ? workspace : null;
    return { kind: 'workspace', id: workspace.id, limits };
  }

  @FieldResolver(() => [MemberObject], {
    description: 'Its members and their roles; empty for who is not a member.',
  })
  async members(@Root() workspace: Workspace, @Ctx() { loaders }: Context) {
    const members = (await loaders.workspaceMembers.load(workspace.id)) ?? [];
    return members.map(({ userId, role }) => ({ user: () => loaders.user.load(userId), role }));
  }

  @FieldResolver(() => Role, { nullable: true, description: "The viewer's own role; null: none." })
  viewerRole(@Root() workspace: Workspace, @Ctx() { session }: Context): Role | null {
    return session.workspaceRoles.get(workspace.id) ?? null;
  }

  @FieldResolver(() => [WorkspacePermission], {
    description: 'What the viewer may do with it; empty where they know it only through an image of it.',
  })
  viewerPermissions(
    @Root() workspace: Workspace,
    @Ctx() { workspaces, session }: Context,
  ): WorkspacePermission[] {
    return [
      ...workspaces.permissions(session, workspace),
      ...(workspaces.mayWork(session, workspace) ? (['WORK'] as const) : []),
    ];
  }
}

@Resolver(() => ViewerObject)
export class ViewerWorkspacesResolver {
  @FieldResolver(() => [WorkspaceRoleObject], {
    description: 'The roles that the viewer holds on workspaces.',
  })
  workspaces(@Ctx() { session, loaders }: Context) {
    return [...session.workspaceRoles].map(([id, role]) => ({
      workspace: () => loaders.workspace.load(id),
      role,
    }));
  }
}
