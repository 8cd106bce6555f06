import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, startBuild } from '../support/builds.ts';

const PLATFORM = 'https://platform.example';
let slipway: TestApp;
let logPath: string;

beforeAll(async () => {
  slipway = await createTestApp({ env: { SLIPWAY_ORIGINS: `${PLATFORM},http://127.0.0.1:3000` } });
  const { id } = await startBuild(slipway.admin, { dockerfile: 'FROM scratch\nRUN x\n', name: 'origins' });
  await finished(slipway.admin, id);
  logPath = `/builds/${id}/log`;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const paths = () => ['/graphql', logPath, '/exports/image_list.json'];

/** `Host` is what the browser says: `fetch` sends the server's own. */
function request(path: string, origin: string | null, init: RequestInit = {}): Promise<Response> {
  const headers = {
    authorization: `Bearer ${slipway.admin.token}`,
    'apollo-require-preflight': 'yes',
    ...(origin === null ? {} : { origin }),
    ...(init.headers as Record<string, string>),
  };
  return fetch(`${slipway.url}${path === '/graphql' ? '/graphql?query={__typename}' : path}`, {
    ...init,
    headers,
  });
}

const preflight = (path: string, origin: string) =>
  fetch(`${slipway.url}${path}`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  });

/** What came of opening a socket: `open`, or the status of the refusal. */
async function openSocket(origin: string | undefined, host?: string): Promise<'open' | number> {
  const socket = new WebSocket(`${slipway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    ...(origin !== undefined && { origin }),
    ...(host !== undefined && { headers: { host } }),
  });
  socket.on('error', () => {});
  const outcome = await Promise.race([
    once(socket, 'open').then(() => 'open' as const),
    once(socket, 'unexpected-response').then(([, response]) => response.statusCode as number),
  ]);
  socket.terminate();
  return outcome;
}

const corsHeaders = (response: Response) =>
  [...response.headers.keys()].filter((name) => name.startsWith('access-control-'));

describe('a page of an allowed origin', () => {
  it('may read the answers of GraphQL, logs and exports, and what their headers say', async () => {
    for (const path of paths()) {
      const { status, headers } = await request(path, PLATFORM);
      expect([path, status]).toEqual([path, 200]);
      expect(headers.get('access-control-allow-origin')).toBe(PLATFORM);
      expect(headers.get('access-control-expose-headers')?.split(',')).toEqual(
        expect.arrayContaining(['x-request-id', 'retry-after', 'content-range', 'etag']),
      );
      expect(headers.get('vary')).toMatch(/\borigin\b/i);
      expect(headers.get('access-control-allow-credentials')).toBeNull();
    }
  });

  it('may read errors, too', async () => {
    for (const path of paths()) {
      const { status, headers } = await request(path, PLATFORM, { headers: { authorization: 'Bearer no' } });
      expect([path, status, headers.get('access-control-allow-origin')]).toEqual([path, 401, PLATFORM]);
    }
  });

  it('is told before, for two hours, what it may send', async () => {
    for (const path of paths()) {
      const { status, headers } = await preflight(path, PLATFORM);
      expect([path, status]).toEqual([path, 204]);
      expect(headers.get('access-control-allow-origin')).toBe(PLATFORM);
      expect(headers.get('access-control-allow-methods')).toBe('GET,HEAD,POST');
      expect(headers.get('access-control-allow-headers')?.split(',')).toEqual(
        expect.arrayContaining(['authorization', 'content-type', 'x-request-id', 'apollo-require-preflight']),
      );
      expect(headers.get('access-control-max-age')).toBe('7200');
      expect(headers.get('vary')).toMatch(/\borigin\b/i);
    }
  });

  it('may open a socket', async () => {
    expect(await openSocket(PLATFORM)).toBe('open');
    expect(await openSocket('http://127.0.0.1:3000')).toBe('open');
  });
});

describe('a page of our own host', () => {
  it('may read and open a socket', async () => {
    const own = slipway.url;
    expect((await request('/graphql', own)).headers.get('access-control-allow-origin')).toBe(own);
    expect(await openSocket(own)).toBe('open');
  });

  it('may do so behind a proxy that ends TLS and passes the host on', async () => {
    expect(await openSocket('https://slipway.example', 'slipway.example')).toBe('open');
  });

  it('may do so where the host is written in other letters, or with the port of the scheme', async () => {
    expect(await openSocket('https://slipway.example', 'Slipway.Example')).toBe('open');
    expect(await openSocket('https://slipway.example', 'slipway.example:443')).toBe('open');
    expect(await openSocket('http://slipway.example', 'slipway.example:80')).toBe('open');
  });
});

it.each([
  ['with another port', 'https://slipway.example', 'slipway.example:8443'],
  ['with the port of another scheme', 'https://slipway.example', 'slipway.example:80'],
  ['with somebody before it', 'https://evil.example', 'slipway.example@evil.example'],
  ['with a path', 'https://evil.example', 'evil.example/slipway.example'],
])('a page of a host %s is not our own', async (_case, origin, host) => {
  expect(await openSocket(origin, host)).toBe(403);
});

describe.each([
  ['another host', 'https://evil.example'],
  ['a host that ends like an allowed one', 'https://evilplatform.example'],
  ['a host that begins like an allowed one', 'https://platform.example.evil.example'],
  ['an allowed host with another port', 'https://platform.example:8443'],
  ['an allowed host with another scheme', 'http://platform.example'],
  ['an allowed host in other letters', 'https://PLATFORM.example'],
  ['no origin of its own', 'null'],
  ['no origin at all, but words', 'not an origin'],
  ['every origin', '*'],
])('a page of %s', (_case, origin) => {
  it('may not read what is answered', async () => {
    for (const path of paths()) {
      const response = await request(path, origin);
      await response.text();
      expect(corsHeaders(response).filter((name) => name !== 'access-control-expose-headers')).toEqual([]);
      expect(response.headers.get('vary')).toMatch(/\borigin\b/i);
    }
  });

  it('is refused before it sends anything', async () => {
    for (const path of paths()) {
      const response = await preflight(path, origin);
      expect([path, response.status, corsHeaders(response)]).toEqual([path, 403, []]);
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] });
    }
  });

  it('may not open a socket', async () => {
    expect(await openSocket(origin)).toBe(403);
  });
});

it('no page of another origin may read the page or the health checks', async () => {
  for (const path of ['/livez', '/readyz', '/graphiql']) {
    expect(corsHeaders(await fetch(`${slipway.url}${path}`, { headers: { origin: PLATFORM } }))).toEqual([]);
  }
});

it('who is no page is asked for no origin', async () => {
  const { status, headers } = await request('/graphql', null);
  expect([status, headers.get('access-control-allow-origin')]).toEqual([200, null]);
  expect(await openSocket(undefined)).toBe('open');
});
