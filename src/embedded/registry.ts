import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../shared/logger.ts';
import { endLeftover, startChild } from './child-process.ts';
import type { DataFolder } from './data-folder.ts';
import { fetchPackageFile } from './debian-package.ts';
import { freePort, isPortFree } from './free-port.ts';
import { findProgram } from './machine.ts';
import { keptSecret, readIfThere, writePrivateFile } from './private-file.ts';
import { endLeftoverRegistryContainer, startRegistryContainer } from './registry-container.ts';

/** A private registry on this machine's loopback address, with its data in the data folder. */
export interface PrivateRegistry extends AsyncDisposable {
  readonly host: string;
}

// What people know registries by. Another one is taken where it is in use at the first start.
const USUAL_PORT = 5000;
const STOP = { name: 'registry', stopSignal: 'SIGTERM', stopTimeoutMs: 10_000 } as const;

/** The registry's address, `127.0.0.1:PORT`: chosen once and kept for good, since the references of all images hold it. */
export async function registryHost(folder: DataFolder): Promise<string> {
  await endLeftover(folder, STOP); // Else its own port would look taken.
  const file = join(folder.path, 'registry-port');
  const kept = Number(readIfThere(file));
  if (kept > 0) return `127.0.0.1:${kept}`;
  const port = (await isPortFree(USUAL_PORT)) ? USUAL_PORT : await freePort();
  writePrivateFile(file, `${port}\n`);
  return `127.0.0.1:${port}`;
}

/**
 * Starts the registry at the claimed address: Debian's program, installed or fetched, else the registry image in the
 * container engine.
 *
 * @param engine the engine's endpoint, asked for only where it is needed; `null` where there is none
 * @returns `null` where another program has taken the address, or there is neither the program nor the image; a line
 *   said so
 */
export async function startRegistry(
  folder: DataFolder,
  host: string,
  engine: () => Promise<string | null>,
  say: (line: string) => void,
  log: Logger,
): Promise<PrivateRegistry | null> {
  const storage = join(folder.path, 'registry');
  mkdirSync(storage, { recursive: true, mode: 0o700 });
  const port = Number(host.slice(host.indexOf(':') + 1));
  if (!(await isPortFree(port))) {
    // A crash leaves the container, which holds the port, where the engine is not ours and goes on.
    const endpoint = await engine();
    if (endpoint) await endLeftoverRegistryContainer(endpoint, folder);
    if (!(await isPortFree(port))) {
      say(
        `Registry: another program uses ${host}, which the references of your images hold; end it, or set SLIPWAY_REGISTRY`,
      );
      return null;
    }
  }
  const command = findProgram('docker-registry') ?? (await fetchProgram(folder, say, log));
  if (command) {
    const child = await startChild(folder, program(folder, host, storage, command), log);
    return { host, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  }
  const endpoint = await engine();
  if (endpoint) {
    try {
      await endLeftoverRegistryContainer(endpoint, folder);
      return await startRegistryContainer(endpoint, folder, host, storage, () => answers(host), say);
    } catch (error) {
      log.warn({ err: error }, 'the registry image cannot be run');
    }
  }
  say(
    'Registry: none; install docker-registry (on Debian: apt-get install docker-registry), or set SLIPWAY_REGISTRY',
  );
  return null;
}

async function fetchProgram(
  folder: DataFolder,
  say: (line: string) => void,
  log: Logger,
): Promise<string | null> {
  try {
    const name = 'docker-registry';
    // The package is unpacked only: installed, it would start a service for the whole machine.
    return await fetchPackageFile(folder, name, `usr/bin/${name}`, () =>
      say(`Registry: fetching Debian's ${name} …`),
    );
  } catch (error) {
    log.warn({ err: error }, 'docker-registry cannot be fetched');
    return null;
  }
}

function program(folder: DataFolder, host: string, storage: string, command: string) {
  const config = join(folder.path, 'registry.json');
  // JSON is YAML, too.
  const settings = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storage },
      delete: { enabled: true },
      cache: { blobdescriptor: 'inmemory' },
    },
    http: { addr: host, secret: keptSecret(join(folder.path, 'registry-secret')) },
  };
  writePrivateFile(config, `${JSON.stringify(settings, null, 2)}\n`);
  return {
    ...STOP,
    command,
    args: ['serve', config],
    env: { OTEL_TRACES_EXPORTER: 'none' }, // Registry 3 complains about a missing trace collector otherwise.
    readyTimeoutMs: 20_000,
    isReady: () => answers(host),
  };
}

async function answers(host: string): Promise<boolean> {
  const response = await fetch(`http://${host}/v2/`, { signal: AbortSignal.timeout(2000) });
  await response.body?.cancel();
  return response.ok && response.headers.has('docker-distribution-api-version');
}
