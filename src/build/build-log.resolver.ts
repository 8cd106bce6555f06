import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { Context } from '../graphql/context.ts';
import type { BuildRow } from './build.reads.ts';
import { BuildObject } from './build.types.ts';
import { readableLine } from './build-log.codec.ts';
import { BuildLogArgs, BuildLogConnectionObject } from './build-log.types.ts';

@Resolver(() => BuildObject)
export class BuildLogResolver {
  @FieldResolver(() => BuildLogConnectionObject, {
    description: 'Its log, forwards or backwards; what is still to come is for `imageBuildLogs`.',
  })
  async logs(
    @Root() build: BuildRow,
    @Args(() => BuildLogArgs) args: BuildLogArgs,
    @Ctx() { buildLogs }: Context,
  ) {
    const page = await buildLogs.page(build.id, args);
    const edges = page.lines.map((line) => ({ cursor: page.cursorOf(line), node: readableLine(line) }));
    return {
      edges,
      nodes: edges.map(({ node }) => node),
      gaps: page.gaps,
      pageInfo: {
        hasNextPage: page.hasNextPage,
        hasPreviousPage: page.hasPreviousPage,
        startCursor: edges[0]?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
      },
      totalCount: page.count,
    };
  }
}
