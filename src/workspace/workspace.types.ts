import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { connectionOf } from '../graphql/connection.ts';
import { NodeInterface } from '../graphql/node.types.ts';
import { MutationInput, Payload } from '../graphql/payload.types.ts';
import { DateTime } from '../graphql/scalars.ts';
import { Role } from '../shared/enums.ts';
import type { Workspace } from './workspace.entity.ts';

@ObjectType('Workspace', {
  implements: NodeInterface,
  description: 'Where people work: notebooks and builds belong to one.',
  simpleResolvers: true,
})
export class WorkspaceObject extends NodeInterface implements Workspace {
  @Field(() => String, { description: 'Unique, e.g. "vision-team".' })
  name!: string;

  @Field(() => String, { nullable: true, description: 'For people, in any script; null: none was given.' })
  displayName!: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters; null: none was given.' })
  description!: string | null;

  @Field(() => Boolean, { description: 'Is this the workspace of what names none?' })
  isDefault!: boolean;

  @Field(() => DateTime, { description: 'When it was made.' })
  createdAt!: Date;

  @Field(() => DateTime, { description: 'When it was changed last.' })
  updatedAt!: Date;
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
export class CreateWorkspaceInput extends MutationInput {
  @Field(() => String, {
    description:
      'A lower-case letter, then at most 63 letters, digits, hyphens, underscores or dots. Unique.',
  })
  name!: string;

  @Field(() => String, { nullable: true, description: 'For people, in any script; at most 256 characters.' })
  displayName?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters.' })
  description?: string | null;
}

@ObjectType({ description: 'The new workspace.', simpleResolvers: true })
export class CreateWorkspacePayload extends Payload {
  @Field(() => WorkspaceObject, { nullable: true, description: 'Null where the input was refused.' })
  workspace!: Workspace | null;
}

@InputType({ description: 'Who gets which role on which workspace.' })
export class SetWorkspaceMemberInput extends MutationInput {
  @Field(() => ID, { description: "The workspace's id." })
  workspaceId!: string;

  @Field(() => String, { description: 'Who; the user is made on first sight.' })
  userName!: string;

  @Field(() => Role, { nullable: true, description: 'The role; null takes the membership away.' })
  role?: Role | null;
}

@ObjectType({ description: 'The workspace with its new members.', simpleResolvers: true })
export class SetWorkspaceMemberPayload extends Payload {
  @Field(() => WorkspaceObject, { nullable: true, description: 'Null where the input was refused.' })
  workspace!: Workspace | null;
}
