import { Args, Ctx, Extensions, FieldResolver, Resolver, Root } from 'type-graphql';
import type { Context } from '../../graphql/context.ts';
import type { BuildRow } from '../build.reads.ts';
import { BuildObject } from '../build.types.ts';
import { BuildLogArgs, BuildLogConnectionObject } from './build-log.types.ts';

@Resolver(() => BuildObject)
export class BuildLogResolver {
  @FieldResolver(() => String, {
    description:
      'The whole log as plain text, by GET with the same token: a path, to be put after the address of this server, e.g. http://127.0.0.1:4000/builds/3f2b…/log. While the build runs, the download follows it to its end; with `?follow=false` it ends with what there is by now. `?form=raw` has the bytes as they were printed. Range requests resume. 410 once retention has taken the log away.',
  })
  logUrl(@Root() build: BuildRow): string {
    return `/builds/${build.id}/log`;
  }

  @Extensions({ cost: 10, page: { size: 100, limit: 1000 } })
  @FieldResolver(() => BuildLogConnectionObject, {
    description: 'Its log, forwards or backwards; what is still to come is for `imageBuildLogs`.',
  })
  async logs(
    @Root() build: BuildRow,
    @Args(() => BuildLogArgs) args: BuildLogArgs,
    @Ctx() { buildLogs }: Context,
  ) {
    const page = await buildLogs.page(build.id, args);
    const edges = page.lines.map((line) => ({ cursor: page.cursorOf(line), node: line }));
    return {
      edges,
      nodes: edges.map(({ node }) => node),
      gaps: page.gaps,
      pageInfo: {
        hasNextPage: page.hasNextPage,
        hasPreviousPage: page.hasPreviousPage,
        startCursor: page.startCursor,
        endCursor: page.endCursor,
      },
      totalCount: page.count,
    };
  }
}
