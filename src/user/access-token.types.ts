import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { MutationInput, Payload } from '../graphql/payload.types.ts';
import { DateTime } from '../graphql/scalars.ts';
import { TokenScope } from '../shared/enums.ts';
import type { AccessToken } from './access-token.entity.ts';
import './user.enums.ts';

@ObjectType('AccessToken', {
  description: "A user's key to the API. The token itself is shown once, when it is made.",
  simpleResolvers: true,
})
export class AccessTokenObject
  implements
    Pick<AccessToken, 'id' | 'name' | 'prefix' | 'createdAt' | 'lastUsedAt' | 'expiresAt' | 'revokedAt'>
{
  @Field(() => ID, { description: 'To revoke it with.' })
  id!: string;

  @Field(() => String, { description: 'What it is for.' })
  name!: string;

  @Field(() => String, {
    nullable: true,
    description:
      'Its first characters, to know it by, e.g. slwt_a1B2c3; null: it was made before they were kept.',
  })
  prefix!: string | null;

  @Field(() => DateTime, { description: 'When it was made.' })
  createdAt!: Date;

  @Field(() => DateTime, {
    nullable: true,
    description:
      'When it was used last, to the minute, as far as that is known: it was not written down before there was this field; null: never.',
  })
  lastUsedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it ends by itself; null: never.' })
  expiresAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it was revoked; null: it was not.' })
  revokedAt!: Date | null;
}

@InputType({ description: 'What the access token is for, and for whom.' })
export class CreateAccessTokenInput extends MutationInput {
  @Field(() => String, {
    description: 'What the token is for, e.g. "nightly CI"; at most 128 characters.',
  })
  name!: string;

  @Field(() => String, {
    nullable: true,
    description:
      "Whose token; absent: the viewer's own. Administrators only; a person is made of a name that nobody has yet. For admin only who signs in with the operator's token.",
  })
  userName?: string | null;

  @Field(() => [TokenScope], {
    nullable: true,
    defaultValue: [TokenScope.READ, TokenScope.WRITE],
    description: 'What it may be used for: at least one; WRITE holds READ. null: both.',
  })
  scopes?: TokenScope[] | null;

  @Field(() => DateTime, {
    nullable: true,
    description:
      'When it ends by itself; absent: as late as it may. That is never, or together with the access token that the viewer has signed in with, or some days from now, 90 unless the operator says otherwise, where they have signed in by a JWT; details.max of OUT_OF_RANGE says when.',
  })
  expiresAt?: Date | null;
}

@ObjectType({ description: 'A new access token.', simpleResolvers: true })
export class CreateAccessTokenPayload extends Payload {
  @Field(() => AccessTokenObject, { nullable: true, description: 'Null where the input was refused.' })
  accessToken!: AccessToken | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The token itself, to be sent as `Authorization: Bearer …`. It is never shown again. Null where the input was refused.',
  })
  token!: string | null;
}

@InputType({ description: 'Which access token to revoke.' })
export class RevokeAccessTokenInput extends MutationInput {
  @Field(() => ID, { description: "The access token's id." })
  id!: string;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description:
      'Revoke the tokens as well that were made with it, and with those: for one that may have leaked. null: no.',
  })
  withMade?: boolean | null;
}

@ObjectType({ description: 'The revoked access token.', simpleResolvers: true })
export class RevokeAccessTokenPayload extends Payload {
  @Field(() => AccessTokenObject, { nullable: true, description: 'Null where the input was refused.' })
  accessToken!: AccessToken | null;

  @Field(() => [AccessTokenObject], {
    description: 'With `withMade`: the other tokens that were revoked with it.',
  })
  alsoRevoked!: readonly AccessToken[];

  @Field(() => Int, {
    description:
      'How many tokens that were made with it, or with those, are still good. If it may have leaked, revoke it once more with `withMade`.',
  })
  stillGoodCount!: number;
}
