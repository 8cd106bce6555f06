import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { App } from './app.ts';
import type { Session } from './auth/session.ts';
import { buildLogRoute } from './build/log/build-log.route.ts';
import { createContexts } from './graphql/context.ts';
import { createOperationGuard } from './graphql/create-operation-guard.ts';
import { openOperationDocuments } from './graphql/operation-documents.ts';
import { type HttpServer, startHttpServer } from './http/http-server.ts';
import { maxBodyCost } from './http/operation-body.ts';
import { imageExportRoute } from './image/transfer/image-export.route.ts';

/** The API's edge, HTTP and WebSocket, over an app. */
export async function startServer(app: App): Promise<HttpServer> {
  const { config, log, schema, authenticate, readiness, services } = app;
  return await startHttpServer({
    schema,
    authenticate,
    createContext: createContexts(services),
    documents: await openOperationDocuments(schema, config.operations),
    guard: createOperationGuard<Session>({
      schema,
      limits: { ...config.operations, maxBodyCost: maxBodyCost(config.http.maxBodyBytes) },
      viewerOf: ({ user }) => user.id,
      assertMayWrite: (session) => session.assertScope('WRITE'),
    }),
    viewerOf: ({ user }) => user.id,
    maxSockets: config.operations.maxSockets,
    log,
    host: config.http.host,
    port: config.http.port,
    maxBodyBytes: config.http.maxBodyBytes,
    origins: config.http.origins,
    trustedProxies: config.http.trustedProxies,
    graphiqlDir: config.http.graphiql ? graphiqlDir() : null,
    readiness,
    routes: [
      imageExportRoute(schema, services.imageExports),
      buildLogRoute(services.builds, services.buildLogSource),
    ],
  });
}

/** The built page: dist/graphiql, seen from src/ and from dist/src/. */
function graphiqlDir(): string {
  const compiled = resolve(import.meta.dirname, '../graphiql');
  return existsSync(resolve(compiled, 'index.html')) && !existsSync(resolve(compiled, 'vite.config.ts'))
    ? compiled
    : resolve(import.meta.dirname, '../dist/graphiql');
}
