import { Agent, request as httpRequest } from 'node:http';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createTestApp, type TestApp } from './app.ts';
import { startBuild } from './builds.ts';
import type { FuzzAnswer } from './fuzz-answers.ts';
import type { FuzzRequest } from './fuzz-requests.ts';
import { makeImage } from './images.ts';
import { addDanasNotebook } from './notebooks.ts';

/** A Slipway with a bit of everything in it, and who asks it. */
export interface FuzzStage extends AsyncDisposable {
  readonly slipway: TestApp;
  /** The lines of its log that are errors. */
  readonly errorLog: readonly string[];
  readonly ids: readonly string[];
  readonly words: readonly string[];
  /** The administrator's, a developer's and one of nobody's. */
  readonly tokens: readonly string[];
  send(request: FuzzRequest, token: string): Promise<FuzzAnswer>;
}

export async function openFuzzStage(): Promise<FuzzStage> {
  await using opened = new AsyncDisposableStack();
  const errorLog: string[] = [];
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      errorLog.push(line.toString());
      done();
    },
  });
  // No name is looked up and no other registry asked: the network is no part of this.
  const env = {
    SLIPWAY_RATE_LIMIT: '0',
    SLIPWAY_VERIFY_HOSTS: 'none',
    SLIPWAY_MAX_COST: '1000000',
    SLIPWAY_GRAPHIQL: 'off',
  };
  const slipway = opened.use(
    await createTestApp({ worker: false, env, log: pino({ level: 'error' }, sink) }),
  );
  const { ids, words, tokens } = await furnish(slipway);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  opened.defer(() => agent.destroy());
  const closing = opened.move();
  return {
    slipway,
    errorLog,
    ids,
    words,
    tokens,
    send: (request, token) => send(agent, slipway.url, request, token),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

async function furnish(slipway: TestApp) {
  const { admin, engine } = slipway;
  const host = engine.registry.host;
  const dana = await slipway.user('dana', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
  const { workspace, namespace } = await admin.run<Record<'workspace' | 'namespace', { id: string }>>(
    '{ workspace(name: "default") { id } namespace(name: "default") { id } }',
  );
  const ids = [workspace.id, namespace.id, addDanasNotebook(engine).id];
  for (const [client, name] of [
    [admin, 'admins'],
    [dana, 'danas'],
  ] as const) {
    for (const tag of ['1', 'latest']) {
      const reference = `${host}/default/${name}:${tag}`;
      const image = await makeImage(client, {
        namespace: 'default',
        reference,
        labels: [{ key: 'a', value: 'b%_' }],
      });
      ids.push(image.id);
    }
    ids.push((await startBuild(client, { name: `${name}-build`, dockerfile: 'FROM scratch\n' })).id);
  }
  const { viewer, images } = await dana.run<{
    viewer: { user: { id: string } };
    images: { edges: { cursor: string }[] };
  }>('{ viewer { user { id } } images { edges { cursor } } }');
  ids.push(viewer.user.id);
  return {
    ids,
    words: [
      'default',
      'admins',
      'danas',
      'dana',
      'latest',
      host,
      `${host}/default/danas:1`,
      ...images.edges.map(({ cursor }) => cursor),
    ],
    tokens: [admin.token, admin.token, dana.token, dana.token, 'nobody'],
  };
}

function send(agent: Agent, url: string, request: FuzzRequest, token: string): Promise<FuzzAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<FuzzAnswer>();
  const { hostname, port } = new URL(url);
  const { method, path, headers, body } = request;
  const startedAt = performance.now();
  const sent = httpRequest({
    agent,
    hostname,
    port,
    method,
    path,
    headers: { authorization: `Bearer ${token}`, ...headers, ...(body && { 'content-length': body.length }) },
  });
  sent.on('error', reject);
  sent.on('response', (response) => {
    const type = response.headers['content-type'] ?? '';
    const status = response.statusCode ?? 0;
    const chunks: Buffer[] = [];
    const done = () => {
      const text = Buffer.concat(chunks).toString();
      resolve({ status, type, text, durationMs: performance.now() - startedAt });
    };
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', done);
    response.on('error', () => {});
    // The log of a build that waits ends with the build: its beginning is enough.
    if (status === 200 && path.startsWith('/builds/') && response.headers['content-length'] === undefined) {
      done();
      sent.destroy();
    }
  });
  sent.end(body ?? undefined);
  return promise;
}
