import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createKnownHosts } from '../../src/registry/known-hosts.ts';
import { createOciRegistry } from '../../src/registry/oci-registry.ts';
import { listen } from '../support/http-server.ts';
import { linux, makeDocument, makeImage, makeIndex } from '../support/registry-push.ts';

const { manifest, config } = makeImage('amd64');
const ANN = { username: 'ann', password: 'secret' };
const ANN_BASIC = `Basic ${btoa('ann:secret')}`;

const serve: RequestListener = (request, response) => {
  response.end(request.url?.includes('/blobs/') ? config.text : manifest.text);
};

describe('the registry adapter on registries that misbehave', () => {
  it('does not believe a digest that the bytes do not have', async () => {
    await using server = await listen((_, response) => {
      response.setHeader('docker-content-digest', `sha256:${'1'.repeat(64)}`).end(manifest.text);
    });
    await expect(createOciRegistry(server.host, null).manifest('a', 'b')).rejects.toMatchObject({
      name: 'RegistryError',
      reason: 'PROTOCOL',
    });
  });

  it.each([`sha256:${'1'.repeat(64)}`, `sha512:${'1'.repeat(128)}`, `blake3:${'1'.repeat(64)}`])(
    'does not take other bytes for %s',
    async (digest) => {
      await using server = await listen(serve);
      const read = createOciRegistry(server.host, null).manifest('a', digest);
      await expect(read).rejects.toMatchObject({ reason: 'PROTOCOL' });
    },
  );

  it('tells an ailing registry from one that refuses', async () => {
    for (const [status, reason] of [
      [500, 'REGISTRY_UNAVAILABLE'],
      [429, 'REGISTRY_UNAVAILABLE'],
      [403, 'DENIED'],
      [401, 'DENIED'],
      [418, 'PROTOCOL'],
    ] as const) {
      await using server = await listen((_, response) => void response.writeHead(status).end());
      await expect(createOciRegistry(server.host, null).manifest('a', 'b')).rejects.toMatchObject({ reason });
    }
    const nobody = createOciRegistry('127.0.0.1:1', null);
    await expect(nobody.manifest('a', 'b')).rejects.toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
    expect(await nobody.ping()).toBe(false);
  });

  it.each([
    ['silent', () => {}],
    ['slow', (response: { write(text: string): unknown }) => void response.write('{')],
  ] as const)('ends a call when its time is over and the registry is %s', async (_, answer) => {
    await using server = await listen((__, response) => answer(response));
    const patient = createOciRegistry(server.host, null).manifest('a', 'b', {
      signal: AbortSignal.timeout(50),
    });
    await expect(patient).rejects.toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
    const hasty = createOciRegistry(server.host, null, { deadlineMs: 50 }).manifest('a', 'b');
    await expect(hasty).rejects.toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
  });

  it.each(['/token', '/v2/'])('does not read an answer of more than 4 MiB from %s', async (path) => {
    await using server = await listen((request, response) => {
      if (request.url?.startsWith(path) === true) return void response.end(' '.repeat(4 * 1024 * 1024 + 1));
      const realm = `Bearer realm="http://${request.headers.host}/token"`;
      response.writeHead(401, { 'www-authenticate': realm }).end();
    });
    const read = createOciRegistry(server.host, null).manifest('a', 'b');
    await expect(read).rejects.toMatchObject({ reason: 'PROTOCOL', message: /4 MiB/ });
  });

  it('does not follow an index without an end', async () => {
    let asked = 0;
    await using server = await listen((request, response) => {
      asked += 1;
      const leaf = makeDocument('application/vnd.oci.image.index.v1+json', request.url ?? '');
      const many = Array.from({ length: 100 }, () => [leaf, {}] as const);
      response.end(makeIndex(request.url?.endsWith('/b') === true ? many : [[manifest, linux('x')]]).text);
    });
    await expect(createOciRegistry(server.host, null).manifest('a', 'b')).rejects.toMatchObject({
      reason: 'PROTOCOL',
    });
    expect(asked).toBeLessThan(12);
  });

  it.each([
    ['round and round', '/v2/a/manifests/b', /more than 3 times/],
    ['to plain HTTP elsewhere', 'http://elsewhere.test/', /without HTTPS/],
    ['to a file', 'file:///etc/passwd', /without HTTPS/],
    ['nowhere', 'http://[', /no address/],
  ])('does not follow a redirect %s', async (_, location, message) => {
    await using server = await listen((__, response) => void response.writeHead(307, { location }).end());
    const read = createOciRegistry(server.host, null).manifest('a', 'b');
    await expect(read).rejects.toMatchObject({ reason: 'PROTOCOL', message });
  });
});

