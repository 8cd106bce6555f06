import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type AddressInfo, createServer, type LookupFunction, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createGuardedFetch, type Fetch } from '../../src/outgoing/guarded-fetch.ts';
import { createKnownHosts } from '../../src/registry/known-hosts.ts';
import { createOciRegistry } from '../../src/registry/oci-registry.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { type HttpServer, listen } from '../support/http-server.ts';
import { codes, registerImage } from '../support/images.ts';

/** What stands inside, at every address of this machine: nobody may connect to it. */
let canary: Server;
let canaryPort: number;
let connections = 0;
/** A registry that the operator allows, and whose answers the attacker chooses. */
let allowed: HttpServer;
let answer: RequestListener;
let slipway: TestApp;

/** Names that an attacker has pointed to addresses inside. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'inside.test': ['127.0.0.1'],
  'inside6.test': ['::1'],
  'mapped.test': ['::ffff:127.0.0.1'],
  'metadata.test': ['169.254.169.254'],
  'both.test': ['93.184.216.34', '127.0.0.1'],
  localhost: ['127.0.0.1', '::1'],
};
const lookup: LookupFunction = (hostname, _, callback) => {
  const found = NAMES[hostname]?.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  if (found !== undefined) return callback(null, found);
  callback(Object.assign(new Error('there is no such name'), { code: 'ENOTFOUND' }), []);
};

beforeAll(async () => {
  canary = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0);
  await once(canary, 'listening');
  canaryPort = (canary.address() as AddressInfo).port;
  allowed = await listen((request, response) => answer(request, response));
  const env = {
    SLIPWAY_VERIFY_HOSTS: `public,${allowed.host}`,
    SLIPWAY_REGISTRY_AUTHS: `${allowed.host}=ann:secret`,
  };
  slipway = await createTestApp({ worker: false, env, lookup });
});
afterAll(async () => {
  await slipway[Symbol.asyncDispose]();
  await allowed[Symbol.asyncDispose]();
  canary.close();
});
afterEach(() => expect(connections, 'connections to what stands inside').toBe(0));

/** Has a reference verified. @returns the codes of the refusal, and its text */
async function verify(reference: string) {
  const { image, userErrors } = await registerImage(slipway.admin, {
    reference,
    namespace: 'default',
    verify: true,
  });
  expect(image).toBeNull();
  return { codes: codes(userErrors), text: userErrors.map(({ message }) => message).join('\n') };
}

const HOSTS = [
  ...[
    '127.0.0.1',
    '127.0.0.2',
    '127.1',
    '0.0.0.0',
    '0',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '017700000001',
  ],
  ...[
    'localhost',
    'LOCALHOST',
    'inside.test',
    'INSIDE.test',
    'inside6.test',
    'mapped.test',
    'both.test',
    'metadata.test',
  ],
];

describe('a reference', () => {
  it.each(HOSTS)('to %s is refused before anything is connected to', async (host) => {
    // A host without a dot needs its port to be one; without either it is the first part of a path.
    const refused = await verify(`${host}:${canaryPort}/latest/meta-data:1`);
    expect(refused.codes).toEqual(['REGISTRY_NOT_ALLOWED reference']);
  });

  it.each(['[::1]', '[::ffff:127.0.0.1]', '[::]', '[64:ff9b::7f00:1]', '[fd00:ec2::254]'])(
    'to %s is refused',
    async (host) => {
      const { codes: refused } = await verify(`${host}:${canaryPort}/latest/meta-data:1`);
      expect(refused).toHaveLength(1);
      expect(refused[0]).toMatch(/^(REGISTRY_NOT_ALLOWED|PATTERN|INVALID|REFERENCE_INVALID) reference$/);
    },
  );

  it.each([
    '169.254.169.254',
    '169.254.169.254:80',
    '0xa9fea9fe:80',
    '10.0.0.1',
    '192.168.0.1:5000',
    '100.100.100.200',
  ])('to %s is refused at once', async (host) => {
    const begin = performance.now();
    expect((await verify(`${host}/latest/meta-data:1`)).codes).toEqual(['REGISTRY_NOT_ALLOWED reference']);
    expect(performance.now() - begin).toBeLessThan(2000);
  });

  it('to a name inside is answered like one to a name that nobody has', async () => {
    const inside = await verify('metadata.test/a/b:1');
    const nowhere = await verify('nowhere.test/a/b:1');
    expect(inside.text.replace('metadata', 'X')).toBe(nowhere.text.replace('nowhere', 'X'));
  });

  it.each([
    'user@127.0.0.1:80/a:1',
    'http://127.0.0.1:80/a:1',
    '//127.0.0.1/a:1',
    '127.0.0.1:80#.example.org/a:1',
    '127.0.0.1:80?/a:1',
    'registry.test:80@127.0.0.1:80/a:1',
    '127.0.0.1\t/a:1',
    '127。0。0。1:80/a:1',
    '①②⑦.0.0.1:80/a:1',
  ])('that a client may read as another place is none: %s', async (reference) => {
    expect((await verify(reference.replaceAll(':80', `:${canaryPort}`))).codes.length).toBeGreaterThan(0);
  });
});

