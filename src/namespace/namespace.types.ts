import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { connectionOf } from '../graphql/connection.ts';
import { NodeInterface } from '../graphql/node.types.ts';
import { MutationInput, Payload } from '../graphql/payload.types.ts';
import { DateTime } from '../graphql/scalars.ts';
import { Role } from '../shared/enums.ts';
import type { User } from '../user/user.entity.ts';
import { UserObject } from '../user/user.types.ts';
import type { Namespace } from './namespace.entity.ts';

@ObjectType('Namespace', {
  implements: NodeInterface,
  description:
    "Who owns images: the first segment of a built image's path in the registry, and the scope of rights.",
  simpleResolvers: true,
})
export class NamespaceObject extends NodeInterface implements Namespace {
  @Field(() => String, {
    description: 'Unique; what an image reference starts with after the host, e.g. "algo".',
  })
  name!: string;

  @Field(() => String, { nullable: true, description: 'For people, in any script; null: none was given.' })
  displayName!: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters; null: none was given.' })
  description!: string | null;

  @Field(() => DateTime, { description: 'When it was made.' })
  createdAt!: Date;

  @Field(() => DateTime, { description: 'When it was changed last.' })
  updatedAt!: Date;
}

export const NamespaceConnection = connectionOf('Namespace', NamespaceObject);

@ObjectType('Member', { description: 'A user and their role.', simpleResolvers: true })
export class MemberObject {
  @Field(() => UserObject, { description: 'Who.' })
  user!: User;

  @Field(() => Role, { description: 'What they may do.' })
  role!: Role;
}

@ObjectType('NamespaceRole', {
  description: 'A role that the viewer holds on a namespace.',
  simpleResolvers: true,
})
export class NamespaceRoleObject {
  @Field(() => NamespaceObject, { description: 'On which namespace.' })
  namespace!: Namespace;

  @Field(() => Role, { description: 'Which role.' })
  role!: Role;
}

@InputType({ description: 'A new namespace.' })
export class CreateNamespaceInput extends MutationInput {
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

@ObjectType({ description: 'The new namespace.', simpleResolvers: true })
export class CreateNamespacePayload extends Payload {
  @Field(() => NamespaceObject, { nullable: true, description: 'Null where the input was refused.' })
  namespace!: Namespace | null;
}

@InputType({ description: 'Who gets which role on which namespace.' })
export class SetNamespaceMemberInput extends MutationInput {
  @Field(() => ID, { description: "The namespace's id." })
  namespaceId!: string;

  @Field(() => String, { description: 'Who; the user is made on first sight.' })
  userName!: string;

  @Field(() => Role, { nullable: true, description: 'The role; null takes the membership away.' })
  role?: Role | null;
}

@ObjectType({ description: 'The namespace with its new members.', simpleResolvers: true })
export class SetNamespaceMemberPayload extends Payload {
  @Field(() => NamespaceObject, { nullable: true, description: 'Null where the input was refused.' })
  namespace!: Namespace | null;
}
