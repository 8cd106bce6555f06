import { Ctx, Query, Resolver } from 'type-graphql';
import type { Context } from '../graphql/context.ts';
import { ServerInfoObject } from './server.types.ts';
import type { ServerFacts } from './server-facts.ts';

@Resolver(() => ServerInfoObject)
export class ServerResolver {
  @Query(() => ServerInfoObject, {
    description:
      'What this server is and what it is connected to: for an about box, and for examples that run as they stand.',
  })
  server(@Ctx() { serverFacts }: Context): ServerFacts {
    return serverFacts;
  }
}
