import { readFileSync, writeFileSync } from 'node:fs';
import Docker from 'dockerode';
import { migrate } from '../../src/db/migrate.ts';
import { startPostgres } from '../../src/embedded/postgres.ts';
import { startPodman } from '../../src/embedded/private-podman.ts';
import { type ApiClient, createApiClient } from '../../test/support/client.ts';
import {
  claimTestRegistryHost,
  openTestEngine,
  openTestRegistry,
  quiet,
} from '../../test/support/local-parts.ts';
import { openTestFolder } from '../../test/support/test-folder.ts';
import type { BenchOptions } from '../shared/part.ts';
import { ADMIN_TOKEN, startSlipway } from '../shared/slipway.ts';

/** Everything that saves a notebook: a private engine and registry, PostgreSQL, one API process and one worker. */
export interface Parts extends AsyncDisposable {
  readonly docker: Docker;
  readonly registryHost: string;
  readonly baseImage: string;
  readonly client: ApiClient;
  /** How much memory the worker has taken at most since the last call, in bytes. */
  takeWorkerPeak(): number;
}

/** @throws Error where there is no engine or no registry to be had */
export async function openParts({ podman, dist }: Pick<BenchOptions, 'podman' | 'dist'>): Promise<Parts> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await openTestFolder());
  const postgres = opened.use(
    await startPostgres(folder.data, { durable: true, mayCreateUser: true }, quiet),
  );
  await postgres.migrate(migrate);
  const host = await claimTestRegistryHost(folder.data);
  const engine = podman
    ? await startPodman(folder.data, host, quiet)
    : await openTestEngine(folder.data, host);
  if (engine.endpoint === null) throw new Error(`There is no container engine: ${engine.missing}`);
  if (engine.child) opened.use(engine.child);
  const registry = await openTestRegistry(folder.data, host, async () => engine.endpoint);
  if (!registry) throw new Error('No registry could be started.');
  opened.use(registry.registry);

  const env = { DOCKER_HOST: engine.endpoint, SLIPWAY_REGISTRY: host };
  const surroundings = { dist, databaseUrl: postgres.url, env };
  const server = opened.use(await startSlipway({ role: 'serve', ...surroundings }));
  const worker = opened.use(await startSlipway({ role: 'work', ...surroundings }));
  const closing = opened.move();
  return {
    docker: new Docker({ socketPath: engine.endpoint.replace('unix://', '') }),
    registryHost: host,
    baseImage: registry.baseImage,
    client: createApiClient(server.url, ADMIN_TOKEN),
    takeWorkerPeak: () => takePeak(worker.pid),
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

/** Linux keeps the largest resident size of a process until it is told to begin anew. */
function takePeak(pid: number): number {
  const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return Number(kibibytes) * 1024;
}
