import type { GraphQLResolveInfo } from 'graphql';
import { Arg, ID, Int, Resolver, Root, Subscription } from 'type-graphql';
import type { Context } from '../graphql/context.ts';
import { SafeInt } from '../graphql/scalars.ts';
import { BadInputError } from '../shared/errors.ts';
import { uidOf } from '../shared/global-id.ts';
import type { BuildRow } from './build.reads.ts';
import type { TextLine } from './build-log.reader.ts';
import { BuildLogEventUnion, BuildStatusEventObject } from './build-log.types.ts';
import type { BuildStatusEvent } from './build-status.reader.ts';

interface SubscribeParams<A> {
  readonly args: A;
  readonly context: Context;
  readonly info: GraphQLResolveInfo;
}

const decoder = new TextDecoder();
const readable = ({ data, ...line }: TextLine) => ({ ...line, text: decoder.decode(data) });

/** type-graphql checks neither rights nor arguments before `subscribe`: both are checked in here. */
async function visibleBuild({ args, context }: SubscribeParams<{ buildId: string }>): Promise<BuildRow> {
  return await context.builds.get(context.session, uidOf('ImageBuild', args.buildId, ['buildId']));
}

function assertNotNegative(value: number, argument: string): void {
  if (value < 0)
    throw new BadInputError(`\`${argument}\` must be 0 or more.`, [argument], { min: 0, current: value });
}

async function* statusEvents(params: SubscribeParams<{ buildId: string; afterVersion: number | null }>) {
  const { args, context } = params;
  const after = args.afterVersion ?? 0;
  assertNotNegative(after, 'afterVersion');
  const build = await visibleBuild(params);
  const ended = new AbortController();
  try {
    yield* context.buildStatuses.follow(build, after, ended.signal);
  } finally {
    ended.abort();
  }
}

async function* logEvents(params: SubscribeParams<{ buildId: string; afterSeq: number | null }>) {
  const { args, context } = params;
  const after = args.afterSeq ?? 0;
  assertNotNegative(after, 'afterSeq');
  const { id } = await visibleBuild(params);
  const ended = new AbortController();
  try {
    for await (const event of context.buildLogs.follow(id, after, ended.signal)) {
      if (event.kind === 'lines') yield { lines: event.lines.map(readable), lastSeq: event.lastSeq };
      else if (event.kind === 'gap') yield event;
      else
        yield {
          lastSeq: event.lastSeq,
          status: event.status,
          build: await context.builds.get(context.session, id),
        };
    }
  } finally {
    ended.abort();
  }
}

@Resolver()
export class BuildSubscriptions {
  @Subscription(() => BuildStatusEventObject, {
    description:
      "The build's state now, then every change, until it has ended. `afterVersion` resumes: versions rise by one with each change, none is missing and none comes twice.",
    subscribe: statusEvents,
  })
  imageBuildStatus(
    @Root() event: BuildStatusEvent,
    @Arg('buildId', () => ID, { description: 'Which build.' }) _buildId: string,
    @Arg('afterVersion', () => Int, {
      nullable: true,
      defaultValue: 0,
      description: 'The last version that the client has; 0: begin with the state now.',
    })
    _afterVersion?: number | null,
  ): BuildStatusEvent {
    return event;
  }

  @Subscription(() => BuildLogEventUnion, {
    description:
      "The build's log from the line after `afterSeq`, first what is stored, then live, in order, nothing lost and nothing twice, closed by an ImageBuildLogEnd. A socket that closes without that end means: reconnect with the last seq seen. Subscribing never starts a build.",
    subscribe: logEvents,
  })
  imageBuildLogs(
    @Root() event: unknown,
    @Arg('buildId', () => ID, { description: 'Which build.' }) _buildId: string,
    @Arg('afterSeq', () => SafeInt, {
      nullable: true,
      defaultValue: 0,
      description: "The last line's seq that the client has; 0: from the first line.",
    })
    _afterSeq?: number | null,
  ): unknown {
    return event;
  }
}
