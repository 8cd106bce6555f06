import { type ParsedDockerfile, parseDockerfile } from '../../shared/dockerfile.ts';
import { type BuildEvent, type BuildRequest, EngineError, type EngineInfo } from '../container-engine.ts';
import { type BaseFetches, MAX_FETCH_SILENCE_MS, untilSilent } from './base-fetches.ts';
import { packContext } from './build-context.ts';
import { markerHosts } from './build-leftovers.ts';
import { buildLimits, withLimits } from './build-limits.ts';
import { buildNetwork } from './build-network.ts';
import type { BuildProgress } from './build-progress.ts';
import { type BuilderKind, chooseBuilder, mountsSecret, refuseUnknownSyntax } from './builder-choice.ts';
import { BuildKitFetches } from './buildkit-fetches.ts';
import { BuildKitProgress } from './buildkit-progress.ts';
import { type BuildKitSession, openBuildKitSession } from './buildkit-session.ts';
import { ClassicOutput } from './classic-output.ts';
import { ClassicProgress } from './classic-progress.ts';
import { buildFailure, engineWords, isHttpError, toEngineError } from './docker-errors.ts';
import type { EngineConnection, StreamCall } from './engine-connection.ts';
import { readMessageGroups } from './engine-messages.ts';
import { type KeptTag, resultTag, tagName } from './kept-images.ts';
import { readGroup } from './message-groups.ts';
import { withDockerHub } from './podman-bases.ts';
import { PODMAN_BUILD, PODMAN_HEADERS, PODMAN_QUERY, refuseOldPodman, withImage } from './podman-build.ts';
import { PodmanProgress } from './podman-progress.ts';
import { registryConfigHeader } from './registry-auths.ts';
import { refuseHostLoopback } from './rootless-network.ts';
import { ClassicFetches, PodmanFetches } from './step-fetches.ts';

/** What is the same for all builds. */
export interface BuildSettings {
  /** What the steps are connected to, see {@link buildNetwork}. */
  readonly network: string;
  /** How long a fetch of the engine's may say nothing. */
  readonly maxFetchSilenceMs?: number | undefined;
}

/** Runs one build and gives its events; throws an EngineError after the last one of a build that failed. */
export async function* runBuild(
  engine: EngineConnection,
  info: EngineInfo,
  request: BuildRequest,
  { network, maxFetchSilenceMs = MAX_FETCH_SILENCE_MS }: BuildSettings,
  signal?: AbortSignal,
): AsyncIterable<BuildEvent> {
  refuseOldPodman(info);
  const tag = resultTag(request.labels);
  if (tag === null) throw new TypeError('A build has labels: else nobody finds what it leaves.');
  const dockerfile = parseDockerfile(request.dockerfile, request.buildArgs);
  const builder = chooseBuilder(info, request, dockerfile);
  const limits = await buildLimits(engine, builder, request.limits, signal);
  yield {
    kind: 'builder',
    builder: builder === 'BUILDKIT' ? 'BUILDKIT' : 'CLASSIC',
    enforcesLimits: limits.enforced,
  };
  refuseUnknownSyntax(info, builder, dockerfile);
  const connected = buildNetwork(builder, network);
  const progress = progressOf(builder, dockerfile, request.target);
  const fetches = fetchesOf(builder, dockerfile);
  // Ends the engine's work too when the consumer stops reading.
  const stop = new AbortController();
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const output = new ClassicOutput(engine, both);
  let session: BuildKitSession | null = null;
  try {
    if (builder === 'PODMAN') await refuseHostLoopback(engine, info, network, both);
    session = await openSession(engine, builder, request, dockerfile, both);
    const stream = await startBuild(
      engine,
      builder,
      request,
      tag,
      { ...limits.query, ...connected, session: session?.id },
      both,
    );
    const heard = untilSilent(readMessageGroups(stream), fetches, maxFetchSilenceMs);
    const groups = builder === 'PODMAN' ? withImage(heard, engine, tag, both) : heard;
    for await (const messages of groups) {
      for (const { told, containerId } of readGroup(messages, progress, fetches)) {
        const failure = progress.failure && withLimits(progress.failure, limits);
        const events = failure ? told.map((event) => withReason(event, progress.failure, failure)) : told;
        yield* builder === 'CLASSIC' ? output.read(events, containerId) : events;
      }
      if (progress.failure !== null) throw withLimits(progress.failure, limits);
    }
    if (progress.imageId === null)
      throw new EngineError('INTERNAL', 'The engine ended the build without an image.');
    yield { kind: 'result', imageId: progress.imageId };
  } catch (error) {
    const failure = toEngineError(error, signal);
    if (failure instanceof EngineError && failure.step !== null)
      yield* progress.steps.fail(failure, new Date());
    throw failure;
  } finally {
    stop.abort();
    session?.[Symbol.dispose]();
  }
}

