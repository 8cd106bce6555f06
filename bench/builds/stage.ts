import { existsSync, statfsSync } from 'node:fs';
import { openDataFolder } from '../../src/embedded/data-folder.ts';
import { type ApiClient, createApiClient } from '../../test/support/client.ts';
import { claimTestRegistryHost, openTestEngine, openTestRegistry } from '../../test/support/local-parts.ts';
import { openTestFolder } from '../../test/support/test-folder.ts';
import { type BenchDatabase, openDatabase } from '../shared/database.ts';
import { say } from '../shared/part.ts';
import { ADMIN_TOKEN, type SlipwayProcess, startSlipway } from '../shared/slipway.ts';
import { EngineAlone } from './engine-alone.ts';

/** A private engine with a registry and a base image, a database, and an API process. */
export interface Stage extends AsyncDisposable {
  readonly database: BenchDatabase;
  readonly engine: EngineAlone;
  readonly registryHost: string;
  readonly baseImage: string;
  readonly client: ApiClient;
  /** Starts a worker. @param profile a folder that its CPU profile is written to, when it stops; `null`: none */
  work(env: Readonly<Record<string, string>>, profile: string | null): Promise<SlipwayProcess>;
}

/** A folder in memory, and what has to be free there for an engine with a few small images. */
const MEMORY = '/dev/shm';
const MIN_FREE_BYTES = 1e9;

/**
 * @param engineInMemory have the engine and the registry keep their data in memory, where there is enough
 * @throws Error where no engine or no registry can be started
 */
export async function openStage(
  dist: string,
  { engineInMemory = false }: { readonly engineInMemory?: boolean } = {},
): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await openTestFolder(engineInMemory && hasMemory() ? MEMORY : undefined));
  const registryHost = await claimTestRegistryHost(folder.data);
  const engine = await openTestEngine(folder.data, registryHost);
  if (engine.endpoint === null) throw new Error(`no container engine: ${engine.missing}`);
  if (engine.child) opened.use(engine.child);
  const registry = await openTestRegistry(
    openDataFolder(folder.data.path),
    registryHost,
    async () => engine.endpoint,
  );
  if (registry === null) throw new Error('no registry could be started');
  opened.use(registry.registry);
  const database = opened.use(await openDatabase({ data: null }));
  const env = { DOCKER_HOST: engine.endpoint, SLIPWAY_REGISTRY: registryHost, SLIPWAY_DRAIN_SECONDS: '1' };
  const api = opened.use(await startSlipway({ role: 'serve', dist, databaseUrl: database.url, env }));
  const closing = opened.move();
  return {
    database,
    engine: new EngineAlone(engine.endpoint),
    registryHost,
    baseImage: registry.baseImage,
    client: createApiClient(api.url, ADMIN_TOKEN),
    work: async (more, profile) =>
      await startSlipway({
        role: 'work',
        dist,
        databaseUrl: database.url,
        env: { ...env, ...more },
        nodeOptions: profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
      }),
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

function hasMemory(): boolean {
  const { bavail, bsize } = existsSync(MEMORY) ? statfsSync(MEMORY) : { bavail: 0, bsize: 0 };
  const isEnough = bavail * bsize > MIN_FREE_BYTES;
  if (!isEnough) say(`${MEMORY} has no room for the engine's data: its disk's delays will be in the figures`);
  return isEnough;
}
