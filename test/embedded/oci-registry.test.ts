import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushBaseImage } from '../../src/embedded/base-image.ts';
import { findBusybox } from '../../src/embedded/busybox.ts';
import { createOciRegistry } from '../../src/registry/oci-registry.ts';
import { claimTestRegistryHost, openTestRegistry } from '../support/local-parts.ts';
import { openTestFolder } from '../support/test-folder.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

describe('the registry adapter on a real registry', () => {
  const parts = new AsyncDisposableStack();
  let host = '';
  let digest = '';

  beforeAll(async () => {
    const folder = parts.use(await openTestFolder());
    host = await claimTestRegistryHost(folder.data);
    const opened = await openTestRegistry(folder.data, host, async () => null);
    if (!opened) throw new Error('no registry starts here');
    parts.use(opened.registry);
    const busybox = await findBusybox(folder.data, () => {});
    const again = await pushBaseImage(host, busybox);
    expect(again.pushed, 'the same bytes are sent once').toBe(false);
    digest = again.digest;
  });
  afterAll(() => parts.disposeAsync());

  it('reads an image by tag and by digest', async () => {
    const registry = createOciRegistry(host, null);
    const image = await registry.manifest('slipway/base', 'latest');
    expect(image).toMatchObject({ digest, architecture: process.arch === 'x64' ? 'amd64' : process.arch });
    expect(image?.layers).toHaveLength(1);
    expect(image?.sizeBytes).toBeGreaterThan(image?.layers[0]?.sizeBytes ?? 0);
    expect(await registry.manifest('slipway/base', digest)).toEqual(image);
    expect(await registry.ping()).toBe(true);
  });

  it('knows what the registry does not know', async () => {
    const registry = createOciRegistry(host, null);
    expect(await registry.manifest('slipway/base', 'never')).toBeNull();
    expect(await registry.manifest('no/such', 'latest')).toBeNull();
    expect(await registry.manifest('slipway/base', `sha256:${'0'.repeat(64)}`)).toBeNull();
  });

  it("reads an index: its own digest, and this machine's image", async () => {
    const registry = createOciRegistry(host, null);
    const image = await registry.manifest('slipway/base', 'latest');
    const architecture = image?.architecture ?? '';
    const own = await manifestSize(host, digest);
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [
        { mediaType: MANIFEST, digest, size: own, platform: { os: 'unknown', architecture: 'unknown' } },
        { mediaType: MANIFEST, digest, size: own, platform: { os: 'linux', architecture } },
      ],
    });
    const put = await fetch(`http://${host}/v2/slipway/base/manifests/many`, {
      method: 'PUT',
      headers: { 'content-type': INDEX },
      body: index,
    });
    expect(put.status).toBe(201);
    expect(await registry.manifest('slipway/base', 'many')).toEqual({ ...image, digest: sha256(index) });
  });
});

describe('the registry adapter on registries that misbehave or ask', () => {
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux' });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: sha256(config),
      size: config.length,
    },
    layers: [],
  });
  const serve: RequestListener = (request, response) => {
    response.end(request.url?.includes('/blobs/') ? config : manifest);
  };

  it('does not believe a digest that the bytes do not have', async () => {
    await using fake = await listen((_, response) => {
      response.setHeader('docker-content-digest', `sha256:${'1'.repeat(64)}`).end(manifest);
    });
    const read = createOciRegistry(fake.host, null).manifest('a', 'b');
    await expect(read).rejects.toMatchObject({ name: 'RegistryError', reason: 'PROTOCOL' });
  });

  it('tells an ailing registry from one that refuses', async () => {
    for (const [status, reason] of [
      [500, 'REGISTRY_UNAVAILABLE'],
      [429, 'REGISTRY_UNAVAILABLE'],
      [403, 'DENIED'],
      [401, 'DENIED'],
      [418, 'PROTOCOL'],
    ] as const) {
      await using fake = await listen((_, response) => void response.writeHead(status).end());
      await expect(createOciRegistry(fake.host, null).manifest('a', 'b')).rejects.toMatchObject({ reason });
    }
    const nobody = createOciRegistry('127.0.0.1:1', null);
    await expect(nobody.manifest('a', 'b')).rejects.toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
    expect(await nobody.ping()).toBe(false);
  });

  it('ends a call whose signal is aborted while the registry is silent', async () => {
    await using fake = await listen(() => {});
    const read = createOciRegistry(fake.host, null).manifest('a', 'b', { signal: AbortSignal.timeout(50) });
    await expect(read).rejects.toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
  });

  it('signs in with user and password', async () => {
    await using fake = await listen((request, response) => {
      if (request.headers.authorization === `Basic ${btoa('ann:secret')}`) return serve(request, response);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end();
    });
    const image = await createOciRegistry(fake.host, { username: 'ann', password: 'secret' }).manifest(
      'a',
      'b',
    );
    expect(image).toMatchObject({ digest: sha256(manifest), architecture: 'amd64' });
    await expect(createOciRegistry(fake.host, null).manifest('a', 'b')).rejects.toMatchObject({
      reason: 'DENIED',
    });
  });

  it('gets a token where the registry names a token service', async () => {
    let tokens = 0;
    await using fake = await listen((request, response) => {
      const url = new URL(request.url ?? '', `http://${request.headers.host}`);
      if (url.pathname === '/token') {
        tokens += 1;
        expect(request.headers.authorization).toBe(`Basic ${btoa('ann:secret')}`);
        expect(url.searchParams.get('scope')).toBe('repository:a:pull');
        return void response.end(JSON.stringify({ token: 'abc', expires_in: 300 }));
      }
      if (request.headers.authorization === 'Bearer abc') return serve(request, response);
      const realm = `Bearer realm="http://${request.headers.host}/token",service="s",scope="repository:a:pull"`;
      response.writeHead(401, { 'www-authenticate': realm }).end();
    });
    const registry = createOciRegistry(fake.host, { username: 'ann', password: 'secret' });
    expect(await registry.manifest('a', 'b')).toMatchObject({ digest: sha256(manifest) });
    expect(tokens).toBe(1);
  });

  it('hands its password to nobody else', async () => {
    let asked = 0;
    await using thief = await listen((_, response) => {
      asked += 1;
      response.end(JSON.stringify({ token: 'abc' }));
    });
    for (const answer of [
      { status: 401, headers: { 'www-authenticate': `Bearer realm="http://${thief.host}/token"` } },
      { status: 307, headers: { location: `http://${thief.host}/v2/a/manifests/b` } },
    ]) {
      await using fake = await listen(
        (_, response) => void response.writeHead(answer.status, answer.headers).end(),
      );
      const registry = createOciRegistry(fake.host, { username: 'ann', password: 'secret' });
      await expect(registry.manifest('a', 'b')).rejects.toMatchObject({ reason: 'PROTOCOL' });
    }
    expect(asked).toBe(0);
  });
});

async function manifestSize(host: string, digest: string): Promise<number> {
  const headers = { accept: MANIFEST };
  const response = await fetch(`http://${host}/v2/slipway/base/manifests/${digest}`, { headers });
  return (await response.arrayBuffer()).byteLength;
}

async function listen(handler: RequestListener): Promise<AsyncDisposable & { host: string }> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
