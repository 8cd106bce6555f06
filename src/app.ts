import { hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { resolve } from 'node:path';
import type { GraphQLSchema } from 'graphql';
import { sql } from 'kysely';
import { AuditService } from './audit/audit.service.ts';
import { hashAccessToken } from './auth/access-token.ts';
import { type Authenticate, createAuthenticate, type JwtSignIn } from './auth/authenticate.ts';
import { createUserOf } from './auth/first-sight.ts';
import { createWriteTokenUse, TokenUse } from './auth/token-use.ts';
import { BuildActivityReader } from './build/activity/build-activity.reader.ts';
import { BuildService } from './build/build.service.ts';
import { BuildStatusReader } from './build/build-status.reader.ts';
import { latestBuildJoin } from './build/latest-build.reads.ts';
import { BuildLogReader } from './build/log/build-log.reader.ts';
import { BuildLogSource } from './build/log/build-log.source.ts';
import { BuildQuotaService } from './build/quota/build-quota.service.ts';
import { registryPushes } from './build/registry-pushes.ts';
import { BuildAdmission } from './build/request/build-admission.ts';
import { BuildRequestService } from './build/request/build-request.service.ts';
import { BuildRetryService } from './build/request/build-retry.service.ts';
import { BuildSecrets } from './build/request/build-secrets.ts';
import { BuildTokens } from './build/request/build-token.ts';
import { NotebookSaveService } from './build/request/notebook-save.service.ts';
import { scopeContents } from './build/scope-contents.ts';
import type { Config } from './config.ts';
import { MIGRATIONS_DIR } from './db/migrate.ts';
import { kysely, type OnStatement, type Orm, openOrm } from './db/orm.ts';
import { ReadConnections } from './db/read-connections.ts';
import type { Db } from './db/tables.ts';
import { WriteGate } from './db/write-gate.ts';
import type { ContainerEngine, RegistryCredentials } from './engine/container-engine.ts';
import { PostgresEventBus } from './events/postgres-event-bus.ts';
import { createSchema } from './graphql/schema.ts';
import type { Readiness } from './http/health.ts';
import { CommonGrams } from './image/filter/common-grams.reads.ts';
import { ImageService } from './image/image.service.ts';
import { ImageEditService } from './image/image-edit.service.ts';
import { ImageLifecycleService } from './image/image-lifecycle.service.ts';
import { namespaceJoin } from './image/image-namespace.reads.ts';
import { ImageQuotaService } from './image/quota/image-quota.service.ts';
import { ImageVerification } from './image/registry/image-verification.ts';
import { ImageExportService } from './image/transfer/image-export.service.ts';
import { ImageImportService } from './image/transfer/image-import.service.ts';
import { NamespaceService } from './namespace/namespace.service.ts';
import { NotebookService } from './notebook/notebook.service.ts';
import { createGuardedFetch } from './outgoing/guarded-fetch.ts';
import { PgBossJobQueue } from './queue/pg-boss-job-queue.ts';
import type { ImageRegistry } from './registry/image-registry.ts';
import { createKnownHosts } from './registry/known-hosts.ts';
import { createOciRegistry } from './registry/oci-registry.ts';
import { createOciRegistryDirectory } from './registry/oci-registry-directory.ts';
import { createFindPrivateNames, type FindPrivateNames } from './registry/private-names.ts';
import { createServerFacts } from './server/server-facts.ts';
import type { Services } from './services.ts';
import type { Logger } from './shared/logger.ts';
import { SecretBox } from './shared/secret-box.ts';
import { AccessTokenService } from './user/access-token.service.ts';
import { UserService } from './user/user.service.ts';
import { WorkspaceService } from './workspace/workspace.service.ts';

/** What an app is connected to: given by the operator, or started beside it. */
export interface Connections {
  readonly databaseUrl: string;
  readonly engineEndpoint: string | null;
  readonly registryHost: string | null;
  readonly exampleBaseImage: string | null;
  readonly adminToken: string;
  /** 32 bytes that seal the secrets of builds. */
  readonly secretKey: Buffer;
}

/** Everything that lives as long as the process, built once and in order. Disposing of it closes it in reverse order. */
export interface App extends AsyncDisposable {
  readonly config: Config;
  readonly log: Logger;
  readonly orm: Orm;
  readonly events: PostgresEventBus;
  readonly queue: PgBossJobQueue;
  readonly engine: ContainerEngine | null;
  readonly registry: ImageRegistry | null;
  readonly registryAuth: RegistryCredentials | null;
  readonly buildSecrets: BuildSecrets;
  readonly services: Services;
  readonly schema: GraphQLSchema;
  readonly authenticate: Authenticate;
  readonly readiness: () => Promise<Readiness>;
}

/** The ports that a test may replace. */
export interface Overrides {
  readonly engine?: ContainerEngine | null;
  readonly registry?: ImageRegistry | null;
  readonly findPrivateNames?: FindPrivateNames;
  /** How the names of registries become addresses. */
  readonly lookup?: LookupFunction;
  /** Sees every SQL statement. */
  readonly onStatement?: OnStatement;
}

/** Builds the app: the one place where ports get their adapters. */
export async function createApp(
  config: Config,
  connections: Connections,
  log: Logger,
  overrides: Overrides = {},
): Promise<App> {
  await using opened = new AsyncDisposableStack();
  const { databaseUrl, engineEndpoint, registryHost } = connections;
  const orm = await openOrm(databaseUrl, MIGRATIONS_DIR, overrides.onStatement);
  opened.defer(async () => await orm.close());
  const reads = opened.use(new ReadConnections(databaseUrl, overrides.onStatement));
  const events = opened.use(new PostgresEventBus(databaseUrl, log));
  events.start();
  const queue = opened.use(new PgBossJobQueue(databaseUrl, orm.em, log));
  await queue.start();

  const registryAuth =
    config.secrets.registryAuth === null ? null : credentialsOf(config.secrets.registryAuth);
  const engine =
    overrides.engine !== undefined
      ? overrides.engine
      : engineEndpoint === null
        ? null
        : (await loadDockerEngine()).createDockerEngine(engineEndpoint, log, {
            pushSilenceMs: config.build.pushSilenceMs,
            buildNetwork: config.build.network,
          });
  const elsewhere = {
    ...config.verify,
    auths: Object.fromEntries(
      Object.entries(config.secrets.registryAuths).map(([host, auth]) => [host, credentialsOf(auth)]),
    ),
  };
  const registry =
    overrides.registry !== undefined
      ? overrides.registry
      : registryHost === null
        ? null
        : createOciRegistry(registryHost, registryAuth, { known: createKnownHosts(elsewhere) });
  const registries = createOciRegistryDirectory(registry, elsewhere, overrides.lookup);

  const em = orm.em;
  const writes = new WriteGate(em);
  const users = new UserService(em, writes, config.oidc?.issuer ?? null);
  const namespaces = new NamespaceService(em, reads, users, scopeContents, writes);
  const workspaces = new WorkspaceService(em, reads, users, scopeContents, writes);
  const imageQuotas = new ImageQuotaService(em, registry?.host ?? null);
  const images = new ImageService(
    em,
    reads,
    namespaces,
    [namespaceJoin, latestBuildJoin],
    registry?.host ?? null,
    opened.use(new CommonGrams(reads, log)),
  );
  const verification = new ImageVerification(images, registry, registries);
  const notebooks = new NotebookService(engine, config.notebookLabels, workspaces);
  const builds = new BuildService(em, queue, events, writes);
  const buildQuotas = new BuildQuotaService(em, imageQuotas);
  const buildTokens = new BuildTokens(em, keyFor('tokens', connections.secretKey));
  const buildSecrets = new BuildSecrets(new SecretBox(keyFor('secrets', connections.secretKey)));
  const admission = new BuildAdmission(em, {
    quotas: buildQuotas,
    queue,
    namespaces,
    workspaces,
    secrets: buildSecrets,
    tokens: buildTokens,
    registry,
    limits: config.build,
  });
  const asking = { writes, builds, admission, tokens: buildTokens, events, images };
  const buildRequests = new BuildRequestService({
    ...asking,
    builder: config.builder,
    registryHost: registry?.host ?? null,
    bases: config.bases,
    findPrivateNames: overrides.findPrivateNames ?? createFindPrivateNames(),
  });
  const notebookSaves = new NotebookSaveService({
    ...asking,
    notebooks,
    limits: config.save,
    timeoutMs: config.build.defaultTimeoutMs,
  });
  const buildLogSource = new BuildLogSource(em, events);
  const services: Services = {
    users,
    accessTokens: new AccessTokenService(em, users, writes, config.oidc?.tokenDays ?? null),
    audit: new AuditService(em, log),
    namespaces,
    workspaces,
    images,
    imageEdits: new ImageEditService(em, {
      writes,
      images,
      namespaces,
      workspaces,
      verification,
      quotas: imageQuotas,
    }),
    imageLifecycle: new ImageLifecycleService(writes, imageQuotas, registry, registryPushes),
    imageImports: new ImageImportService({
      writes,
      namespaces,
      workspaces,
      verification,
      quotas: imageQuotas,
    }),
    imageExports: new ImageExportService(em, namespaces, workspaces),
    imageQuotas,
    notebooks,
    builds,
    buildRequests,
    notebookSaves,
    buildRetries: new BuildRetryService(em, {
      builds,
      admission,
      tokens: buildTokens,
      requests: buildRequests,
      saves: notebookSaves,
      namespaces,
    }),
    buildQuotas,
    buildLogs: new BuildLogReader(buildLogSource),
    buildLogSource,
    buildStatuses: new BuildStatusReader(em, events),
    buildActivity: new BuildActivityReader(em, events),
    serverFacts: createServerFacts(
      {
        version: readVersion(),
        registryHost: registry?.host ?? null,
        exampleBaseImage: connections.exampleBaseImage,
      },
      engine,
    ),
  };

  const db = kysely(em.fork());
  const tokenUse = opened.use(new TokenUse(createWriteTokenUse(db), log));
  const jwt = config.oidc && (await createJwtSignIn(config.oidc, db, log));
  const closing = opened.move();
  return {
    config,
    log,
    orm,
    events,
    queue,
    engine,
    registry,
    registryAuth,
    buildSecrets,
    services,
    schema: createSchema(),
    authenticate: createAuthenticate(reads.signIn, {
      adminTokenHash: hashAccessToken(connections.adminToken),
      jwt,
      tokenUse,
    }),
    readiness: async () => await readiness(orm),
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

/** Its clients take 10 MB and a fifth of a second, which an API without an engine need not spend. */
const loadDockerEngine = async () => await import('./engine/docker/docker-engine.ts');

async function createJwtSignIn(oidc: NonNullable<Config['oidc']>, db: Db, log: Logger): Promise<JwtSignIn> {
  const { createJwtVerifier } = await import('./auth/oidc.ts');
  // The operator names the issuer, so it may be at any address.
  const fetch = createGuardedFetch(new Set([new URL(oidc.issuer).origin]));
  return { verify: createJwtVerifier(oidc, { fetch, log }), userOf: createUserOf(db, log) };
}

/** The API can serve when the database answers; without an engine builds wait, which is no reason to send clients away. */
async function readiness(orm: Orm): Promise<Readiness> {
  try {
    await sql`select 1`.execute(kysely(orm.em.fork()));
    return { ready: true, checks: { database: 'ok' } };
  } catch {
    return { ready: false, checks: { database: 'does not answer' } };
  }
}

/** A key of its own for each use of the operator's. */
const keyFor = (use: string, key: Buffer): Buffer => Buffer.from(hkdfSync('sha256', key, '', use, 32));

function credentialsOf(userAndPassword: string): RegistryCredentials {
  const colon = userAndPassword.indexOf(':');
  return { username: userAndPassword.slice(0, colon), password: userAndPassword.slice(colon + 1) };
}

/** From package.json, which stands above src/ and, compiled, above dist/src/. */
function readVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, path), 'utf8')) as {
        version: string;
      };
      return version;
    } catch {
      // The other place, then.
    }
  }
  return 'unknown';
}
