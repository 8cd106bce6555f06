import type { TestProject } from 'vitest/node';
import { findProgram } from '../../src/embedded/machine.ts';
import { startPodman } from '../../src/embedded/private-podman.ts';
import { claimTestRegistryHost, openTestEngine, openTestRegistry, quiet } from './local-parts.ts';
import { openTestFolder } from './test-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A container engine that tests may use as they like; `null` where none can be had, with the reason below. */
    engineEndpoint: string | null;
    engineMissing: string | null;
    /** Another engine, to see that both are served; `null` where Podman is not installed. */
    podmanEndpoint: string | null;
    /** A registry on loopback that both engines push to. */
    registryHost: string | null;
    /** A small image with a shell in that registry. */
    baseImage: string | null;
  }
}

/** Starts an engine, a registry and a base image (2 s) for the tests that need real ones. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using parts = new AsyncDisposableStack();
  const folder = parts.use(await openTestFolder());
  const host = await claimTestRegistryHost(folder.data);
  const engine = await openTestEngine(folder.data, host);
  if (engine.endpoint !== null && engine.child) parts.use(engine.child);
  const registry = await openTestRegistry(folder.data, host, async () => engine.endpoint);
  if (registry) parts.use(registry.registry);
  project.provide('engineEndpoint', engine.endpoint);
  project.provide('engineMissing', engine.endpoint === null ? engine.missing : null);
  project.provide('registryHost', registry ? host : null);
  project.provide('baseImage', registry ? registry.baseImage : null);
  project.provide('podmanEndpoint', await openPodman(parts, folder.data, host, engine.endpoint));
  const opened = parts.move();
  return () => opened.disposeAsync();
}

async function openPodman(
  parts: AsyncDisposableStack,
  folder: Parameters<typeof startPodman>[0],
  host: string,
  first: string | null,
): Promise<string | null> {
  if (!findProgram('podman') || first?.includes('podman')) return first?.includes('podman') ? first : null;
  try {
    const podman = await startPodman(folder, host, quiet);
    parts.use(podman.child);
    return podman.endpoint;
  } catch {
    return null; // It is installed but does not run here.
  }
}
