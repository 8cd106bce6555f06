import { randomBytes } from 'node:crypto';
import type { LookupFunction } from 'node:net';
import { type App, createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { FindPrivateNames } from '../../src/registry/private-names.ts';
import { startServer } from '../../src/server.ts';
import { createLogger, type Logger } from '../../src/shared/logger.ts';
import { startWorker } from '../../src/worker.ts';
import { type ApiClient, createApiClient } from './client.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { createFakeEngine, type FakeEngine } from './fake-engine.ts';

/** A whole Slipway over a database of its own: real PostgreSQL, real sockets, an engine in memory. */
export interface TestApp extends AsyncDisposable {
  readonly app: App;
  readonly url: string;
  readonly database: TestDatabase;
  readonly engine: FakeEngine;
  readonly admin: ApiClient;
  /** A user with these roles on the default namespace and workspace. */
  user(name: string, roles?: { namespace?: string; workspace?: string }): Promise<ApiClient>;
  /** The SQL statements that `run` costs the API. */
  statementsOf(run: () => Promise<unknown>): Promise<Statement[]>;
  countStatements(run: () => Promise<unknown>): Promise<number>;
}

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

const SECRET_KEY = randomBytes(32);
/** What no request asks for: when tokens were used, once a minute, and the queue's look whether the database is there. */
const BESIDE_REQUESTS = /set last_used_at|^select 1$/;
const ADMIN_TOKEN = `admin-${randomBytes(16).toString('hex')}`;

export interface TestAppOptions {
  /** Another app's database, to stand beside it as a second process would. */
  readonly database?: TestDatabase;
  readonly engine?: FakeEngine;
  /** Run builds; true where nothing is said. */
  readonly worker?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Absent: errors go to standard error. */
  readonly log?: Logger;
  /** Absent: no name is looked up, and all lead to the public internet. */
  readonly findPrivateNames?: FindPrivateNames;
  /** The name servers, for the names of registries. */
  readonly lookup?: LookupFunction;
}

export async function createTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  await using opened = new AsyncDisposableStack();
  const database = options.database ?? opened.use(await createTestDatabase());
  const engine = options.engine ?? createFakeEngine();
  const config = readConfig(
    { PORT: '0', SLIPWAY_LOG_LEVEL: 'error', SLIPWAY_DRAIN_SECONDS: '1', ...options.env },
    '.',
  );
  const statements: Statement[] = [];
  const connections = {
    databaseUrl: database.url,
    engineEndpoint: null,
    registryHost: engine.registry.host,
    exampleBaseImage: `${engine.registry.host}/slipway/base:latest`,
    adminToken: ADMIN_TOKEN,
    secretKey: SECRET_KEY,
  };
  const app = opened.use(
    await createApp(config, connections, options.log ?? createLogger(config.logLevel), {
      engine,
      registry: engine.registry,
      findPrivateNames: options.findPrivateNames ?? (async () => new Set()),
      ...(options.lookup && { lookup: options.lookup }),
      onStatement: (text, values) => {
        if (!BESIDE_REQUESTS.test(text)) statements.push({ text, values });
      },
    }),
  );
  const worker = options.worker === false ? null : await startWorker(app);
  opened.defer(async () => await worker?.stop());
  const server = opened.use(await startServer(app));
  const admin = createApiClient(server.url, ADMIN_TOKEN);
  const statementsOf = async (run: () => Promise<unknown>) => {
    const before = statements.length;
    await run();
    return statements.slice(before);
  };
  const closing = opened.move();
  return {
    app,
    url: server.url,
    database,
    engine,
    admin,
    user: async (name, roles = {}) => await createUser(server.url, admin, name, roles),
    statementsOf,
    countStatements: async (run) => (await statementsOf(run)).length,
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

async function createUser(
  url: string,
  admin: ApiClient,
  name: string,
  roles: { namespace?: string; workspace?: string },
): Promise<ApiClient> {
  const made = await admin.run<{ createAccessToken: { token: string } }>(
    'mutation ($input: CreateAccessTokenInput!) { createAccessToken(input: $input) { token } }',
    { input: { name: 'test', userName: name } },
  );
  const ids = await admin.run<{ namespace: { id: string }; workspace: { id: string } }>(
    '{ namespace(name: "default") { id } workspace(name: "default") { id } }',
  );
  if (roles.namespace) {
    await admin.run(
      'mutation ($input: SetNamespaceMemberInput!) { setNamespaceMember(input: $input) { userErrors { message } } }',
      { input: { namespaceId: ids.namespace.id, userName: name, role: roles.namespace } },
    );
  }
  if (roles.workspace) {
    await admin.run(
      'mutation ($input: SetWorkspaceMemberInput!) { setWorkspaceMember(input: $input) { userErrors { message } } }',
      { input: { workspaceId: ids.workspace.id, userName: name, role: roles.workspace } },
    );
  }
  return createApiClient(url, made.createAccessToken.token);
}