/** The failed step says the same as the build, also where the limits explain more than the builder knows. */
function withReason(event: BuildEvent, told: EngineError | null, failure: EngineError): BuildEvent {
  return event.kind === 'step' && event.step.error !== null && event.step.error === told?.message
    ? { ...event, step: { ...event.step, error: failure.message } }
    : event;
}

/** Only where BuildKit may have something to ask for: without a session it would call even an optional secret an error. */
async function openSession(
  engine: EngineConnection,
  builder: BuilderKind,
  request: BuildRequest,
  { instructions }: ParsedDockerfile,
  signal: AbortSignal,
): Promise<BuildKitSession | null> {
  const hasCredentials = Object.keys(request.registryAuths).length > 0;
  if (builder !== 'BUILDKIT' || !(hasCredentials || instructions.some(mountsSecret))) return null;
  return openBuildKitSession(engine, request, signal);
}

async function startBuild(
  engine: EngineConnection,
  builder: BuilderKind,
  request: BuildRequest,
  tag: KeptTag,
  more: StreamCall['query'],
  signal: AbortSignal,
) {
  const isPodman = builder === 'PODMAN';
  const dockerfile = isPodman ? withDockerHub(request) : request.dockerfile;
  const { tar, dockerfilePath } = await packContext(dockerfile, request.files);
  const { buildArgs, labels, target, noCache, registryAuths } = request;
  try {
    return await engine.post({
      path: isPodman ? PODMAN_BUILD : '/build',
      query: {
        dockerfile: dockerfilePath,
        rm: true,
        forcerm: true,
        pull: true,
        nocache: noCache,
        buildargs: JSON.stringify(buildArgs),
        labels: JSON.stringify(labels),
        target: target ?? undefined,
        // An image without a tag is not told from the ones that the builder itself leaves.
        t: tagName(tag),
        version: builder === 'BUILDKIT' ? 2 : undefined,
        // Not for BuildKit, whose cache keys hold the extra hosts, and whose containers the engine does not list.
        extrahosts: builder === 'CLASSIC' ? markerHosts(labels) : undefined,
        ...(isPodman && PODMAN_QUERY),
        ...more,
      },
      // BuildKit asks for them in its session.
      headers: {
        ...(builder !== 'BUILDKIT' && registryConfigHeader(registryAuths)),
        ...(isPodman && PODMAN_HEADERS),
      },
      body: tar,
      signal,
    });
  } catch (error) {
    if (!isHttpError(error)) throw error;
    const words = engineWords(error);
    throw error.statusCode === 400
      ? new EngineError('DOCKERFILE_INVALID', words, { line: lineIn(words), cause: error })
      : buildFailure({ message: words, code: null }, null);
  }
}

function progressOf(
  builder: BuilderKind,
  dockerfile: ParsedDockerfile,
  target: string | null,
): BuildProgress {
  switch (builder) {
    case 'CLASSIC':
      return new ClassicProgress(dockerfile, target);
    case 'BUILDKIT':
      return new BuildKitProgress(dockerfile, target);
    case 'PODMAN':
      return new PodmanProgress(dockerfile, target);
  }
}

function fetchesOf(builder: BuilderKind, dockerfile: ParsedDockerfile): BaseFetches {
  switch (builder) {
    case 'CLASSIC':
      return new ClassicFetches(dockerfile);
    case 'BUILDKIT':
      return new BuildKitFetches(dockerfile);
    case 'PODMAN':
      return new PodmanFetches(dockerfile);
  }
}

function lineIn(words: string): number | null {
  const line = /\bline (\d+)/.exec(words)?.[1];
  return line === undefined ? null : Number(line);
}
