import { needsBuildKit, type ParsedDockerfile, parseDockerfile } from '../../shared/dockerfile.ts';
import { type BuildEvent, type BuildRequest, EngineError, type EngineInfo } from '../container-engine.ts';
import { packContext } from './build-context.ts';
import { markerHosts } from './build-leftovers.ts';
import type { BuildProgress } from './build-progress.ts';
import { BuildKitProgress } from './buildkit-progress.ts';
import { ClassicProgress } from './classic-progress.ts';
import { buildFailure, engineWords, isHttpError, toEngineError } from './docker-errors.ts';
import { type EngineConnection, jsonHeader } from './engine-connection.ts';
import { readMessages } from './engine-messages.ts';
import { PodmanProgress } from './podman-progress.ts';

type BuilderKind = 'CLASSIC' | 'BUILDKIT' | 'PODMAN';

/** Runs one build and gives its events; throws an EngineError after the last one of a build that failed. */
export async function* runBuild(
  engine: EngineConnection,
  info: EngineInfo,
  request: BuildRequest,
  signal?: AbortSignal,
): AsyncIterable<BuildEvent> {
  const dockerfile = parseDockerfile(request.dockerfile, request.buildArgs);
  const builder = chooseBuilder(info, request, dockerfile);
  refuseUnknownSyntax(info, builder, dockerfile);
  const progress = progressOf(builder, dockerfile, request.target);
  // Ends the engine's work too when the consumer stops reading.
  const stop = new AbortController();
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  try {
    const stream = await startBuild(engine, builder, request, both);
    for await (const message of readMessages(stream)) {
      yield* progress.read(message, new Date());
      if (progress.failure) throw progress.failure;
    }
    if (progress.imageId === null)
      throw new EngineError('INTERNAL', 'The engine ended the build without an image.');
    yield { kind: 'result', imageId: progress.imageId };
  } catch (error) {
    throw toEngineError(error, signal);
  } finally {
    stop.abort();
  }
}

async function startBuild(
  engine: EngineConnection,
  builder: BuilderKind,
  request: BuildRequest,
  signal: AbortSignal,
) {
  const { tar, dockerfilePath } = await packContext(request.dockerfile, request.files);
  const { buildArgs, labels, target, noCache, registryAuths } = request;
  try {
    return await engine.post({
      path: '/build',
      query: {
        dockerfile: dockerfilePath,
        rm: true,
        forcerm: true,
        pull: true,
        nocache: noCache,
        buildargs: JSON.stringify(buildArgs),
        labels: JSON.stringify(labels),
        target: target ?? undefined,
        version: builder === 'BUILDKIT' ? 2 : undefined,
        // Not for BuildKit, whose cache keys hold the extra hosts, and whose containers the engine does not list.
        extrahosts: builder === 'CLASSIC' ? markerHosts(labels) || undefined : undefined,
      },
      headers: builder === 'BUILDKIT' ? {} : registryConfig(registryAuths),
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

/** The classic builder takes credentials by host, each for its own; BuildKit asks for them in a session, which we do not open. */
function registryConfig(auths: BuildRequest['registryAuths']): Record<string, string> {
  if (Object.keys(auths).length === 0) return {};
  return { 'X-Registry-Config': jsonHeader(auths) };
}

function chooseBuilder(
  info: EngineInfo,
  { builder }: BuildRequest,
  dockerfile: ParsedDockerfile,
): BuilderKind {
  if (info.name === 'Podman') return 'PODMAN';
  if (!info.builders.includes('BUILDKIT')) return 'CLASSIC';
  return builder === 'buildkit' || (builder === 'auto' && needsBuildKit(dockerfile)) ? 'BUILDKIT' : 'CLASSIC';
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

/** The first major versions whose builders read here-documents. */
const HEREDOCS_SINCE: Readonly<Record<BuilderKind, number>> = { CLASSIC: Infinity, BUILDKIT: 23, PODMAN: 5 };

/**
 * An older engine takes the lines of a here-document for instructions, which no check has seen as such: `RUN <<CMD`,
 * `ADD http://…`, `CMD` builds there. So it never gets to read one.
 */
function refuseUnknownSyntax(
  info: EngineInfo,
  builder: BuilderKind,
  { instructions }: ParsedDockerfile,
): void {
  const first = instructions.find(({ heredocs }) => heredocs.length > 0);
  if (!first || Number.parseInt(info.version, 10) >= HEREDOCS_SINCE[builder]) return;
  throw new EngineError(
    'DOCKERFILE_INVALID',
    `This container engine (${info.name} ${info.version}) knows no here-documents.`,
    {
      step: first.number,
      line: first.line,
    },
  );
}

function lineIn(words: string): number | null {
  const line = /\bline (\d+)/.exec(words)?.[1];
  return line === undefined ? null : Number(line);
}
