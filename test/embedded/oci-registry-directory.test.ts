import type { RequestListener } from 'node:http';
import type { LookupFunction } from 'node:net';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOciRegistry } from '../../src/registry/oci-registry.ts';
import {
  createOciRegistryDirectory,
  type DirectoryOptions,
} from '../../src/registry/oci-registry-directory.ts';
import { type HttpServer, listen } from '../support/http-server.ts';
import { makeImage } from '../support/registry-push.ts';

const { manifest, config } = makeImage('arm64');
const serve: RequestListener = (request, response) => {
  response.end(request.url?.includes('/blobs/') ? config.text : manifest.text);
};
const ANN = { username: 'ann', password: 'secret' };
const ANN_BASIC = `Basic ${btoa('ann:secret')}`;
const NOT_ALLOWED = { name: 'RegistryError', reason: 'NOT_ALLOWED' };

/** A directory where public hosts may be asked. */
function directoryOf(options: Partial<DirectoryOptions> = {}, lookup?: LookupFunction) {
  return createOciRegistryDirectory(null, { publicHosts: true, hosts: [], auths: {}, ...options }, lookup);
}

/** Name servers that know these names, and whom they were asked for. */
function namesOf(names: Readonly<Record<string, readonly string[]>>) {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, _, callback) => {
    asked.push(hostname);
    const found = names[hostname]?.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (found !== undefined) return callback(null, found);
    callback(Object.assign(new Error('who?'), { code: 'ENOTFOUND' }), []);
  };
  return { asked, lookup };
}

/** What a reference's host answers that sends us to `target`. */
const sendsTo = {
  redirect: (target: string): RequestListener => {
    return (_, response) => void response.writeHead(307, { location: target }).end();
  },
  realm: (target: string): RequestListener => {
    return (_, response) =>
      void response.writeHead(401, { 'www-authenticate': `Bearer realm="${target}"` }).end();
  },
};

describe('a host that is at no public address', () => {
  let inside: HttpServer;
  beforeAll(async () => {
    inside = await listen(serve);
  });
  afterAll(async () => await inside[Symbol.asyncDispose]());

  it.each([
    '127.0.0.1',
    '127.0.0.2',
    '0.0.0.0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '127.1',
    '0x7f000001',
    '0x7f.1',
    '2130706433',
    '0177.0.0.1',
    'localhost',
    'LOCALHOST',
    'localhost.',
  ])('is refused before anything is connected to: %s', async (name) => {
    const { lookup } = namesOf({ localhost: ['::1', '127.0.0.1'], 'localhost.': ['127.0.0.1'] });
    const read = directoryOf({}, lookup).readerOf(`${name}:${inside.port}`).manifest('a', '1');
    await expect(read).rejects.toMatchObject(NOT_ALLOWED);
    expect(inside.connections).toBe(0);
  });

  it.each([
    '169.254.169.254',
    '0xa9fea9fe:80',
    '10.0.0.1',
    '172.16.0.1:5000',
    '192.168.1.1',
    '100.100.100.200',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '[2002:a9fe:a9fe::]',
    '224.0.0.1',
    '255.255.255.255',
    '999.1.1.1:80',
    'registry.test:65536',
  ])('is refused: %s', async (host) => {
    const { lookup, asked } = namesOf({});
    await expect(directoryOf({}, lookup).readerOf(host).manifest('a', '1')).rejects.toMatchObject(
      NOT_ALLOWED,
    );
    expect(asked, 'no name server is asked for a number').toEqual([]);
  });

  it.each([
    ['private', ['10.0.0.1']],
    ['the loopback', ['127.0.0.1']],
    ['the loopback in IPv6', ['::1']],
    ['a mapped one', ['::ffff:127.0.0.1']],
    ['one of several', ['8.8.8.8', '127.0.0.1']],
    ['the last of several', ['2606:4700::1111', '8.8.8.8', 'fd00::1']],
  ])('may have a name, by whose address it is known: %s', async (_, addresses) => {
    const { lookup, asked } = namesOf({ 'inside.test': addresses });
    const host = `inside.test:${inside.port}`;
    const read = directoryOf({}, lookup).readerOf(host).manifest('a', '1');
    await expect(read).rejects.toMatchObject(NOT_ALLOWED);
    expect(asked, 'what was checked is what would be connected to').toEqual(['inside.test']);
    expect(inside.connections).toBe(0);
  });

  it('answers like a name that does not exist, so that names inside cannot be found out', async () => {
    const { lookup } = namesOf({ 'inside.test': ['10.0.0.1'] });
    const messageOf = async (host: string) =>
      await directoryOf({}, lookup)
        .readerOf(host)
        .manifest('a', '1')
        .catch((error: Error) => error.message.replace(host, 'HOST'));
    expect(await messageOf('inside.test')).toBe(await messageOf('nowhere.test'));
  });

  it.each(['redirect', 'realm'] as const)('is refused as the target of a %s', async (kind) => {
    const { lookup } = namesOf({ 'inside.test': ['127.0.0.1'] });
    for (const name of ['127.0.0.1', '0x7f000001', '[::ffff:127.0.0.1]', 'inside.test', 'localhost']) {
      await using outside = await listen(sendsTo[kind](`https://${name}:${inside.port}/latest/meta-data`));
      const directory = directoryOf({ hosts: [outside.host] }, lookup);
      const error: unknown = await directory
        .readerOf(outside.host)
        .manifest('a', '1')
        .catch((e: unknown) => e);
      expect(error).toMatchObject(NOT_ALLOWED);
      expect((error as Error).message).toContain(outside.host);
      expect((error as Error).message).not.toContain(`${inside.port}`);
      expect(outside.connections).toBe(1);
    }
    expect(inside.connections).toBe(0);
  });

  it('is asked when the operator has listed it, by that name and port only', async () => {
    const { lookup } = namesOf({ 'inside.test': ['127.0.0.1'] });
    const hosts = [`http://Inside.test:${inside.port}`, inside.host];
    const directory = directoryOf({ hosts }, lookup);
    for (const host of [`inside.test:${inside.port}`, inside.host]) {
      expect(await directory.readerOf(host).manifest('a', '1')).toMatchObject({
        digest: manifest.digest,
        architecture: 'arm64',
      });
    }
    const before = inside.connections;
    expect(before).toBeGreaterThan(0);
    for (const host of ['inside.test', `127.0.0.2:${inside.port}`, `localhost:${inside.port}`]) {
      await expect(directory.readerOf(host).manifest('a', '1')).rejects.toMatchObject(NOT_ALLOWED);
    }
    expect(inside.connections).toBe(before);
  });
});

