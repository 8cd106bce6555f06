import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { printSchema } from 'graphql';
import { type App, type Connections, createApp } from './app.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { migrate, pendingMigrations } from './db/migrate.ts';
import { startDemoNotebook } from './embedded/demo-notebook.ts';
import { pingEngine, usualEndpoints } from './embedded/engine-endpoint.ts';
import { startLocalServices } from './embedded/local-services.ts';
import { createSchema } from './graphql/schema.ts';
import { startServer } from './server.ts';
import { createLogger } from './shared/logger.ts';
import { startWorker } from './worker.ts';

const HELP = `Slipway: a GraphQL API server for the container images of a machine-learning platform

  npm start                      everything in one process, with what the machine lacks started beside it
  npm start -- --demo-notebook   the same, with a running notebook to try saving
  npm start -- serve             the API alone
  npm start -- work              a worker alone
  npm start -- migrate           bring the database up to date and end
  npm start -- schema            print the GraphQL schema and end
  npm start -- --help            this text

serve, work and migrate need DATABASE_URL; serve and work need SLIPWAY_REGISTRY too. README.md and .env.example list every variable.
`;

const ROLES = ['all', 'serve', 'work', 'migrate', 'schema'] as const;
type Role = (typeof ROLES)[number];

const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);

interface Command {
  readonly role: Role;
  readonly demoNotebook: boolean;
}

/** @returns `null` for a call that asks for help, or that cannot be understood (after saying so) */
function readCommand(args: readonly string[]): Command | 'help' | 'wrong' {
  if (args.includes('--help') || args.includes('-h')) return 'help';
  const words = args.filter((arg) => !arg.startsWith('-'));
  const role = ROLES.find((candidate) => candidate === (words[0] ?? 'all'));
  const unknown = args.find((arg) => arg.startsWith('-') && arg !== '--demo-notebook') ?? words[1];
  if (role === undefined || unknown !== undefined) {
    complain(`I do not know "${unknown ?? words[0]}".\n\n${HELP}`);
    return 'wrong';
  }
  return { role, demoNotebook: args.includes('--demo-notebook') };
}

async function main(): Promise<number> {
  const command = readCommand(process.argv.slice(2));
  if (command === 'help') process.stdout.write(HELP);
  if (command === 'help' || command === 'wrong') return command === 'help' ? 0 : 2;
  switch (command.role) {
    case 'schema':
      process.stdout.write(`${printSchema(createSchema())}\n`);
      return 0;
    case 'migrate': {
      const applied = await migrate(requireDatabaseUrl(configuration()));
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
  await using local = await startLocalServices(config, say);
  await migrate(local.databaseUrl);
  await using app = await createApp(config, local, log);
  const worker = await startWorker(app);
  await using server = await startServer(app);
  if (demoNotebook) await tryDemoNotebook(config, local);
  local.announce(server.url);
  say(`Slipway is ready: ${server.url}/graphiql#token=${local.adminToken}`);
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
  await startDemoNotebook(engineEndpoint, config.notebookLabels, exampleBaseImage, say);
}

/** One role of several processes that share nothing but database, engine and registry. */
async function runRole(config: Config, role: 'serve' | 'work'): Promise<number> {
  const stopped = stopSignal();
  const log = createLogger(config.logLevel);
  const databaseUrl = requireDatabaseUrl(config);
  const pending = await pendingMigrations(databaseUrl);
  if (pending.length > 0) {
    complain(
      `The database is not up to date (${pending.join(', ')} missing): run "npm start -- migrate" first.`,
    );
    return 1;
  }
  await using app = await createApp(config, await findConnections(config, databaseUrl), log);
  await (role === 'serve' ? serve(app, stopped) : work(app, stopped));
  return 0;
}

async function serve(app: App, stopped: Promise<void>): Promise<void> {
  await using server = await startServer(app);
  say(`Slipway serves: ${server.url}`);
  await stopped;
  await server.drain();
}

async function work(app: App, stopped: Promise<void>): Promise<void> {
  const worker = await startWorker(app);
  if (worker === null)
    throw new Error('A worker needs an engine (DOCKER_HOST) and a registry (SLIPWAY_REGISTRY).');
  say(`Slipway works: ${app.config.build.slots} builds at once`);
  await stopped;
  await worker.stop();
}

async function findConnections(config: Config, databaseUrl: string): Promise<Connections> {
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
  };
}

function requireDatabaseUrl(config: Config): string {
  if (config.databaseUrl !== null) return config.databaseUrl;
  throw new ConfigError(['DATABASE_URL: this role shares a database with others, so it has to be named']);
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
