import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { NodeInterface } from '../graphql/node.types.ts';
import { MutationInput, Payload } from '../graphql/payload.types.ts';
import { DateTime } from '../graphql/scalars.ts';
import type { AccessToken } from './access-token.entity.ts';
import type { User } from './user.entity.ts';

@ObjectType('User', {
  implements: NodeInterface,
  description: 'Somebody, or a service account, that signs in.',
  simpleResolvers: true,
})
export class UserObject extends NodeInterface implements Pick<User, 'id' | 'name'> {
  @Field(() => String, { description: 'The name to sign in with and to share with.' })
  name!: string;
}

@ObjectType('AccessToken', {
  description: "A user's key to the API. The token itself is shown once, when it is made.",
  simpleResolvers: true,
})
export class AccessTokenObject
  implements Pick<AccessToken, 'id' | 'name' | 'createdAt' | 'expiresAt' | 'revokedAt'>
{
  @Field(() => ID, { description: 'To revoke it with.' })
  id!: string;

  @Field(() => String, { description: 'What it is for.' })
  name!: string;

  @Field(() => DateTime, { description: 'When it was made.' })
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: 'When it ends by itself; null: never.' })
  expiresAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it was revoked; null: it was not.' })
  revokedAt!: Date | null;
}

@ObjectType('Viewer', { description: 'Who is asking, and what they may do.', simpleResolvers: true })
export class ViewerObject {
  @Field(() => UserObject, { description: 'The signed-in user.' })
  user!: User;

  @Field(() => Boolean, { description: 'Administrators may do everything, whatever their roles.' })
  isAdmin!: boolean;
}

@InputType({ description: 'What the access token is for, and for whom.' })
export class CreateAccessTokenInput extends MutationInput {
  @Field(() => String, { description: 'What the token is for, e.g. "nightly CI".' })
  name!: string;

  @Field(() => String, {
    nullable: true,
    description:
      "Whose token; absent: the viewer's own. Administrators only; the user is made on first sight.",
  })
  userName?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'When it ends by itself; absent: never.' })
  expiresAt?: Date | null;
}

@ObjectType({ description: 'A new access token.', simpleResolvers: true })
export class CreateAccessTokenPayload extends Payload {
  @Field(() => AccessTokenObject, { nullable: true, description: 'Null where the input was refused.' })
  accessToken!: AccessToken | null;

  @Field(() => String, {
    nullable: true,
    description: 'The token itself, to be sent as `Authorization: Bearer …`. It is never shown again.',
  })
  token!: string | null;
}

@InputType({ description: 'Which access token to revoke.' })
export class RevokeAccessTokenInput extends MutationInput {
  @Field(() => ID, { description: "The access token's id." })
  id!: string;
}

@ObjectType({ description: 'The revoked access token.', simpleResolvers: true })
export class RevokeAccessTokenPayload extends Payload {
  @Field(() => AccessTokenObject, { nullable: true, description: 'Null where the input was refused.' })
  accessToken!: AccessToken | null;
}
