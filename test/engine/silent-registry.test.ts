import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { BuildRequest } from '../../src/engine/container-engine.ts';
import { createDockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { collectUntilError } from '../contracts/container-engine.contract.ts';
import { buildRequest, testEngine } from '../support/engine.ts';
import { type HttpServer, listen } from '../support/http-server.ts';
import { lastSteps } from '../support/recorded-build.ts';

const MAX_SILENCE_MS = 2_000;
const podman = inject('podmanEndpoint');
const builders = [
  { name: 'the classic builder', endpoint: inject('engineEndpoint'), builder: 'classic' as const },
  { name: 'BuildKit', endpoint: inject('engineEndpoint'), builder: 'buildkit' as const },
  ...(podman === null ? [] : [{ name: 'Podman', endpoint: podman, builder: 'auto' as const }]),
];

describe.each(builders)('a registry that accepts and never answers, with $name', ({ endpoint, builder }) => {
  const { baseImage } = testEngine(endpoint);
  const engine = createDockerEngine(endpoint ?? '', createLogger('silent'), {
    fetchSilenceMs: MAX_SILENCE_MS,
  });
  const build = (request: Partial<BuildRequest> & { dockerfile: string }) =>
    collectUntilError(engine.build(buildRequest({ builder, noCache: true, ...request }), {}));

  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  let silent = '';
  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    silent = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('fails the build that wants its base from there, and is named', async () => {
    const { events, error } = await build({ dockerfile: `# a base\nFROM ${silent}/team/base:1\nRUN true\n` });
    expect(error).toMatchObject({
      reason: 'REGISTRY_UNAVAILABLE',
      step: 1,
      line: 2,
      message: `The base image ${silent}/team/base:1 cannot be fetched: ${silent} has been silent for 2 seconds.`,
    });
    expect(lastSteps(events)[0]).toMatchObject({ number: 1, status: 'FAILED', error: error?.message });
  });

  it('fails the build that copies from there', async () => {
    const dockerfile = `FROM ${baseImage}\nRUN true\nCOPY --from=${silent}/team/other:1 /x /x\n`;
    const { error } = await build({ dockerfile });
    expect(error).toMatchObject({ reason: 'REGISTRY_UNAVAILABLE', line: 3 });
  });

  it('has nothing to do with a step that is silent for longer', async () => {
    const dockerfile = `FROM ${baseImage}\nCOPY --from=${baseImage} /bin/busybox /b\nRUN sleep 5\n`;
    expect((await build({ dockerfile })).error).toBeNull();
  });
});

const engineOf = () =>
  createDockerEngine(inject('engineEndpoint') ?? '', createLogger('silent'), {
    fetchSilenceMs: MAX_SILENCE_MS,
  });

it.each(['classic', 'buildkit'] as const)('half of a layer fails a build of %s', async (builder) => {
  await using halting = await haltingRegistry();
  const dockerfile = `FROM ${halting.host}/team/half:1\nRUN true\n`;
  const build = engineOf().build(buildRequest({ builder, dockerfile }), {});
  expect((await collectUntilError(build)).error).toMatchObject({ reason: 'REGISTRY_UNAVAILABLE', line: 1 });
});

it('half of a layer fails a build of BuildKit although another stage is busy', async () => {
  const { baseImage } = testEngine();
  await using halting = await haltingRegistry();
  const dockerfile = [
    `FROM ${baseImage} AS busy`,
    'RUN for i in $(seq 100); do echo $i; sleep 0.1; done; touch /done',
    `FROM ${halting.host}/team/half:1`,
    'COPY --from=busy /done /done',
  ].join('\n');
  const { events, error } = await collectUntilError(
    engineOf().build(buildRequest({ builder: 'buildkit', noCache: true, dockerfile }), {}),
  );
  expect(error).toMatchObject({ reason: 'REGISTRY_UNAVAILABLE', line: 3 });
  expect(events.some(({ kind }) => kind === 'log')).toBe(true);
});

/** A registry with one image, of whose only layer it sends one half. */
async function haltingRegistry(): Promise<HttpServer> {
  const digest = (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;
  const layer = randomBytes(4_000_000);
  const rootfs = { type: 'layers', diff_ids: [digest(randomBytes(8))] };
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs,
      history: [{ created_by: 'x' }],
    }),
  );
  const docker = 'application/vnd.docker';
  const part = (mediaType: string, data: Buffer) => ({ mediaType, size: data.length, digest: digest(data) });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${docker}.distribution.manifest.v2+json`,
      config: part(`${docker}.container.image.v1+json`, config),
      layers: [part(`${docker}.image.rootfs.diff.tar.gzip`, layer)],
    }),
  );
  return listen(({ url = '' }, response) => {
    if (url === '/v2/') response.end('{}');
    else if (url.includes('/manifests/')) {
      const headers = {
        'content-type': `${docker}.distribution.manifest.v2+json`,
        'docker-content-digest': digest(manifest),
        'content-length': manifest.length,
      };
      response.writeHead(200, headers).end(manifest);
    } else if (url.endsWith(digest(config))) response.writeHead(200).end(config);
    else {
      response.writeHead(200, { 'content-length': layer.length });
      response.write(layer.subarray(0, layer.length / 2));
    }
  });
}