describe('the directory of registries', () => {
  it('asks listed hosts only where public ones are closed, and no name server for others', async () => {
    await using server = await listen(serve);
    const { lookup, asked } = namesOf({});
    const directory = directoryOf({ publicHosts: false, hosts: [server.host, 'docker.io'] }, lookup);
    expect(await directory.readerOf(server.host).manifest('a', '1')).not.toBeNull();
    for (const host of ['registry.test', '8.8.8.8', 'localhost:5000', 'docker.io:5000']) {
      await expect(directory.readerOf(host).manifest('a', '1')).rejects.toMatchObject(NOT_ALLOWED);
    }
    expect(asked).toEqual([]);
    await expect(directory.readerOf('index.docker.io').manifest('a', '1')).rejects.toMatchObject({
      reason: 'REGISTRY_UNAVAILABLE',
    });
    expect(asked, "Docker Hub's own name").toEqual(['registry-1.docker.io']);
  });

  it("hands out the platform's own registry for every spelling of it", () => {
    const own = createOciRegistry('registry.test', null);
    const options = { publicHosts: false, hosts: [], auths: {} };
    const directory = createOciRegistryDirectory(own, options);
    for (const host of ['registry.test', 'REGISTRY.test', 'registry.test:443', 'registry.test.'])
      expect(directory.readerOf(host)).toBe(own);
    for (const host of ['registry.test:5000', 'other.test']) expect(directory.readerOf(host)).not.toBe(own);
    const local = createOciRegistry('127.0.0.1:5000', null);
    for (const host of ['localhost:5000', '127.0.0.1:05000', '[::1]:5000'])
      expect(createOciRegistryDirectory(local, options).readerOf(host)).toBe(local);
  });

  it("signs in with the host's own credentials, and with no others", async () => {
    const seen: (string | undefined)[] = [];
    const handler: RequestListener = (request, response) => {
      seen.push(request.headers.authorization);
      if (request.headers.authorization !== undefined) return serve(request, response);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    };
    await using mine = await listen(handler);
    await using other = await listen(handler);
    const directory = directoryOf({ hosts: [mine.host, other.host], auths: { [mine.host]: ANN } });
    expect(await directory.readerOf(mine.host).manifest('a', '1')).not.toBeNull();
    expect(seen).toContain(ANN_BASIC);
    seen.length = 0;
    await expect(directory.readerOf(other.host).manifest('a', '1')).rejects.toMatchObject({
      reason: 'DENIED',
    });
    expect(seen).toEqual([undefined]);
  });

  it('follows a listed host to other listed ones, token service and storage, and leaves the password behind', async () => {
    const { lookup } = namesOf({ 'auth.test': ['127.0.0.1'], 'blobs.test': ['127.0.0.1'] });
    const atStorage: (string | undefined)[] = [];
    await using storage = await listen((request, response) => {
      atStorage.push(request.headers.authorization);
      response.end(config.text);
    });
    await using tokens = await listen((request, response) => {
      expect(request.headers.authorization).toBe(ANN_BASIC);
      response.end('{"token":"abc"}');
    });
    await using server = await listen((request, response) => {
      if (request.headers.authorization !== 'Bearer abc')
        return sendsTo.realm(`http://auth.test:${tokens.port}/`)(request, response);
      if (request.url?.includes('/blobs/') === true)
        return sendsTo.redirect(`http://blobs.test:${storage.port}/x`)(request, response);
      response.end(manifest.text);
    });
    const hosts = [
      server.host,
      `http://auth.test:${tokens.port}`,
      `http://blobs.test:${storage.port}`,
    ] as const;
    const auths = { [server.host]: ANN, [`auth.test:${tokens.port}`]: ANN };
    const read = (listed: readonly string[]) =>
      directoryOf({ hosts: listed, auths }, lookup).readerOf(server.host).manifest('a', '1');
    expect(await read(hosts)).toMatchObject({ digest: manifest.digest, architecture: 'arm64' });
    expect(atStorage).toEqual([undefined]);
    await expect(read(hosts.slice(0, 2))).rejects.toMatchObject({ reason: 'PROTOCOL' });
    expect(storage.connections).toBe(1);
  });

  it.each([
    ['shows it where the operator has given the same', ANN, ANN_BASIC],
    ['keeps it where the operator has given another', { username: 'ann', password: 'other' }, undefined],
    ['keeps it where the operator has given none', null, undefined],
  ])("and the registry's password at a token service of another site: %s", async (_, given, shown) => {
    const { lookup } = namesOf({ 'auth.test': ['127.0.0.1'] });
    const seen: (string | undefined)[] = [];
    await using tokens = await listen((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(request.headers.authorization === ANN_BASIC ? 200 : 401).end('{"token":"abc"}');
    });
    await using server = await listen((request, response) => {
      if (request.headers.authorization === 'Bearer abc') return serve(request, response);
      sendsTo.realm(`http://auth.test:${tokens.port}/`)(request, response);
    });
    const hosts = [server.host, `http://auth.test:${tokens.port}`];
    const auths = { [server.host]: ANN, ...(given && { [`auth.test:${tokens.port}`]: given }) };
    const read = directoryOf({ hosts, auths }, lookup).readerOf(server.host).manifest('a', '1');
    if (shown !== undefined) expect(await read).not.toBeNull();
    else {
      const message = expect.stringContaining('another site');
      await expect(read).rejects.toMatchObject({ reason: 'DENIED', message });
    }
    expect(seen).toEqual(Array.from(seen, () => shown));
    expect(seen.length).toBeGreaterThan(0);
  });

  it('does not believe a place that it was sent on to about where to sign in', async () => {
    await using thief = await listen((_, response) => void response.end('{"token":"abc"}'));
    await using storage = await listen(sendsTo.realm(`http://${thief.host}/`));
    await using server = await listen(sendsTo.redirect(`http://${storage.host}/x`));
    const hosts = [server.host, `http://${storage.host}`, `http://${thief.host}`];
    const auths = { [server.host]: ANN, [thief.host]: ANN };
    const read = directoryOf({ hosts, auths }).readerOf(server.host).manifest('a', '1');
    await expect(read).rejects.toMatchObject({ reason: 'DENIED' });
    expect(thief.connections).toBe(0);
  });

  it('knows an image that is not there, and what a registry says instead', async () => {
    for (const [status, outcome] of [
      [404, null],
      [401, { reason: 'DENIED' }],
      [403, { reason: 'DENIED' }],
      [429, { reason: 'REGISTRY_UNAVAILABLE' }],
      [500, { reason: 'REGISTRY_UNAVAILABLE' }],
      [204, { reason: 'REGISTRY_UNAVAILABLE' }],
      [999, { reason: 'REGISTRY_UNAVAILABLE' }],
    ] as const) {
      await using server = await listen((_, response) => void response.writeHead(status).end());
      const read = directoryOf({ hosts: [server.host] })
        .readerOf(server.host)
        .manifest('a', '1');
      if (outcome === null) expect(await read).toBeNull();
      else await expect(read, `${status}`).rejects.toMatchObject(outcome);
    }
  });

  it('does not wait for a name server or a registry that never answers, and hears one that hangs up', async () => {
    const silent: LookupFunction = () => {};
    await using mute = await listen(() => {});
    await using slow = await listen((_, response) => void response.write('{'));
    await using rude = await listen((request) => void request.socket.destroy());
    const hosts = [mute.host, slow.host, rude.host];
    const directory = directoryOf({ hosts }, silent);
    for (const host of ['registry.test', ...hosts]) {
      const signal = host === rude.host ? undefined : AbortSignal.timeout(50);
      const read = directory.readerOf(host).manifest('a', '1', { signal });
      await expect(read, host).rejects.toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
    }
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['headers without an end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}`],
    ['less than it promised', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{'],
  ])('survives what is no registry: %s', async (_, bytes) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(bytes));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as { port: number }).port}`;
    try {
      const read = directoryOf({ hosts: [host] })
        .readerOf(host)
        .manifest('a', '1');
      await expect(read).rejects.toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
    } finally {
      server.close();
    }
  });
});
