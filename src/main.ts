import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { App, Connections } from './app.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { assertDatabaseAnswers } from './db/database-answers.ts';
import { pingEngine, usualEndpoints } from './embedded/engine-endpoint.ts';
import { listenProblem } from './http/can-listen.ts';
import { keepTicksFast } from './shared/fast-ticks.ts';
import { giveBackMemory } from './shared/give-back-memory.ts';
import { createLogger } from './shared/logger.ts';

const ROLES = ['all', 'serve', 'work', 'migrate', 'schema'] as const;
type Role = (typeof ROLES)[number];

/**
 * What takes long to load, over a second for all of it: each role loads what it needs, and `npm start` does while PostgreSQL and the
 * engine start.
 */
const load = {
  app: async () => await import('./app.ts'),
  demoNotebook: async () => await import('./embedded/demo-notebook.ts'),
  housekeeping: async () => await import('./housekeeping.ts'),
  localServices: async () => await import('./embedded/local-services.ts'),
  migrate: async () => await import('./db/migrate.ts'),
  server: async () => await import('./server.ts'),
  worker: async () => await import('./worker.ts'),
};

const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);

interface Command {
  readonly role: Role;
  readonly demoNotebook: boolean;
}

const DEMO = '--demo-notebook';

/** What was asked for or, as a text, why that cannot be understood. Help itself is in scripts/start.mjs, which needs no build to show it. */
function readCommand(args: readonly string[]): Command | string {
  const words = args.filter((arg) => !arg.startsWith('-'));
  const role = ROLES.find((candidate) => candidate === (words[0] ?? 'all'));
  const unknown = args.find((arg) => arg.startsWith('-') && arg !== DEMO) ?? words[1];
  if (role === undefined || unknown !== undefined) return `I do not know "${unknown ?? words[0]}".`;
  const demoNotebook = args.includes(DEMO);
  if (demoNotebook && role !== 'all')
    return `${DEMO} goes with everything in one process, not with "${role}" alone: npm start -- ${DEMO}`;
  return { role, demoNotebook };
}

