import { ArgsType, Field, ID, InputType, ObjectType } from 'type-graphql';
import { connectionOf, ForwardArgs } from '../graphql/connection.ts';
import { NodeInterface } from '../graphql/node.types.ts';
import { MutationInput, Payload } from '../graphql/payload.types.ts';
import { TokenScope, UserKind } from '../shared/enums.ts';
import type { User } from './user.entity.ts';
import './user.enums.ts';

@ObjectType('User', {
  implements: NodeInterface,
  description:
    'Somebody, or a service account, that signs in. What they may do and sign in with is for administrators and for themselves.',
  simpleResolvers: true,
})
export class UserObject extends NodeInterface implements Pick<User, 'id' | 'name'> {
  @Field(() => String, { description: 'The name to sign in with and to share with.' })
  name!: string;
}

export const UserConnection = connectionOf('User', UserObject);

@ObjectType('Viewer', { description: 'Who is asking, and what they may do.', simpleResolvers: true })
export class ViewerObject {
  @Field(() => UserObject, { description: 'The signed-in user.' })
  user!: User;

  @Field(() => Boolean, {
    description: 'Administrators may do everything, whatever their roles, as far as the scopes go.',
  })
  isAdmin!: boolean;

  @Field(() => [TokenScope], {
    description: 'What the token may be used for that the viewer has signed in with.',
  })
  scopes!: readonly TokenScope[];
}

@ArgsType()
export class UsersArgs extends ForwardArgs {
  @Field(() => UserKind, {
    nullable: true,
    description: 'Only people, or only service accounts; null: both.',
  })
  kind?: UserKind | null;
}

@InputType({ description: 'A new service account.' })
export class CreateServiceAccountInput extends MutationInput {
  @Field(() => String, {
    description:
      'A letter or digit, then at most 63 letters, digits, dots, hyphens, underscores or @ signs. Unique among all users.',
  })
  name!: string;

  @Field(() => String, { nullable: true, description: 'What it is for; at most 512 characters.' })
  description?: string | null;
}

@InputType({ description: 'What changes about a user: what is absent stays.' })
export class UpdateUserInput extends MutationInput {
  @Field(() => ID, { description: "The user's id." })
  id!: string;

  @Field(() => Boolean, {
    nullable: true,
    description: 'May they do everything? Absent and null keep it. Nobody takes this from themself.',
  })
  isAdmin?: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    description:
      'May they sign in? false ends everything that they have signed in with, and is for others only; true makes their tokens that were not revoked good again. Absent and null keep it.',
  })
  isActive?: boolean | null;

  @Field(() => String, {
    nullable: true,
    description:
      'What a service account is for; at most 512 characters. Absent keeps what there is, null clears it.',
  })
  description?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Whom a person is to the operator's OpenID Connect issuer, the `sub` of their JWTs; at most 255 characters. From then on these sign in this user, with all that they may do. NAME_TAKEN: another user is linked to it. Absent keeps it; null unlinks them, and their next JWT is a first one again.",
  })
  subject?: string | null;
}

@ObjectType({ simpleResolvers: true })
abstract class UserPayload extends Payload {
  @Field(() => UserObject, { nullable: true, description: 'Null where the input was refused.' })
  user!: User | null;
}

@ObjectType({ description: 'The new service account.', simpleResolvers: true })
export class CreateServiceAccountPayload extends UserPayload {}

@ObjectType({ description: 'The user as they are now.', simpleResolvers: true })
export class UpdateUserPayload extends UserPayload {}
