import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { NodeInterface } from '../graphql/node.types.ts';
import { MutationInput } from '../graphql/payload.types.ts';
import { DateTime } from '../graphql/scalars.ts';
import { Role } from '../shared/enums.ts';
import type { User } from '../user/user.entity.ts';
import { UserObject } from '../user/user.types.ts';
import type { Scope } from './scope.service.ts';
import { QuotaInputObject } from './scope-quota.types.ts';

/** What a namespace and a workspace have in common. */
@ObjectType({ simpleResolvers: true })
export abstract class ScopeObject extends NodeInterface implements Scope {
  @Field(() => String, {
    description:
      'Unique, e.g. "algo", and the same for ever: images are pushed below the name of their namespace.',
  })
  name!: string;

  // These two are shown to who may read the namespace or workspace: resolveScopeTexts sees to it for each type that extends this.
  @Field(() => String, {
    nullable: true,
    description:
      'For people, in any script; null: none was given, or the viewer knows it only through an image of it.',
  })
  displayName!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'At most 512 characters; null: none was given, or the viewer knows it only through an image of it.',
  })
  description!: string | null;

  // Shown as the quota.
  imageLimit!: number | null;
  storageLimitBytes!: number | null;
  buildLimit!: number | null;

  @Field(() => DateTime, { description: 'When it was made.' })
  createdAt!: Date;

  @Field(() => DateTime, { description: 'When it was changed last.' })
  updatedAt!: Date;
}

@ObjectType('Member', { description: 'A user and their role.', simpleResolvers: true })
export class MemberObject {
  @Field(() => UserObject, { description: 'Who.' })
  user!: User;

  @Field(() => Role, { description: 'What they may do.' })
  role!: Role;
}

/** What a new namespace or workspace is made of. */
@InputType()
export abstract class CreateScopeInput extends MutationInput {
  @Field(() => String, {
    description:
      'A lower-case letter, then at most 63 letters, digits, hyphens, underscores or dots. Unique.',
  })
  name!: string;

  @Field(() => String, { nullable: true, description: 'For people, in any script; at most 256 characters.' })
  displayName?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters.' })
  description?: string | null;

  @Field(() => QuotaInputObject, {
    nullable: true,
    description: 'How much it may have; absent and null: any amount.',
  })
  quota?: QuotaInputObject | null;
}

/** What changes about a namespace or workspace. */
@InputType()
export abstract class UpdateScopeInput extends MutationInput {
  @Field(() => ID, { description: 'Which one.' })
  id!: string;

  @Field(() => String, {
    nullable: true,
    description:
      'For people, in any script; at most 256 characters. Absent keeps what there is, null clears it.',
  })
  displayName?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'At most 512 characters. Absent keeps what there is, null clears it.',
  })
  description?: string | null;

  @Field(() => QuotaInputObject, {
    nullable: true,
    description:
      'How much it may have. Only administrators may give it. Absent keeps all limits, null takes them away.',
  })
  quota?: QuotaInputObject | null;
}

/** Which namespace or workspace goes. */
@InputType()
export abstract class DeleteScopeInput extends MutationInput {
  @Field(() => ID, { description: 'Which one.' })
  id!: string;
}

/** Who gets which role. */
@InputType()
export abstract class SetMemberInput extends MutationInput {
  @Field(() => String, {
    description: 'Who; the user is made on first sight. There are at most 1,000 members, else TOO_MANY.',
  })
  userName!: string;

  @Field(() => Role, {
    nullable: true,
    description: 'The role; has to be said: null takes the membership away.',
  })
  role?: Role | null;
}
