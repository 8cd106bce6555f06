import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { type ApiClient, createApiClient } from './client.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { type SlipwayProcess, startSlipway } from './slipway-process.ts';

/** API and worker processes that share one database, the run's engine and its registry: nothing else. */
export interface Roles extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly registryHost: string;
  readonly baseImage: string;
  serve(
    env?: Readonly<Record<string, string>>,
  ): Promise<{ process: SlipwayProcess; client: ApiClient; url: string }>;
  work(env?: Readonly<Record<string, string>>): Promise<SlipwayProcess>;
}

/** @throws Error saying what is missing where the run has no engine or registry */
export async function openRoles(overrides: Readonly<Record<string, string>> = {}): Promise<Roles> {
  const { engineEndpoint, registryHost, baseImage } = realParts();
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await createTestDatabase());
  const token = randomBytes(24).toString('hex');
  const shared = {
    DATABASE_URL: database.url,
    DOCKER_HOST: engineEndpoint,
    SLIPWAY_REGISTRY: registryHost,
    SLIPWAY_ADMIN_TOKEN: token,
    SLIPWAY_SECRET_KEY: randomBytes(32).toString('hex'),
    SLIPWAY_DRAIN_SECONDS: '1',
    PORT: '0',
    ...overrides,
  };
  const closing = opened.move();
  return {
    database,
    registryHost,
    baseImage,
    async serve(env = {}) {
      const server = closing.use(await startSlipway(['serve'], { ...shared, ...env }, /serves: (\S+)/));
      const url = server.said[1] as string;
      return { process: server, url, client: createApiClient(url, token) };
    },
    work: async (env = {}) => closing.use(await startSlipway(['work'], { ...shared, ...env }, /works/)),
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

/** The run's engine, registry and base image. @throws Error saying what is missing */
export function realParts(): { engineEndpoint: string; registryHost: string; baseImage: string } {
  const [engineEndpoint, registryHost, baseImage] = [
    inject('engineEndpoint'),
    inject('registryHost'),
    inject('baseImage'),
  ];
  if (engineEndpoint === null) throw new Error(`no container engine: ${inject('engineMissing')}`);
  if (registryHost === null || baseImage === null) throw new Error('no registry could be started');
  return { engineEndpoint, registryHost, baseImage };
}
