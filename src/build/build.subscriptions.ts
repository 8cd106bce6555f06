import type { GraphQLResolveInfo } from 'graphql';
import { Arg, ID, Int, Resolver, Root, Subscription } from 'type-graphql';
import type { Context } from '../graphql/context.ts';
import { SafeInt } from '../graphql/scalars.ts';
import { isOfReadableScope } from '../scope/readable-scopes.ts';
import { BadInputError } from '../shared/errors.ts';
import { NO_SUCH_UID, uidOf } from '../shared/global-id.ts';
import type { ChangeNotice } from './activity/build-activity.reads.ts';
import type { BuildRow } from './build.reads.ts';
import type { BuildStatusEvent } from './build-status.reader.ts';
import { whileNoRoleEnds, whileVisible } from './build-visibility.ts';
import { BuildLogEventUnion, BuildStatusEventObject } from './log/build-log.types.ts';

interface SubscribeParams<A> {
  readonly args: A;
  readonly context: Context;
  readonly info: GraphQLResolveInfo;
}

/** type-graphql checks neither rights nor arguments before `subscribe`: both are checked in here. */
async function visibleBuild({ args, context }: SubscribeParams<{ buildId: string }>): Promise<BuildRow> {
  return await context.builds.get(context.session, uidOf('ImageBuild', args.buildId, ['buildId']));
}

function assertNotNegative(value: number, argument: string): void {
  if (value < 0)
    throw new BadInputError(`\`${argument}\` must be 0 or more.`, [argument], { min: 0, current: value });
}

async function statusEvents(params: SubscribeParams<{ buildId: string; afterVersion: number | null }>) {
  const { args, context } = params;
  const after = args.afterVersion ?? 0;
  assertNotNegative(after, 'afterVersion');
  const build = await visibleBuild(params);
  return whileVisible(context, build, (signal) => context.buildStatuses.follow(build, after, signal));
}

async function logEvents(params: SubscribeParams<{ buildId: string; afterSeq: number | null }>) {
  const { args, context } = params;
  const after = args.afterSeq ?? 0;
  assertNotNegative(after, 'afterSeq');
  // Of its row no more than is needed: a subscription that waits would keep all 4 KB of it.
  const { id, namespaceId, workspaceId, logLineCount } = await visibleBuild(params);
  // What a client has of this log was stored before it asked: so the count that was read since has it.
  if (after > logLineCount) {
    const message = `\`afterSeq\` is after the end of this log, which has ${logLineCount} lines by now; give the last seq seen of this build.`;
    throw new BadInputError(message, ['afterSeq'], { max: logLineCount, current: after });
  }
  return whileVisible(context, { namespaceId, workspaceId }, (signal) =>
    logEventsWithBuild(context, id, after, signal),
  );
}

/** With the log's end comes the build as it ended. */
async function* logEventsWithBuild(context: Context, id: string, after: number, signal: AbortSignal) {
  for await (const event of context.buildLogs.follow(id, after, signal)) {
    if (event.kind === 'end') yield { ...event, build: await context.builds.get(context.session, id) };
    else yield event;
  }
}

interface ActivityArgs {
  readonly workspaceId: string | null | undefined;
  readonly namespace: string | null | undefined;
}

function activityEvents({ args, context }: SubscribeParams<ActivityArgs>) {
  const workspaceUid = args.workspaceId
    ? (uidOf('Workspace', args.workspaceId, ['workspaceId']) ?? NO_SUCH_UID)
    : null;
  const sees = (notice: ChangeNotice) =>
    isOfReadableScope(context.session, notice) &&
    (workspaceUid === null || notice.workspaceId === workspaceUid) &&
    (!args.namespace || notice.namespaceName === args.namespace);
  return whileNoRoleEnds(context, (signal) => context.buildActivity.follow(sees, signal));
}

@Resolver()
export class BuildSubscriptions {
  @Subscription(() => BuildStatusEventObject, {
    description:
      'Every build that the viewer may see as it starts, moves or ends, for a dashboard. Nothing is sent for builds that do not change: subscribe first, then ask for `imageBuilds`, and of each build keep the higher version (changes of the last seconds before the subscription may come first). The versions of a build rise; a client that reads too slowly gets only the newest of each build, and is sent away with UNAVAILABLE where more than 500 builds wait for it, or with RATE_LIMITED: then begin anew, after details.retryAfter seconds. When the viewer loses a role it ends with FORBIDDEN: subscribe again to what is left.',
    subscribe: activityEvents,
  })
  imageBuildActivity(
    @Root() event: BuildStatusEvent,
    @Arg('workspaceId', () => ID, {
      nullable: true,
      description: 'Only builds of this workspace; none where the viewer may not see it. Null: of every one.',
    })
    _workspaceId?: string | null,
    @Arg('namespace', () => String, {
      nullable: true,
      description:
        'Only builds for the namespace of this name, also one that comes later. Null: for every one.',
    })
    _namespace?: string | null,
  ): BuildStatusEvent {
    return event;
  }

  @Subscription(() => BuildStatusEventObject, {
    description:
      "The build's state now, then every change, until it has ended. `afterVersion` resumes: versions rise by one with each change, none is missing and none comes twice. After the errors RATE_LIMITED (details.retryAfter, in seconds) and UNAVAILABLE: subscribe again with the last version seen.",
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
      "The build's log from the line after `afterSeq`, first what is stored, then live, in order, nothing lost and nothing twice, closed by an ImageBuildLogEnd. A socket that closes without that end means: reconnect with the last seq seen; so do the errors RATE_LIMITED, after details.retryAfter seconds, and UNAVAILABLE. Subscribing never starts a build.",
    subscribe: logEvents,
  })
  imageBuildLogs(
    @Root() event: unknown,
    @Arg('buildId', () => ID, { description: 'Which build.' }) _buildId: string,
    @Arg('afterSeq', () => SafeInt, {
      nullable: true,
      defaultValue: 0,
      description:
        "The last line's seq that the client has; 0: from the first line. One that the log does not have yet is refused.",
    })
    _afterSeq?: number | null,
  ): unknown {
    return event;
  }
}
