import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import { type Connection, toConnection } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import { answer, InputIds } from '../graphql/payload.types.ts';
import { DateTime } from '../graphql/scalars.ts';
import { UserKind } from '../shared/enums.ts';
import type { AccessToken } from './access-token.entity.ts';
import { AccessTokenObject } from './access-token.types.ts';
import type { User } from './user.entity.ts';
import {
  CreateServiceAccountInput,
  CreateServiceAccountPayload,
  UpdateUserInput,
  UpdateUserPayload,
  UserConnection,
  UserObject,
  UsersArgs,
  ViewerObject,
} from './user.types.ts';

/** The viewer is known by id and name, and read whole only where more is asked for. */
type KnownUser = User | Context['session']['user'];

async function whole(user: KnownUser, { loaders }: Context): Promise<User> {
  return 'kind' in user ? user : ((await loaders.user.load(user.id)) as User);
}

/** The user, where the viewer may see what they may do and sign in with. */
async function accountOf(user: KnownUser, context: Context): Promise<User | null> {
  return context.users.mayReadAccount(context.session, user.id) ? await whole(user, context) : null;
}

@Resolver(() => UserObject)
export class UserResolver {
  @Query(() => UserConnection, { description: 'All users, by name. Administrators only.' })
  users(
    @Args(() => UsersArgs) { kind, ...page }: UsersArgs,
    @Ctx() { users, session }: Context,
  ): Connection<User> {
    return toConnection(users.page(session, kind ?? null, page));
  }

  @Query(() => UserObject, {
    nullable: true,
    description: 'A user by name; null where there is none. Administrators only.',
  })
  async user(
    @Arg('name', () => String, { description: "The user's name." }) name: string,
    @Ctx() { users, session }: Context,
  ): Promise<User | null> {
    return await users.find(session, name);
  }

  @Mutation(() => CreateServiceAccountPayload, {
    description:
      'Makes a service account: a user for a program, that signs in with access tokens alone. It has no roles at first. NAME_TAKEN, unless the user of that name is a person who never had a token nor signed in, and has no role: they become the service account. Administrators only.',
  })
  async createServiceAccount(
    @Arg('input', () => CreateServiceAccountInput) input: CreateServiceAccountInput,
    @Ctx() { users, session }: Context,
  ) {
    return await answer<{ user: User | null }>(input, { user: null }, async () => ({
      user: await users.createServiceAccount(session, input),
    }));
  }

  @Mutation(() => UpdateUserPayload, {
    description:
      "Changes what a user is, and whether they may sign in. What somebody made stays when they are deactivated; what they watch ends within seconds. The user admin, the operator's way in, stays as it is. Administrators only.",
  })
  async updateUser(
    @Arg('input', () => UpdateUserInput) input: UpdateUserInput,
    @Ctx() { users, session, loaders }: Context,
  ) {
    const ids = new InputIds();
    const id = ids.uid('User', input.id, ['id']);
    const run = async () => {
      const user = await users.update(session, id, input);
      loaders.user.clear(user.id);
      loaders.userByName.clear(user.name);
      return { user };
    };
    return await answer<{ user: User | null }>(input, { user: null }, run, ids);
  }

  @FieldResolver(() => UserKind, { description: 'A person or a service account.' })
  async kind(@Root() user: KnownUser, @Ctx() context: Context): Promise<UserKind> {
    return (await whole(user, context)).kind;
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      'What a service account is for; null: nobody has said, it is a person, or this is not for the viewer to see.',
  })
  async description(@Root() user: KnownUser, @Ctx() context: Context): Promise<string | null> {
    return (await accountOf(user, context))?.description ?? null;
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      "Who they are to the operator's OpenID Connect issuer, the `sub` of their JWTs; null: no JWT signs them in, or this is not for the viewer to see.",
  })
  async subject(@Root() user: KnownUser, @Ctx() context: Context): Promise<string | null> {
    return (await accountOf(user, context))?.subject ?? null;
  }

  @FieldResolver(() => Boolean, {
    nullable: true,
    description: 'May they do everything? null: this is not for the viewer to see.',
  })
  async isAdmin(@Root() user: KnownUser, @Ctx() context: Context): Promise<boolean | null> {
    return (await accountOf(user, context))?.isAdmin ?? null;
  }

  @FieldResolver(() => Boolean, {
    nullable: true,
    description: 'May they sign in? null: this is not for the viewer to see.',
  })
  async isActive(@Root() user: KnownUser, @Ctx() context: Context): Promise<boolean | null> {
    const account = await accountOf(user, context);
    return account && account.deactivatedAt === null;
  }

  @FieldResolver(() => DateTime, {
    nullable: true,
    description:
      'When they were deactivated; null: they were not, or this is not for the viewer to see: see isActive.',
  })
  async deactivatedAt(@Root() user: KnownUser, @Ctx() context: Context): Promise<Date | null> {
    return (await accountOf(user, context))?.deactivatedAt ?? null;
  }

  @FieldResolver(() => DateTime, {
    nullable: true,
    description: 'When there was a user of this name first; null: this is not for the viewer to see.',
  })
  async createdAt(@Root() user: KnownUser, @Ctx() context: Context): Promise<Date | null> {
    return (await accountOf(user, context))?.createdAt ?? null;
  }

  @FieldResolver(() => [AccessTokenObject], {
    nullable: true,
    description:
      'Their access tokens that are neither revoked nor expired, newest first; null: these are not for the viewer to see.',
  })
  async accessTokens(
    @Root() user: KnownUser,
    @Ctx() { users, session, loaders }: Context,
  ): Promise<readonly AccessToken[] | null> {
    return users.mayReadAccount(session, user.id) ? ((await loaders.accessTokens.load(user.id)) ?? []) : null;
  }
}

@Resolver(() => ViewerObject)
export class ViewerResolver {
  @Query(() => ViewerObject, { description: 'Who is asking, and what they may do.' })
  viewer(@Ctx() { session }: Context) {
    return { user: session.user, isAdmin: session.isAdmin, scopes: session.scopes };
  }

  @FieldResolver(() => [AccessTokenObject], {
    description: "The viewer's own tokens that are neither revoked nor expired, newest first.",
  })
  async accessTokens(@Ctx() { session, loaders }: Context): Promise<readonly AccessToken[]> {
    return (await loaders.accessTokens.load(session.user.id)) ?? [];
  }
}
