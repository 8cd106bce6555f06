import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { createLogger, type Logger } from '../shared/logger.ts';
import { type BaseImage, pushBaseImage } from './base-image.ts';
import { findBusybox } from './busybox.ts';
import { type LocalEngine, openContainerEngine } from './container-engine.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { takeInstanceLock } from './instance-lock.ts';
import { type EmbeddedPostgres, startPostgres } from './postgres.ts';
import { keptSecret } from './private-file.ts';
import { registryHost, startRegistry } from './registry.ts';

type Say = (line: string) => void;

/** What one Slipway on one machine needs around it, each part either given by the operator or started here. */
export interface LocalServices extends AsyncDisposable {
  readonly databaseUrl: string;
  /** `null`: there is no engine, and builds wait. */
  readonly engineEndpoint: string | null;
  /** What a person can do to get an engine, where there is none. */
  readonly engineMissing: string | null;
  readonly registryHost: string | null;
  /** The reference of the base image for examples; `null` where the registry is not a private one. */
  readonly exampleBaseImage: string | null;
  readonly adminToken: string;
  readonly secretKey: Buffer;
  /** Tells second starts where this one serves. Any user of the machine can ask, so the URL must not hold a token. */
  announce(url: string): void;
}

/** What {@link startLocalServices} does between the starts of its parts; what one throws ends the start. */
export interface StartSteps {
  /** The data folder is ours, and nothing is started yet. */
  readonly check?: () => Promise<void>;
  /** The database is there, while engine and registry may still be starting. */
  readonly prepare?: (database: LocalDatabase) => Promise<void>;
}

/**
 * Starts what is missing, independent parts at the same time, and stops what it started, and only that, in reverse order.
 *
 * @param say tells a person each step in one line
 * @throws AlreadyRunningError another Slipway uses the data folder
 * @throws Error a part that Slipway cannot do without does not start; nothing is left running
 */
export async function startLocalServices(
  config: Config,
  say: Say,
  { check, prepare }: StartSteps = {},
): Promise<LocalServices> {
  const log = createLogger(config.logLevel).child({ component: 'embedded' });
  await using parts = new AsyncDisposableStack();
  const folder = openDataFolder(config.dataDir);
  const lock = parts.use(await takeInstanceLock(folder.path));
  await check?.();

  const privateHost = config.registryHost === null ? await registryHost(folder) : null;
  const engine = openEngine(parts, folder, config, privateHost, say, log);
  const prepared = async () => {
    const database =
      config.databaseUrl === null
        ? await openDatabase(parts, folder, config, say, log)
        : givenDatabase(config.databaseUrl);
    await prepare?.(database);
    return database;
  };
  const [database, found, example] = await allOrFirstError([
    prepared(),
    engine,
    privateHost ? openRegistry(parts, folder, privateHost, engine, say, log) : null,
  ]);
  if (found.endpoint === null) say(`Container engine: none, so builds wait. To build, ${found.missing}`);

  const opened = parts.move();
  return {
    databaseUrl: database.url,
    engineEndpoint: found.endpoint,
    engineMissing: found.endpoint === null ? found.missing : null,
    registryHost: config.registryHost ?? (example ? privateHost : null),
    exampleBaseImage: example?.image?.reference ?? null,
    adminToken: config.secrets.adminToken ?? keptSecret(join(folder.path, 'admin-token')),
    secretKey:
      config.secrets.key ??
      Buffer.from(
        keptSecret(join(folder.path, 'secret-key'), () => randomBytes(32).toString('hex')),
        'hex',
      ),
    announce: (url) => lock.announce(url),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** In the embedded one `url` is that of a role that can do nothing before `migrate`. */
export type LocalDatabase = Pick<EmbeddedPostgres, 'url' | 'migrate'>;

/** An operator's: who owns it is the operator's affair. */
function givenDatabase(url: string): LocalDatabase {
  return { url, migrate: async (migrations) => void (await migrations(url)) };
}

async function openDatabase(
  parts: AsyncDisposableStack,
  folder: DataFolder,
  config: Config,
  say: Say,
  log: Logger,
): Promise<LocalDatabase> {
  const startedAt = performance.now();
  const postgres = parts.use(
    await startPostgres(folder, { durable: true, mayCreateUser: config.mayInstall }, log),
  );
  say(`Database: PostgreSQL in ${join(folder.path, 'postgres')} (${seconds(startedAt)})`);
  return postgres;
}

async function openEngine(
  parts: AsyncDisposableStack,
  folder: DataFolder,
  config: Config,
  plainRegistry: string | null,
  say: Say,
  log: Logger,
): Promise<LocalEngine> {
  const options = { endpoint: config.engineEndpoint, mayInstall: config.mayInstall, plainRegistry };
  const engine = await openContainerEngine(folder, options, say, log);
  if (engine.endpoint !== null && engine.child) parts.use(engine.child);
  return engine;
}

async function openRegistry(
  parts: AsyncDisposableStack,
  folder: DataFolder,
  host: string,
  engine: Promise<LocalEngine>,
  say: Say,
  log: Logger,
): Promise<{ image: BaseImage | null } | null> {
  const registry = await startRegistry(folder, host, async () => (await engine).endpoint, say, log);
  if (!registry) return null;
  parts.use(registry);
  say(`Registry: a private one at ${host}`);
  try {
    const image = await pushBaseImage(host, await findBusybox(folder, say));
    say(`Base image: ${image.reference}${image.pushed ? ', made now' : ''}`);
    return { image };
  } catch (error) {
    // Only the examples need it.
    log.warn({ err: error }, 'the base image cannot be made');
    say(`Base image: none (${error instanceof Error ? error.message : String(error)})`);
    return { image: null };
  }
}

/** Like Promise.all, but a failure is reported only after all others have come to an end, so that none is left starting. */
async function allOrFirstError<T extends readonly unknown[]>(
  starts: T,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(starts);
  return (await Promise.all(starts)) as { [K in keyof T]: Awaited<T[K]> };
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
