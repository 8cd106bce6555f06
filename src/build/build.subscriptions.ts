import { setTimeout as sleep } from 'node:timers/promises';
import type { GraphQLResolveInfo } from 'graphql';
import { Arg, ID, Int, Resolver, Root, Subscription } from 'type-graphql';
import type { Context } from '../graphql/context.ts';
import { SafeInt } from '../graphql/scalars.ts';
import { BadInputError, DomainError, UnauthenticatedError, UnavailableError } from '../shared/errors.ts';
import { uidOf } from '../shared/global-id.ts';
import type { BuildRow } from './build.reads.ts';
import { readableLine } from './build-log.codec.ts';
import { BuildLogEventUnion, BuildStatusEventObject } from './build-log.types.ts';
import type { BuildStatusEvent } from './build-status.reader.ts';

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

/** How often a running subscription asks whether its viewer may still see the build. */
const RECHECK_MS = 4000;

/**
 * Events of a build until they end, the client leaves, or the viewer may no longer see the build.
 *
 * A generator that waits for its next event hears of `return` only when that has come, and a quiet build may have none
 * for hours: so leaving aborts the signal that the wait listens to.
 *
 * @throws UnauthenticatedError or NotFoundError within a few seconds after the viewer's rights have changed
 */
function whileWanted<T>(
  context: Context,
  buildId: string,
  follow: (signal: AbortSignal) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const stop = new AbortController();
  const events = whileVisible(context, buildId, follow, stop);
  const end = events.return.bind(events);
  events.return = async (value) => {
    stop.abort();
    return await end(value);
  };
  return events;
}

async function* whileVisible<T>(
  { builds, session }: Context,
  buildId: string,
  follow: (signal: AbortSignal) => AsyncGenerator<T>,
  stop: AbortController,
): AsyncGenerator<T> {
  const { signal } = stop;
  let refusal: unknown = null;
  const checking = (async () => {
    while (!signal.aborted) {
      await sleep(RECHECK_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        const viewer = await session.renew();
        if (viewer === null) throw new UnauthenticatedError('The access token is no longer good.');
        await builds.get(viewer, buildId);
      } catch (error) {
        // A database that is away for a moment takes nobody's rights away.
        if (!(error instanceof DomainError) || error instanceof UnavailableError) continue;
        refusal = error;
        stop.abort();
      }
    }
  })();
  try {
    yield* follow(signal);
    if (refusal !== null) throw refusal;
  } finally {
    stop.abort();
    await checking;
  }
}

async function statusEvents(params: SubscribeParams<{ buildId: string; afterVersion: number | null }>) {
  const { args, context } = params;
  const after = args.afterVersion ?? 0;
  assertNotNegative(after, 'afterVersion');
  const build = await visibleBuild(params);
  return whileWanted(context, build.id, (signal) => context.buildStatuses.follow(build, after, signal));
}

async function logEvents(params: SubscribeParams<{ buildId: string; afterSeq: number | null }>) {
  const { args, context } = params;
  const after = args.afterSeq ?? 0;
  assertNotNegative(after, 'afterSeq');
  const { id } = await visibleBuild(params);
  return whileWanted(context, id, (signal) => readableEvents(context, id, after, signal));
}

/** The log as the API has it: bytes as text, and with the end the build as it ended. */
async function* readableEvents(
  { builds, buildLogs, session }: Context,
  id: string,
  after: number,
  signal: AbortSignal,
) {
  for await (const event of buildLogs.follow(id, after, signal)) {
    if (event.kind === 'lines') yield { lines: event.lines.map(readableLine), lastSeq: event.lastSeq };
    else if (event.kind === 'gap') yield event;
    else yield { lastSeq: event.lastSeq, status: event.status, build: await builds.get(session, id) };
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
