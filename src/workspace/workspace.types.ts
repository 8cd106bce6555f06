import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { connectionOf } from '../graphql/connection.ts';
import { NodeInterface } from '../graphql/node.types.ts';
import { Payload } from '../graphql/payload.types.ts';
import {
  CreateScopeInput,
  DeleteScopeInput,
  ScopeObject,
  SetMemberInput,
  UpdateScopeInput,
} from '../scope/scope.types.ts';
import { Role } from '../shared/enums.ts';
import type { Workspace } from './workspace.entity.ts';

@ObjectType('Workspace', {
  implements: NodeInterface,
  description: 'Where people work: notebooks and builds belong to one.',
  simpleResolvers: true,
})
export class WorkspaceObject extends ScopeObject implements Workspace {
  @Field(() => Boolean, { description: 'Is this the workspace of what names none?' })
  isDefault!: boolean;
}

export const WorkspaceConnection = connectionOf('Workspace', WorkspaceObject);

@ObjectType('WorkspaceRole', {
  description: 'A role that the viewer holds on a workspace.',
  simpleResolvers: true,
})
export class WorkspaceRoleObject {
  @Field(() => WorkspaceObject, { description: 'On which workspace.' })
  workspace!: Workspace;

  @Field(() => Role, { description: 'Which role.' })
  role!: Role;
}

@InputType({ description: 'A new workspace.' })
export class CreateWorkspaceInput extends CreateScopeInput {}

@InputType({
  description:
    'What changes about a workspace: absent keeps, null clears. Its name stays: labels of running notebooks hold it.',
})
export class UpdateWorkspaceInput extends UpdateScopeInput {}

@InputType({ description: 'Which workspace is deleted.' })
export class DeleteWorkspaceInput extends DeleteScopeInput {}

@InputType({ description: 'Who gets which role on which workspace.' })
export class SetWorkspaceMemberInput extends SetMemberInput {
  @Field(() => ID, { description: "The workspace's id." })
  workspaceId!: string;
}

@ObjectType({ simpleResolvers: true })
abstract class WorkspacePayload extends Payload {
  @Field(() => WorkspaceObject, { nullable: true, description: 'Null where the input was refused.' })
  workspace!: Workspace | null;
}

@ObjectType({ description: 'The new workspace.', simpleResolvers: true })
export class CreateWorkspacePayload extends WorkspacePayload {}

@ObjectType({ description: 'The workspace as it is now.', simpleResolvers: true })
export class UpdateWorkspacePayload extends WorkspacePayload {}

@ObjectType({
  description: 'The workspace as it was; its members, images and builds can no longer be read.',
  simpleResolvers: true,
})
export class DeleteWorkspacePayload extends WorkspacePayload {}

@ObjectType({ description: 'The workspace with its new members.', simpleResolvers: true })
export class SetWorkspaceMemberPayload extends WorkspacePayload {}
