import { join } from 'node:path';
import { pushBaseImage } from '../../src/embedded/base-image.ts';
import { findBusybox } from '../../src/embedded/busybox.ts';
import { type LocalEngine, openContainerEngine } from '../../src/embedded/container-engine.ts';
import type { DataFolder } from '../../src/embedded/data-folder.ts';
import { freePort } from '../../src/embedded/free-port.ts';
import { writePrivateFile } from '../../src/embedded/private-file.ts';
import { registryHost, startRegistry } from '../../src/embedded/registry.ts';
import { createLogger } from '../../src/shared/logger.ts';

export const quiet = createLogger('silent');

/** An engine for tests: a private one where one starts here, so that nobody's images are touched, else the one in use. */
export async function openTestEngine(folder: DataFolder, plainRegistry: string | null): Promise<LocalEngine> {
  const options = { endpoint: null, mayInstall: false, plainRegistry };
  const own = await openContainerEngine(folder, { ...options, useFound: false }, () => {}, quiet);
  return own.endpoint === null ? openContainerEngine(folder, options, () => {}, quiet) : own;
}

/** A free address for a registry of a test. The usual port stays free for a Slipway that starts meanwhile. */
export async function claimTestRegistryHost(folder: DataFolder): Promise<string> {
  writePrivateFile(join(folder.path, 'registry-port'), `${await freePort()}\n`);
  return registryHost(folder);
}

/** Starts a registry that holds the base image. */
export async function openTestRegistry(
  folder: DataFolder,
  host: string,
  engine: () => Promise<string | null>,
) {
  const registry = await startRegistry(folder, host, engine, () => {}, quiet);
  if (!registry) return null;
  const { reference } = await pushBaseImage(host, await findBusybox(folder, () => {}));
  return { registry, baseImage: reference };
}