async function main(): Promise<number> {
  await keepTicksFast();
  const command = readCommand(process.argv.slice(2));
  if (typeof command === 'string') {
    complain(`${command}\n"npm start -- --help" tells what there is.`);
    return 2;
  }
  switch (command.role) {
    case 'schema': {
      const [{ printSchema }, { createSchema }] = await Promise.all([
        import('graphql'),
        import('./graphql/schema.ts'),
      ]);
      process.stdout.write(`${printSchema(createSchema())}\n`);
      return 0;
    }
    case 'migrate': {
      const { databaseUrl } = configuration();
      if (databaseUrl === null) throw new ConfigError([NO_DATABASE]);
      await assertDatabaseAnswers(databaseUrl);
      const { migrate } = await load.migrate();
      const applied = await migrate(databaseUrl);
      say(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`);
      return 0;
    }
    case 'serve':
    case 'work':
      return await runRole(configuration(), command.role);
    case 'all':
      return await runAll(configuration(), command);
  }
}

/** What is set in the environment comes before what the file `.env` says. */
function configuration(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return readConfig(process.env, process.cwd());
}

/** Resolves at the first SIGINT or SIGTERM. A second one ends the process at once; the next start tidies up after it. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(130);
        asked = true;
        resolve();
      });
    }
  });
}

/** API and worker in one process, and around them whatever the operator has not named. */
async function runAll(config: Config, { demoNotebook }: Command): Promise<number> {
  const stopped = stopSignal();
  const log = createLogger(config.logLevel);
  const { startLocalServices } = await load.localServices();
  await using local = await startLocalServices(config, say, {
    check: async () => {
      await assertCanListen(config);
      if (config.databaseUrl !== null) await assertDatabaseAnswers(config.databaseUrl);
    },
    // An engine of our own takes two seconds longer than PostgreSQL: all else is loaded meanwhile.
    prepare: async (database) => {
      const { migrate } = await load.migrate();
      await database.migrate(migrate);
      await Promise.all([load.app(), load.housekeeping(), load.server(), load.worker()]);
    },
  });
  const [{ createApp }, { startHousekeeping }, { startServer }, { startWorker }] = await Promise.all([
    load.app(),
    load.housekeeping(),
    load.server(),
    load.worker(),
  ]);
  await using app = await createApp(config, local, log);
  await using _housekeeping = startHousekeeping(app);
  await using server = await startServer(app);
  await using worker = await startWorker(app);
  if (demoNotebook) await tryDemoNotebook(config, local);
  local.announce(server.url);
  const { adminToken } = local;
  say(
    config.http.graphiql
      ? `Slipway is ready: ${server.url}/graphiql#token=${encodeURIComponent(adminToken)}`
      : `Slipway is ready: ${server.url}/graphql, with the token ${adminToken}`,
  );
  await stopped;
  say('Stopping; running builds go back to the queue.');
  await Promise.all([server.drain(), worker?.stop()]);
  return 0;
}

async function tryDemoNotebook(
  config: Config,
  { engineEndpoint, exampleBaseImage }: Connections,
): Promise<void> {
  if (engineEndpoint === null || exampleBaseImage === null) {
    say('Demo notebook: none, because it takes an engine and the private registry.');
    return;
  }
  try {
    const { startDemoNotebook } = await load.demoNotebook();
    await startDemoNotebook(engineEndpoint, config.notebookLabels, exampleBaseImage, say);
  } catch (error) {
    say(`Demo notebook: none. ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One role of several processes that share nothing but database, engine and registry. */
async function runRole(config: Config, role: 'serve' | 'work'): Promise<number> {
  const stopped = stopSignal();
  const log = createLogger(config.logLevel);
  const shared = requireShared(config);
  const { databaseUrl } = shared;
  if (role === 'serve') await assertCanListen(config);
  await assertDatabaseAnswers(databaseUrl);
  const [{ pendingMigrations }, { createApp }, { startHousekeeping }] = await Promise.all([
    load.migrate(),
    load.app(),
    load.housekeeping(),
  ]);
  const pending = await pendingMigrations(databaseUrl);
  if (pending.length > 0) {
    complain(
      `The database is not up to date (${pending.join(', ')} missing): run "npm start -- migrate" first.`,
    );
    return 1;
  }
  await using app = await createApp(config, await findConnections(config, shared), log);
  await using _housekeeping = startHousekeeping(app);
  await (role === 'serve' ? serve(app, stopped) : work(app, stopped));
  return 0;
}

async function serve(app: App, stopped: Promise<void>): Promise<void> {
  const { startServer } = await load.server();
  await using server = await startServer(app);
  await giveBackMemory();
  say(`Slipway serves: ${server.url}`);
  await stopped;
  await server.drain();
}

async function work(app: App, stopped: Promise<void>): Promise<void> {
  const { startWorker } = await load.worker();
  await using worker = await startWorker(app);
  if (worker === null)
    throw new Error('A worker needs an engine (DOCKER_HOST) and a registry (SLIPWAY_REGISTRY).');
  await giveBackMemory();
  say(`Slipway works: ${app.config.build.slots} builds at once`);
  await stopped;
  await worker.stop();
}

async function findConnections(
  config: Config,
  { databaseUrl, secretKey }: Pick<Connections, 'databaseUrl' | 'secretKey'>,
): Promise<Connections> {
  const answers = await Promise.all(
    config.engineEndpoint === null
      ? usualEndpoints().map(async (endpoint) =>
          (await pingEngine(endpoint)) === 'answers' ? endpoint : null,
        )
      : [config.engineEndpoint],
  );
  return {
    databaseUrl,
    engineEndpoint: answers.find((endpoint) => endpoint !== null) ?? null,
    registryHost: config.registryHost,
    exampleBaseImage: null,
    // Without an operator's token nobody is signed in by one: a random hash matches nothing.
    adminToken: config.secrets.adminToken ?? randomBytes(32).toString('hex'),
    secretKey,
  };
}

/** @throws ConfigError naming `HOST` or `PORT` */
async function assertCanListen({ http }: Config): Promise<void> {
  const problem = await listenProblem(http.host, http.port);
  if (problem !== null) throw new ConfigError([problem]);
}

const NO_DATABASE = 'DATABASE_URL: this role shares a database with others, so it has to be named';

/** What processes that work together have in common, and so none of them can make by itself. */
function requireShared({
  databaseUrl,
  secrets: { key },
}: Config): Pick<Connections, 'databaseUrl' | 'secretKey'> {
  const problems = [
    ...(databaseUrl === null ? [NO_DATABASE] : []),
    ...(key === null
      ? ['SLIPWAY_SECRET_KEY: this role shares a key with others; make one with `openssl rand -hex 32`']
      : []),
  ];
  if (databaseUrl === null || key === null) throw new ConfigError(problems);
  return { databaseUrl, secretKey: key };
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    complain(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  },
);