describe('a registry that sends on', () => {
  const kinds: Readonly<Record<string, (target: string) => RequestListener>> = {
    'a redirect': (target) => (_, response) => void response.writeHead(307, { location: target }).end(),
    'a token service': (target) => (_, response) =>
      void response
        .writeHead(401, { 'www-authenticate': `Bearer realm="${target}",service="s",scope="x"` })
        .end(),
    'a redirect after a redirect': (target) => (request, response) => {
      const location = request.url?.startsWith('/v2/') === true ? `http://${allowed.host}/next` : target;
      response.writeHead(302, { location }).end();
    },
    'a redirect of its token service': (target) => (request, response) => {
      if (request.url?.startsWith('/token') === true)
        return void response.writeHead(302, { location: target }).end();
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${allowed.host}/token"` }).end();
    },
  };
  it.each(Object.keys(kinds))('to what stands inside, by %s, is not followed there', async (kind) => {
    const before = allowed.connections;
    const places = [...HOSTS, '[::1]', '[::ffff:7f00:1]'].map((host) => `https://${host}`);
    for (const place of [...places, 'http://127.0.0.1', 'http://inside.test', 'HTTP://[::1]']) {
      answer = (kinds[kind] as (target: string) => RequestListener)(
        `${place}:${canaryPort}/latest/meta-data`,
      );
      const refused = await verify(`${allowed.host}/team/image:1`);
      const isPlain = place.toLowerCase().startsWith('http:');
      expect(refused.codes, place).toEqual([
        isPlain ? 'REFERENCE_NOT_FOUND reference' : 'REGISTRY_NOT_ALLOWED reference',
      ]);
      expect(refused.text).not.toContain(`${canaryPort}`);
    }
    expect(allowed.connections, 'the registry itself was asked').toBeGreaterThan(before);
  });

  it.each([
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'data:text/plain,x',
    'javascript:alert(1)',
    'gopher://127.0.0.1/',
    '//',
    'https://',
    'https:///',
  ])('to no place at all is refused: %s', async (target) => {
    for (const kind of Object.values(kinds)) {
      answer = kind(target);
      expect((await verify(`${allowed.host}/team/image:1`)).codes).toHaveLength(1);
    }
  });

  it.each(['root:toor@', 'root@', ':toor@'])('with %s in the address is not followed', async (user) => {
    for (const [name, kind] of Object.entries(kinds)) {
      const asked: (string | undefined)[] = [];
      const sendOn = kind(`http://${user}${allowed.host}/admin`);
      answer = (request, response) => {
        asked.push(request.url);
        sendOn(request, response);
      };
      expect((await verify(`${allowed.host}/team/image:1`)).codes, name).toEqual([
        'REGISTRY_NOT_ALLOWED reference',
      ]);
      expect(asked.filter((url) => url?.startsWith('/admin') === true)).toEqual([]);
      expect(asked.length).toBeGreaterThan(0);
    }
  });
});

/** Asks a registry that the operator has not named, but which is on the public internet, with canaries that the operator has listed. */
async function askStranger(headersAt: (path: string) => { status: number; headers: Record<string, string> }) {
  const listed = [`http://inside.test:${canaryPort}`, `inside.test:${canaryPort}`, `127.0.0.1:${canaryPort}`];
  const known = createKnownHosts({ hosts: listed, auths: {} });
  const guarded = createGuardedFetch(known.listed, lookup, lookup);
  const fetch: Fetch = async (url, init) =>
    url.host.endsWith('stranger.test')
      ? new Response(null, headersAt(url.host + url.pathname))
      : guarded(url, init);
  const registry = createOciRegistry('stranger.test', null, { known, fetch });
  return await registry.manifest('team/image', '1').catch((error: unknown) => error);
}

describe("a stranger's registry does not reach what only the operator may send us to", () => {
  const places = () => [
    `http://inside.test:${canaryPort}/latest?x`,
    `https://inside.test:${canaryPort}/latest?x`,
    `http://127.0.0.1:${canaryPort}/admin/delete?x=1`,
    `https://127.0.0.1:${canaryPort}/`,
  ];
  const refused = { name: 'RegistryError', reason: expect.stringMatching(/^(?:NOT_ALLOWED|PROTOCOL)$/) };

  it('by a redirect', async () => {
    for (const location of places())
      expect(await askStranger(() => ({ status: 307, headers: { location } }))).toMatchObject(refused);
  });

  it('by a redirect to a friend first', async () => {
    for (const place of places()) {
      const error = await askStranger((path) => ({
        status: 307,
        headers: { location: path.startsWith('friend.') ? place : 'https://friend.stranger.test/x' },
      }));
      expect(error).toMatchObject(refused);
    }
  });

  it('by naming it as the token service, or by a redirect of its own token service', async () => {
    for (const place of places()) {
      for (const realm of [place, 'https://friend.stranger.test/token']) {
        const error = await askStranger((path) =>
          path.endsWith('/token')
            ? { status: 302, headers: { location: place } }
            : { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}",service="x"` } },
        );
        expect(error).toMatchObject(refused);
      }
    }
  });
});
