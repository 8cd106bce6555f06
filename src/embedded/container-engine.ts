import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../shared/logger.ts';
import type { RunningChild } from './child-process.ts';
import type { DataFolder } from './data-folder.ts';
import { installPackage } from './debian-package.ts';
import { type EngineAnswer, pingEngine, usualEndpoints } from './engine-endpoint.ts';
import { findProgram, isDebian, isRoot } from './machine.ts';
import { endLeftoverDockerd, startDockerd } from './private-dockerd.ts';
import { endLeftoverPodman, startPodman } from './private-podman.ts';

export interface EngineOptions {
  /** The engine to use; `null`: find one, else start one. */
  readonly endpoint: string | null;
  /** May Debian packages be installed? */
  readonly mayInstall: boolean;
  /** A registry that speaks plain HTTP, for engines that need to be told. */
  readonly plainRegistry: string | null;
  /** `false`: only a private engine, for tests. */
  readonly useFound?: boolean;
}

export type LocalEngine =
  | { readonly endpoint: string; readonly child: RunningChild | null }
  /** What a person can do about it. */
  | { readonly endpoint: null; readonly missing: string };

// A service that was installed a moment ago creates its socket while it starts.
const INSTALLED_SERVICE_MS = 10_000;

/**
 * Finds a container engine, else starts a private one, else installs one where that is allowed.
 *
 * @param say tells a person each step in one line
 * @throws Error the engine that was asked for by name does not answer
 */
export async function openContainerEngine(
  folder: DataFolder,
  options: EngineOptions,
  say: (line: string) => void,
  log: Logger,
): Promise<LocalEngine> {
  // A private engine of a crashed run ends first: it must not be found, nor left behind where another one is used now.
  await Promise.all([endLeftoverDockerd(folder), endLeftoverPodman(folder)]);
  if (options.endpoint !== null) {
    const answer = await pingEngine(options.endpoint, 10_000);
    if (answer !== 'answers')
      throw new Error(`DOCKER_HOST is ${options.endpoint}, but that engine ${answer}`);
    say(`Container engine: ${options.endpoint} (DOCKER_HOST)`);
    return { endpoint: options.endpoint, child: null };
  }
  const found = options.useFound === false ? { endpoint: null, refused: null } : await findEngine();
  if (found.endpoint) {
    say(`Container engine: ${found.endpoint}`);
    return { endpoint: found.endpoint, child: null };
  }
  const started = await startPrivate(folder, options, say, log);
  if (started) return started;

  if (isRoot() && isDebian() && options.mayInstall && !findProgram('dockerd')) {
    say('Container engine: none here; installing docker.io with apt-get (SLIPWAY_INSTALL=no forbids it) …');
    try {
      await installPackage('docker.io');
      const service = options.useFound === false ? null : await waitForService();
      if (service) {
        say(`Container engine: ${service}, installed now`);
        return { endpoint: service, child: null };
      }
      const installed = await startPrivate(folder, options, say, log);
      if (installed) return installed;
    } catch (error) {
      log.warn({ err: error }, 'docker.io could not be installed');
      say('Container engine: docker.io could not be installed');
    }
  }
  return { endpoint: null, missing: advice(found.refused) };
}

async function findEngine(): Promise<{ endpoint: string | null; refused: string | null }> {
  const endpoints = usualEndpoints().filter((endpoint) => existsSync(endpoint.slice('unix://'.length)));
  const answers = await Promise.all(endpoints.map((endpoint) => pingEngine(endpoint)));
  const firstThat = (answer: EngineAnswer) => endpoints[answers.indexOf(answer)] ?? null;
  return { endpoint: firstThat('answers'), refused: firstThat('refuses this user') };
}

async function startPrivate(
  folder: DataFolder,
  options: EngineOptions,
  say: (line: string) => void,
  log: Logger,
): Promise<LocalEngine | null> {
  const ways = [
    { name: 'dockerd', start: () => (isRoot() ? startDockerd(folder, log) : null) },
    { name: 'podman', start: () => startPodman(folder, options.plainRegistry, log) },
  ];
  for (const { name, start } of ways) {
    if (!findProgram(name)) continue;
    try {
      const engine = await start();
      if (!engine) continue;
      say(`Container engine: a private ${name}, ${engine.endpoint}`);
      return engine;
    } catch (error) {
      log.warn({ err: error }, `${name} does not start here`);
      say(`Container engine: ${name} is installed but does not start here; see ${folder.logs}/${name}.log`);
    }
  }
  return null;
}

async function waitForService(): Promise<string | null> {
  // Only where a service manager runs does installing start anything.
  const deadline = Date.now() + (existsSync('/run/systemd/system') ? INSTALLED_SERVICE_MS : 0);
  for (;;) {
    const { endpoint } = await findEngine();
    if (endpoint || Date.now() >= deadline) return endpoint;
    await delay(200);
  }
}

function advice(refused: string | null): string {
  const rest = 'then start Slipway again, or set DOCKER_HOST';
  if (refused) {
    return `${refused} refuses this user: join its group (on Debian: sudo usermod -aG docker "$USER", and sign in again), ${rest}`;
  }
  if (isRoot()) return `install Docker or Podman (on Debian: apt-get install docker.io), ${rest}`;
  return `install Podman, which needs no root to run (on Debian: sudo apt-get install podman uidmap slirp4netns), ${rest}`;
}
