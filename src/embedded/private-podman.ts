import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CLOSED_FOLDER } from '../engine/docker/rootless-network.ts';
import type { Logger } from '../shared/logger.ts';
import { endLeftover, type RunningChild, startChild } from './child-process.ts';
import type { DataFolder } from './data-folder.ts';
import { pingEngine } from './engine-endpoint.ts';
import { findProgram, isRoot, machineEnvironment, runProgram } from './machine.ts';
import { writePrivateFile } from './private-file.ts';

const STOP = { name: 'podman', stopSignal: 'SIGTERM', stopTimeoutMs: 15_000 } as const;

export function endLeftoverPodman(folder: DataFolder): Promise<boolean> {
  return endLeftover(folder, STOP);
}

/**
 * Starts Podman's API service with images and containers of our own; works for ordinary users, too.
 *
 * @throws ChildProcessError it does not start
 */
export async function startPodman(
  folder: DataFolder,
  plainRegistry: string | null,
  log: Logger,
): Promise<{ endpoint: string; child: RunningChild }> {
  const home = join(folder.path, 'podman');
  const socket = join(folder.sockets, 'podman.sock');
  const session = join(folder.sockets, 'session');
  for (const path of [home, session]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const storage = ['--root', join(home, 'storage'), '--runroot', join(folder.sockets, 'podman')];
  const env = {
    CONTAINERS_CONF: writeConfig(join(home, 'containers.conf'), containersConf()),
    CONTAINERS_REGISTRIES_CONF: writeConfig(join(home, 'registries.conf'), registriesConf(plainRegistry)),
    // An ordinary user's Podman keeps a process there that all its commands share; this user's own one stays apart.
    XDG_RUNTIME_DIR: session,
    ...closedNetwork(home),
  };
  const child = await startChild(
    folder,
    {
      ...STOP,
      command: 'podman',
      args: [...storage, 'system', 'service', '--time=0', `unix://${socket}`],
      env,
      readyTimeoutMs: 30_000,
      isReady: async () => (await pingEngine(`unix://${socket}`)) === 'answers',
    },
    log,
  );
  return {
    endpoint: `unix://${socket}`,
    child: {
      name: child.name,
      get pid() {
        return child.pid;
      },
      async [Symbol.asyncDispose]() {
        await child[Symbol.asyncDispose]();
        // Podman's containers do not end with its service.
        const podman = (...args: string[]) =>
          runProgram('podman', [...storage, ...args], { env, timeoutMs: 30_000 });
        await podman('stop', '--all', '--time=3').catch((error: unknown) => {
          log.warn({ err: error }, 'the containers of the private podman could not be stopped');
        });
        // What this command is for is another thing; it also ends the process that the user's commands share.
        if (!isRoot()) await podman('system', 'migrate').catch(() => {});
      },
    },
  };
}

/** Keeps what an ordinary user's builds run from this machine's loopback, see {@link CLOSED_FOLDER}. */
function closedNetwork(home: string): Record<string, string> {
  const slirp4netns = isRoot() ? null : findProgram('slirp4netns');
  if (slirp4netns === null) return {};
  const folder = join(home, CLOSED_FOLDER);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const program = join(folder, 'slirp4netns');
  writePrivateFile(program, `#!/bin/sh\nexec '${slirp4netns}' --disable-host-loopback "$@"\n`);
  chmodSync(program, 0o700);
  return { PATH: [folder, machineEnvironment()['PATH']].join(delimiter) };
}

function writeConfig(path: string, text: string): string {
  writePrivateFile(path, text);
  return path;
}

function containersConf(): string {
  // cgroupfs works without a systemd session. On machines whose control groups are not wholly version 2, crun fails at
  // RUN; runc works. Podman's own default limits are above what a virtual machine may allow, and then nothing starts.
  const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const runtime = !isUnified && findProgram('runc') ? ['runtime = "runc"'] : [];
  return [
    '[containers]',
    'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]',
    '[engine]',
    'cgroup_manager = "cgroupfs"',
    'events_logger = "file"',
    ...runtime,
    '',
  ].join('\n');
}

function registriesConf(plainRegistry: string | null): string {
  return [
    'unqualified-search-registries = ["docker.io"]',
    ...(plainRegistry ? ['[[registry]]', `location = "${plainRegistry}"`, 'insecure = true'] : []),
    '',
  ].join('\n');
}
