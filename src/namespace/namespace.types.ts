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
import type { Namespace } from './namespace.entity.ts';

@ObjectType('Namespace', {
  implements: NodeInterface,
  description:
    "Who owns images: the first segment of a built image's path in the registry, and the scope of rights.",
  simpleResolvers: true,
})
export class NamespaceObject extends ScopeObject implements Namespace {}

export const NamespaceConnection = connectionOf('Namespace', NamespaceObject);

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
export class CreateNamespaceInput extends CreateScopeInput {}

@InputType({
  description:
    'What changes about a namespace: absent keeps, null clears. Its name stays: the paths of pushed images, references and dependencies hold it.',
})
export class UpdateNamespaceInput extends UpdateScopeInput {}

@InputType({ description: 'Which namespace is deleted.' })
export class DeleteNamespaceInput extends DeleteScopeInput {}

@InputType({ description: 'Who gets which role on which namespace.' })
export class SetNamespaceMemberInput extends SetMemberInput {
  @Field(() => ID, { description: "The namespace's id." })
  namespaceId!: string;
}

@ObjectType({ simpleResolvers: true })
abstract class NamespacePayload extends Payload {
  @Field(() => NamespaceObject, { nullable: true, description: 'Null where the input was refused.' })
  namespace!: Namespace | null;
}

@ObjectType({ description: 'The new namespace.', simpleResolvers: true })
export class CreateNamespacePayload extends NamespacePayload {}

@ObjectType({ description: 'The namespace as it is now.', simpleResolvers: true })
export class UpdateNamespacePayload extends NamespacePayload {}

@ObjectType({
  description: 'The namespace as it was; its members, images and builds can no longer be read.',
  simpleResolvers: true,
})
export class DeleteNamespacePayload extends NamespacePayload {}

@ObjectType({ description: 'The namespace with its new members.', simpleResolvers: true })
export class SetNamespaceMemberPayload extends NamespacePayload {}