describe('the registry adapter on registries that ask', () => {
  it('signs in with user and password', async () => {
    await using server = await listen((request, response) => {
      if (request.headers.authorization === ANN_BASIC) return serve(request, response);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end();
    });
    const image = await createOciRegistry(server.host, ANN).manifest('a', 'b');
    expect(image).toMatchObject({ digest: manifest.digest, architecture: 'amd64' });
    await expect(createOciRegistry(server.host, null).manifest('a', 'b')).rejects.toMatchObject({
      reason: 'DENIED',
    });
  });

  it.each([
    ['alone', (bearer: string) => bearer],
    ['before Basic', (bearer: string) => `${bearer}, Basic realm="other"`],
    ['after Basic', (bearer: string) => `Basic realm="other", ${bearer}`],
  ])('gets a token where the registry names a token service, %s', async (_, challenge) => {
    let tokens = 0;
    await using server = await listen((request, response) => {
      const url = new URL(request.url ?? '', `http://${request.headers.host}`);
      if (url.pathname === '/token') {
        tokens += 1;
        expect(request.headers.authorization).toBe(ANN_BASIC);
        expect(url.searchParams.get('scope')).toBe('repository:a:pull');
        return void response.end(JSON.stringify({ token: 'abc', expires_in: 300 }));
      }
      if (request.headers.authorization === 'Bearer abc') return serve(request, response);
      const bearer = `Bearer realm="http://${request.headers.host}/token",service="s",scope="repository:a:pull"`;
      response.writeHead(401, { 'www-authenticate': challenge(bearer) }).end();
    });
    const registry = createOciRegistry(server.host, ANN);
    expect(await registry.manifest('a', 'b')).toMatchObject({ digest: manifest.digest });
    expect(tokens).toBe(1);
  });

  it('is denied where the token does not help, as with a missing repository of Docker Hub', async () => {
    await using server = await listen((request, response) => {
      if (request.url?.startsWith('/token') === true) return void response.end('{"access_token":"abc"}');
      const realm = `Bearer realm="http://${request.headers.host}/token",error="insufficient_scope"`;
      response.writeHead(401, { 'www-authenticate': realm }).end();
    });
    const read = createOciRegistry(server.host, null).manifest('no/such', 'b');
    await expect(read).rejects.toMatchObject({ reason: 'DENIED' });
  });

  it('hands its password to nobody else', async () => {
    await using thief = await listen((_, response) => void response.end('{"token":"abc"}'));
    for (const answer of [
      { status: 401, headers: { 'www-authenticate': `Bearer realm="http://${thief.host}/token"` } },
      { status: 307, headers: { location: `http://${thief.host}/v2/a/manifests/b` } },
    ]) {
      await using server = await listen(
        (_, response) => void response.writeHead(answer.status, answer.headers).end(),
      );
      const read = createOciRegistry(server.host, ANN).manifest('a', 'b');
      await expect(read).rejects.toMatchObject({ reason: 'PROTOCOL' });
    }
    expect(thief.connections).toBe(0);
  });
});

describe("the platform's own registry", () => {
  it.each(['redirect', 'realm'])('sends nobody to a private address by a %s', async (kind) => {
    await using inside = await listen(() => {});
    const target = `https://${inside.host}/latest/meta-data`;
    await using server = await listen((_, response) => {
      if (kind === 'redirect') response.writeHead(307, { location: target }).end();
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="${target}"` }).end();
    });
    const read = createOciRegistry(server.host, ANN).manifest('a', 'b');
    await expect(read).rejects.toMatchObject({ reason: 'NOT_ALLOWED' });
    expect(inside.connections).toBe(0);
  });

  it('sends us on to a private address where the operator has named that', async () => {
    await using storage = await listen(serve);
    await using server = await listen((request, response) => {
      response.writeHead(307, { location: `http://${storage.host}${request.url}` }).end();
    });
    const known = createKnownHosts({ hosts: [storage.host], auths: {} });
    expect(await createOciRegistry(server.host, null, { known }).manifest('a', 'b')).not.toBeNull();
  });
});

describe('removing a tag', () => {
  /** A registry that answers a DELETE of a tag and of a digest with these statuses. */
  async function registryThatRemoves(ofTag: number, ofDigest: number) {
    const removed: string[] = [];
    const server = await listen((request, response) => {
      if (request.method !== 'DELETE') return serve(request, response);
      const reference = request.url?.split('/').at(-1) ?? '';
      removed.push(reference);
      response.writeHead(reference.startsWith('sha256:') ? ofDigest : ofTag).end();
    });
    const registry = createOciRegistry(server.host, null);
    return {
      removed,
      remove: (manifestMayGo: boolean) => registry.removeTag('a', '1', manifest.digest, { manifestMayGo }),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }

  it('leaves the manifest where the registry removes tags', async () => {
    await using server = await registryThatRemoves(202, 202);
    expect(await server.remove(true)).toBe('TAG');
    expect(server.removed).toEqual(['1']);
  });

  it.each([400, 405])('removes the manifest where the registry answers %i for a tag', async (status) => {
    await using server = await registryThatRemoves(status, 202);
    expect(await server.remove(false)).toBe('KEPT');
    expect(server.removed).toEqual(['1']);
    expect(await server.remove(true)).toBe('MANIFEST');
    expect(server.removed).toEqual(['1', '1', manifest.digest]);
  });

  it('says so where the tag or the manifest has gone meanwhile', async () => {
    await using gone = await registryThatRemoves(404, 202);
    expect(await gone.remove(true)).toBeNull();
    expect(gone.removed).toEqual(['1']);
    await using half = await registryThatRemoves(405, 404);
    expect(await half.remove(true)).toBeNull();
  });

  it.each([
    [405, 405],
    [401, 202],
    [403, 202],
    [405, 403],
  ])('says so where the registry lets nobody, or not us: %i and %i', async (ofTag, ofDigest) => {
    await using server = await registryThatRemoves(ofTag, ofDigest);
    await expect(server.remove(true)).rejects.toMatchObject({ reason: 'DELETE_NOT_ALLOWED' });
  });

  it('may be tried again while the registry is ailing', async () => {
    await using server = await registryThatRemoves(503, 202);
    await expect(server.remove(true)).rejects.toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
    expect(server.removed).toEqual(['1']);
  });
});
