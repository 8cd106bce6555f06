import { Arg, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../graphql/context.ts';
import { answer, InputIds } from '../graphql/payload.types.ts';
import { toGlobalId } from '../shared/global-id.ts';
import type { AccessToken } from './access-token.entity.ts';
import type { User } from './user.entity.ts';
import {
  AccessTokenObject,
  CreateAccessTokenInput,
  CreateAccessTokenPayload,
  RevokeAccessTokenInput,
  RevokeAccessTokenPayload,
  UserObject,
  ViewerObject,
} from './user.types.ts';

@Resolver(() => UserObject)
export class UserResolver {
  @FieldResolver(() => ID, { description: 'Opaque, globally unique, stable.' })
  id(@Root() user: User): string {
    return toGlobalId('User', user.id);
  }
}

@Resolver(() => AccessTokenObject)
export class AccessTokenResolver {
  @FieldResolver(() => ID, { description: 'Opaque, globally unique, stable.' })
  id(@Root() token: AccessToken): string {
    return toGlobalId('AccessToken', token.id);
  }

  @Mutation(() => CreateAccessTokenPayload, {
    description: 'Makes an access token; it is shown this one time.',
  })
  async createAccessToken(
    @Arg('input', () => CreateAccessTokenInput) input: CreateAccessTokenInput,
    @Ctx() { users, session }: Context,
  ) {
    return await answer<{ accessToken: AccessToken | null; token: string | null }>(
      input,
      { accessToken: null, token: null },
      () => users.createAccessToken(session, input),
    );
  }

  @Mutation(() => RevokeAccessTokenPayload, { description: 'Ends an access token at once.' })
  async revokeAccessToken(
    @Arg('input', () => RevokeAccessTokenInput) input: RevokeAccessTokenInput,
    @Ctx() { users, session }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('AccessToken', input.id, ['id']);
    const run = async () => ({ accessToken: await users.revokeAccessToken(session, uid) });
    return await answer<{ accessToken: AccessToken | null }>(input, { accessToken: null }, run, ids);
  }
}

@Resolver(() => ViewerObject)
export class ViewerResolver {
  @Query(() => ViewerObject, { description: 'Who is asking, and what they may do.' })
  viewer(@Ctx() { session }: Context) {
    return { user: session.user, isAdmin: session.isAdmin };
  }

  @FieldResolver(() => [AccessTokenObject], {
    description: "The viewer's own tokens that are not revoked, newest first.",
  })
  async accessTokens(@Ctx() { users, session }: Context): Promise<AccessToken[]> {
    return await users.accessTokens(session);
  }
}
