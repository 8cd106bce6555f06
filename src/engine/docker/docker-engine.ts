import type { ContainerInfo, ContainerInspectInfo, ImageInspectInfo } from 'dockerode';
import type { Builder } from '../../shared/enums.ts';
import type { Logger } from '../../shared/logger.ts';
import type {
  CallOptions,
  ContainerDetails,
  ContainerEngine,
  ContainerSummary,
  EngineImage,
  EngineInfo,
} from '../container-engine.ts';
import { reapContainers } from './build-leftovers.ts';
import { DEFAULT_NETWORK } from './build-network.ts';
import { runBuild } from './docker-build.ts';
import { runCommit } from './docker-commit.ts';
import {
  changedPathsOf,
  footprintOf,
  inspectContainer,
  isGoing,
  resumeContainer,
} from './docker-container.ts';
import { orNull } from './docker-errors.ts';
import { runPush } from './docker-push.ts';
import { EngineConnection } from './engine-connection.ts';
import { fullImageId } from './image-id.ts';
import { isOurName, reapImages, releaseImage } from './kept-images.ts';

/**
 * How long a build takes what the engine said of itself for true: a worker asks before it takes a build, and an answer takes 15 ms.
 * Harmless, since only a restart makes another engine of it, and a build that was begun 2 s earlier would not outlive that either.
 */
const INFO_MS = 2000;

/** The container engine at `endpoint` (`unix:///…` or `tcp://host:port`): Docker from 20.10 on, or Podman from 4 on. */
export function createDockerEngine(
  endpoint: string,
  log: Logger,
  {
    pushSilenceMs,
    fetchSilenceMs,
    buildNetwork = DEFAULT_NETWORK,
  }: {
    readonly pushSilenceMs?: number;
    readonly fetchSilenceMs?: number;
    readonly buildNetwork?: string;
  } = {},
): ContainerEngine {
  const engine = new EngineConnection(endpoint);
  let last: { readonly info: EngineInfo; readonly at: number } | null = null;
  const info = async ({ signal }: CallOptions = {}): Promise<EngineInfo> => {
    last = null;
    const version = await engine.ask((docker) => docker.version(), signal);
    const isPodman = version.Components?.some(({ Name }) => Name.startsWith('Podman')) === true;
    const builders: readonly Builder[] = isPodman ? ['CLASSIC'] : ['CLASSIC', 'BUILDKIT'];
    const told = { name: isPodman ? 'Podman' : 'Docker', version: version.Version, builders };
    last = { info: told, at: performance.now() };
    return told;
  };
  const recentInfo = () => (last !== null && performance.now() - last.at < INFO_MS ? last.info : null);
  return {
    info,
    async *build(request, { signal }) {
      signal?.throwIfAborted();
      const about = recentInfo() ?? (await info({ ...(signal && { signal }) }));
      const settings = { network: buildNetwork, maxFetchSilenceMs: fetchSilenceMs };
      yield* runBuild(engine, about, request, settings, signal);
    },
    async *commit(request, { signal }) {
      yield* runCommit(engine, request, log, signal);
    },
    async resume(id, { signal } = {}) {
      await resumeContainer(engine, id, signal);
    },
    footprint: (id, { signal } = {}) => footprintOf(engine, id, signal),
    changedPaths: (id, { signal } = {}) => changedPathsOf(engine, id, signal),
    push: (request, { signal }) => runPush(engine, request, log, signal, pushSilenceMs),
    async containers(label, { signal } = {}) {
      const filters = JSON.stringify({ label: [label] });
      const found = await engine.ask(
        (docker, abortSignal) => docker.listContainers({ all: true, filters, abortSignal }),
        signal,
      );
      return found
        .filter(({ State }) => !isGoing(State))
        .map(summaryOf)
        .filter(({ labels }) => labels[label] !== '');
    },
    async container(id, { signal } = {}) {
      // Engines also take names and the beginnings of ids, which would let a guess find somebody's container.
      if (!/^[0-9a-f]{64}$/.test(id)) return null;
      const found = await inspectContainer(engine, id, signal);
      return found?.Id === id && !isGoing(found.State.Status) ? detailsOf(found) : null;
    },
    async image(id, { signal } = {}) {
      const found = await engine.ask((docker) => orNull(docker.getImage(id).inspect()), signal);
      return found && imageOf(found);
    },
    async removeImage(id, { signal } = {}) {
      await engine.ask((docker, abortSignal) => releaseImage(docker, id, abortSignal), signal);
    },
    async reap(label, isLeftover, pushedAs = async () => []) {
      const containers = await reapContainers(engine, label, isLeftover, log);
      return containers + (await reapImages(engine, label, isLeftover, pushedAs));
    },
  };
}

function summaryOf({ Id, Labels, Image, ImageID, State }: ContainerInfo): ContainerSummary {
  return { id: Id, labels: Labels ?? {}, image: Image, imageId: fullImageId(ImageID), state: stateOf(State) };
}

function detailsOf(found: ContainerInspectInfo): ContainerDetails {
  const startedAt = new Date(found.State.StartedAt);
  const mounts: ContainerInspectInfo['Mounts'] | null = found.Mounts;
  return {
    id: found.Id,
    labels: found.Config.Labels ?? {},
    image: found.Config.Image,
    state: found.State.Paused ? 'paused' : found.State.Running ? 'running' : 'stopped',
    imageId: fullImageId(found.Image),
    // An engine gives the year 1 for a container that never ran.
    startedAt: startedAt.getTime() > 0 ? startedAt : null,
    env: envOf(found.Config.Env),
    mounts: [
      ...(mounts ?? []).map(({ Destination }) => Destination),
      ...Object.keys(found.HostConfig.Tmpfs ?? {}),
    ],
  };
}

function imageOf(found: ImageInspectInfo): EngineImage {
  // An image that was imported may have none.
  const config: ImageInspectInfo['Config'] | null = found.Config;
  return {
    id: fullImageId(found.Id),
    env: envOf(config?.Env),
    labels: config?.Labels ?? {},
    sizeBytes: found.Size,
    layerCount: found.RootFS.Layers?.length ?? 0,
    references: (found.RepoDigests ?? []).filter((name) => !isOurName(name)),
  };
}

function stateOf(state: string): ContainerSummary['state'] {
  return state === 'running' || state === 'paused' ? state : 'stopped';
}

function envOf(entries: readonly string[] | null | undefined): Record<string, string> {
  return Object.fromEntries(
    (entries ?? []).map((entry) => {
      const [name = '', ...value] = entry.split('=');
      return [name, value.join('=')];
    }),
  );
}
