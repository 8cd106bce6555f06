import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import Docker from 'dockerode';
import { expect, inject } from 'vitest';
import type { BuildRequest, ContainerEngine } from '../../src/engine/container-engine.ts';
import { markerHosts } from '../../src/engine/docker/build-leftovers.ts';
import { createDockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { collect, type EngineHarness } from '../contracts/container-engine.contract.ts';

/** A real engine with a real registry, as the global set-up of the `engine` project started them. */
export interface TestEngine {
  readonly engine: ContainerEngine;
  /** The engine's API, to look at what the port does not show. */
  readonly docker: Docker;
  /** `host:port` of a registry that the engine pushes to. */
  readonly registryHost: string;
  /** The reference of a small image with a shell, in that registry. */
  readonly baseImage: string;
}

/** @throws Error on a machine where no engine or registry can be started: these tests cannot do without */
export function testEngine(endpoint = inject('engineEndpoint')): TestEngine {
  const registryHost = inject('registryHost');
  const baseImage = inject('baseImage');
  if (endpoint === null || registryHost === null || baseImage === null) {
    throw new Error(`These tests need a container engine and a registry: ${inject('engineMissing')}`);
  }
  const socketPath = endpoint.replace(/^unix:\/\//, '');
  return {
    engine: createDockerEngine(endpoint, createLogger('silent')),
    docker: new Docker({ socketPath, host: undefined }),
    registryHost,
    baseImage,
  };
}

/** A build with nothing but what is given; every build has a label of its own, so that no two give one image. */
export function buildRequest(request: Partial<BuildRequest> & { readonly dockerfile: string }): BuildRequest {
  return {
    files: [],
    buildArgs: {},
    target: null,
    noCache: false,
    builder: 'auto',
    labels: { 'slipway.test': randomUUID() },
    registryAuths: {},
    secrets: {},
    limits: { memoryBytes: null, cpus: null },
    ...request,
  };
}

export const textFile = (path: string, content: string, mode = 0o644) => ({
  path,
  content: Buffer.from(content),
  mode,
});

/** A time that no other test sleeps for, in seconds. */
export function uniqueSleep(seconds = 100_000): string {
  return `${seconds}.${Number.parseInt(randomUUID().slice(0, 6), 16)}`;
}

/** Whether a process of this machine has `text` in its command line. */
export function isRunning(text: string): boolean {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && entry !== String(process.pid))
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(text);
      } catch {
        return false; // It ended meanwhile.
      }
    });
}

/**
 * The contract's view of a real engine.
 *
 * @param hangSeconds how long a build takes that hangs. Podman (4.3) ends an aborted build only when the RUN that is
 *   under way is over, so there it must be over soon.
 */
export function engineHarness(
  { engine, docker, registryHost, baseImage }: TestEngine,
  hangSeconds?: number,
): EngineHarness {
  let last = '';
  const command = (kind: 'SUCCEEDS' | 'FAILS' | 'HANGS'): string => {
    if (kind === 'SUCCEEDS') return 'echo hello';
    if (kind === 'FAILS') return 'echo hello; exit 3';
    last = uniqueSleep(hangSeconds);
    return `echo hello; sleep ${last}`;
  };
  return {
    engine,
    build: (kind) => ({ dockerfile: `FROM ${baseImage}\nRUN ${command(kind)}\n` }),
    async makeImage(env, labels) {
      const lines = Object.entries(env).map(([name, value]) => `ENV ${name}=${JSON.stringify(value)}`);
      const dockerfile = [`FROM ${baseImage}`, ...lines, ''].join('\n');
      const events = await collect(engine.build(buildRequest({ dockerfile, labels }), {}));
      const last = events.at(-1);
      return last?.kind === 'result' ? last.imageId : '';
    },
    async startContainer({ labels = {}, env = {}, imageId, files = {} }) {
      if (imageId === undefined) await pull(docker, baseImage);
      const writes = Object.entries(files).map(([path, bytes]) => `head -c ${bytes} /dev/urandom > ${path}`);
      return startContainer(docker, {
        Image: imageId ?? baseImage,
        Cmd: ['sh', '-c', [...writes, 'echo ready', 'exec sleep 1000'].join('; ')],
        Labels: labels,
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      });
    },
    pauseContainer: (id) => docker.getContainer(id).pause(),
    stopContainer: async (id) => {
      await docker.getContainer(id).kill();
      await docker.getContainer(id).wait();
    },
    removeContainer: (id) => docker.getContainer(id).remove({ force: true }),
    reference: () => `${registryHost}/contract/${randomUUID()}:1`,
    // The discard port: nobody listens there.
    deadReference: () => '127.0.0.1:9/contract/x:1',
    async isBusy(labels) {
      return isRunning(`sleep ${last}`) || (await buildContainers(docker, labels)) > 0;
    },
  };
}

/**
 * Makes a container that has no network.
 *
 * Each start of one that has ends a thread of Podman's service (4.3), and with it any step of another test's build that this thread
 * started: `while running runtime: signal: killed` (podman issue 17918). Measured with steps of a second: 4 of 19 builds beside 43
 * starts with a network, none of 26 beside 262 starts without.
 */
export async function createContainer(
  docker: Docker,
  options: Docker.ContainerCreateOptions,
): Promise<Docker.Container> {
  return await docker.createContainer({
    ...options,
    HostConfig: { NetworkMode: 'none', ...options.HostConfig },
  });
}

/** Starts a container whose command prints `ready` when it has done its work and then goes on; its id. */
export async function startContainer(
  docker: Docker,
  options: Docker.ContainerCreateOptions,
): Promise<string> {
  const container = await createContainer(docker, options);
  await container.start();
  const logs = () => container.logs({ stdout: true, stderr: true }).then(String);
  await expect.poll(logs, { timeout: 60_000, interval: 20 }).toContain('ready');
  return container.id;
}

/** How many containers there are that a classic build of these labels started; other tests' builds run beside it. */
export async function buildContainers(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
): Promise<number> {
  const markers = markerHosts(labels);
  const all = await docker.listContainers({ all: true });
  const inspected = await Promise.all(
    all.map(({ Id }) =>
      docker
        .getContainer(Id)
        .inspect()
        .catch(() => null),
    ),
  );
  return inspected.filter((found) =>
    found?.HostConfig.ExtraHosts?.some((host: string) => markers.includes(host)),
  ).length;
}

export async function pull(docker: Docker, image: string): Promise<void> {
  const stream = await docker.pull(image);
  for await (const _ of stream);
}
