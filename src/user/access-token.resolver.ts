import { Arg, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import type { Context } from '../graphql/context.ts';
import { answer, InputIds } from '../graphql/payload.types.ts';
import { TokenScope } from '../shared/enums.ts';
import { toGlobalId } from '../shared/global-id.ts';
import type { AccessToken } from './access-token.entity.ts';
import type { Revoked } from './access-token.service.ts';
import {
  AccessTokenObject,
  CreateAccessTokenInput,
  CreateAccessTokenPayload,
  RevokeAccessTokenInput,
  RevokeAccessTokenPayload,
} from './access-token.types.ts';

@Resolver(() => AccessTokenObject)
export class AccessTokenResolver {
  @FieldResolver(() => ID, { description: 'Opaque, globally unique, stable.' })
  id(@Root() token: AccessToken): string {
    return toGlobalId('AccessToken', token.id);
  }

  @FieldResolver(() => [TokenScope], { description: 'What it may be used for.' })
  scopes(@Root() { canWrite }: AccessToken): TokenScope[] {
    return canWrite ? ['READ', 'WRITE'] : ['READ'];
  }

  @Mutation(() => CreateAccessTokenPayload, {
    description:
      'Makes an access token; it is shown this one time. A user has at most 100 that are good, else TOO_MANY.',
  })
  async createAccessToken(
    @Arg('input', () => CreateAccessTokenInput) input: CreateAccessTokenInput,
    @Ctx() { accessTokens, session }: Context,
  ) {
    return await answer<{ accessToken: AccessToken | null; token: string | null }>(
      input,
      { accessToken: null, token: null },
      () => accessTokens.create(session, input),
    );
  }

  @Mutation(() => RevokeAccessTokenPayload, {
    description: "Ends an access token at once. One's own; of others: administrators only.",
  })
  async revokeAccessToken(
    @Arg('input', () => RevokeAccessTokenInput) input: RevokeAccessTokenInput,
    @Ctx() { accessTokens, session }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('AccessToken', input.id, ['id']);
    const refused = { accessToken: null, alsoRevoked: [], stillGoodCount: 0 };
    const run = async () => await accessTokens.revoke(session, uid, input.withMade === true);
    return await answer<Revoked | typeof refused>(input, refused, run, ids);
  }
}
