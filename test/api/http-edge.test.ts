import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getIntrospectionQuery } from 'graphql';
import { createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ForbiddenError, NotFoundError } from '../../src/shared/errors.ts';
import { type EdgeBody, GOOD_TOKEN, post, startEdgeServer } from '../support/edge-server.ts';
import { gate } from '../support/until.ts';

/** What every answer says of its cost where nothing costs anything. */
const FREE = { extensions: { cost: { requested: 0, limit: 10_000 } } };

describe('a GraphQL request over HTTP', () => {
  it('answers a query with the viewer of its token', async () => {
    await using server = await startEdgeServer();
    const { status, body, headers } = await server.query('{ me kind }');
    expect({ status, body }).toEqual({
      status: 200,
      body: { data: { me: 'ada', kind: 'request' }, ...FREE },
    });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('answers the whole introspection query', async () => {
    await using server = await startEdgeServer();
    const { status, body } = await server.query(
      getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true }),
    );
    expect(status).toBe(200);
    expect(body.errors).toBeUndefined();
  });

  it('answers a query by GET where a header proves that no mere link sent it, and no mutation', async () => {
    await using server = await startEdgeServer();
    const headers = {
      authorization: `Bearer ${GOOD_TOKEN}`,
      'apollo-require-preflight': 'yes',
    };
    const get = (query: string, more: Record<string, string> = headers) =>
      fetch(`${server.url}/graphql?query=${encodeURIComponent(query)}`, { headers: more });
    expect(await (await get('{ me }')).json()).toEqual({ data: { me: 'ada' }, ...FREE });
    expect((await get('{ me }', { authorization: headers.authorization })).status).toBe(400);
    const mutation = await get('mutation { touch }');
    expect([mutation.status, mutation.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('sends a subscription to the socket', async () => {
    await using server = await startEdgeServer();
    const { status, body } = await server.query('subscription { count(to: 1) }');
    expect(status).toBe(400);
    expect(body).toEqual({
      errors: [
        {
          message: 'Subscriptions run over WebSocket at this address, sub-protocol graphql-transport-ws.',
          extensions: { code: 'BAD_REQUEST' },
        },
      ],
    });
  });

  it('takes everything after "Bearer" for the token, whatever a header can carry', async () => {
    const token = 'a+b&c%2Bd, with blanks = "é"';
    await using server = await startEdgeServer({
      authenticate: async (given) => (given === token ? { name: 'ada' } : null),
    });
    // A byte for each character, as fetch sends them, and UTF-8, as a terminal does.
    for (const sent of [token, Buffer.from(token).toString('latin1')]) {
      const answer = await server.query('{ me }', { headers: { authorization: `bearer   ${sent}  ` } });
      expect(answer.body).toEqual({ data: { me: 'ada' }, ...FREE });
    }
  });

  it.each([
    ['no token', {}],
    ['an empty token', { authorization: 'Bearer ' }],
    ['a wrong token', { authorization: 'Bearer nobody-knows-this-one' }],
    ['another scheme', { authorization: 'Basic YTpi' }],
  ])('answers 401 to %s', async (_case, headers) => {
    await using server = await startEdgeServer();
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
      body: '{"query":"{ me }"}',
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('Bearer');
    expect(await codesOf(response)).toEqual(['UNAUTHENTICATED']);
  });

  it.each([
    ['malformed JSON', '{"query":', {}, 400, 'BAD_REQUEST'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400, 'BAD_REQUEST'],
    ['no body', null, {}, 400, 'BAD_REQUEST'],
    ['a batch', '[{"query":"{ me }"}]', {}, 400, 'BAD_REQUEST'],
    ['a query that is no string', '{"query":7}', {}, 400, 'BAD_REQUEST'],
    ['a body over the limit', JSON.stringify({ query: '#'.repeat(70_000) }), {}, 413, 'PAYLOAD_TOO_LARGE'],
    ['plain text', '{"query":"{ me }"}', { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [
      'a form',
      'query={me}',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    [
      'a multipart form',
      '--x--',
      { 'content-type': 'multipart/form-data; boundary=x' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    ['a compressed body', '{}', { 'content-encoding': 'gzip' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ])('refuses %s with JSON', async (_case, body, headers, status, code) => {
    await using server = await startEdgeServer();
    const response = await post(server.url, body, headers as Record<string, string>);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await codesOf(response)).toEqual([code]);
  });

  it('answers 413 to a client that is still sending a body far over the limit', async () => {
    await using server = await startEdgeServer();
    const chunk = Buffer.alloc(256 * 1024, 0x20);
    const endless = new ReadableStream({
      start(controller) {
        for (let n = 0; n < 80; n += 1) controller.enqueue(chunk);
        controller.close();
      },
    });
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${GOOD_TOKEN}`,
      },
      body: endless,
      duplex: 'half',
    });
    expect(response.status).toBe(413);
  });

  it.each(['PUT', 'DELETE', 'PATCH'])('answers 405 with Allow to %s', async (method) => {
    await using server = await startEdgeServer();
    const response = await fetch(`${server.url}/graphql`, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST, GET, OPTIONS']);
    expect(await codesOf(response)).toEqual(['METHOD_NOT_ALLOWED']);
  });

  it('refuses a document of too many tokens, too deep, malformed or unknown to the schema', async () => {
    await using server = await startEdgeServer();
    const tokens = await server.query(`{ ${'me '.repeat(4001)} }`);
    const deep = await server.query(`${'{ nested '.repeat(15)} { me } ${'}'.repeat(15)}`);
    const malformed = await server.query('{ me');
    const unknown = await server.query('{ nobody }');
    const several = [tokens, deep, malformed, unknown].map(({ status, body }) => [
      status,
      body.errors?.[0]?.extensions['code'],
    ]);
    expect(several).toEqual([
      [400, 'GRAPHQL_PARSE_FAILED'],
      [400, 'GRAPHQL_VALIDATION_FAILED'],
      [400, 'GRAPHQL_PARSE_FAILED'],
      [400, 'GRAPHQL_VALIDATION_FAILED'],
    ]);
    expect(deep.body.errors?.[0]?.extensions['details']).toEqual({ limit: 15, current: 16 });
  });

  it('measures fragments that spread each other a thousandfold at once', async () => {
    await using server = await startEdgeServer();
    const fragments = Array.from(
      { length: 20 },
      (_, n) => `fragment F${n} on Query { nested { ...F${n + 1} } b: nested { ...F${n + 1} } }`,
    );
    const { status, body } = await server.query(
      `{ ...F0 } ${fragments.join(' ')} fragment F20 on Query { me }`,
    );
    expect(status).toBe(400);
    expect(body.errors?.[0]?.message).toContain('nests 21 levels');
  });

  it('answers 200 with errors to a refused document of a client that takes only application/json', async () => {
    await using server = await startEdgeServer();
    const only = await server.query('{ nobody }', { headers: { accept: 'application/json' } });
    const also = await server.query('{ nobody }', {
      headers: { accept: 'application/graphql-response+json, application/json' },
    });
    expect([only.status, also.status]).toEqual([200, 400]);
  });

  it('repeats the caller’s request id, or makes one where it could not stand in a log', async () => {
    await using server = await startEdgeServer();
    const own = await server.query('{ me }', { headers: { 'x-request-id': 'req-42' } });
    const odd = await server.query('{ me }', { headers: { 'x-request-id': 'a "quoted" id' } });
    expect(own.headers.get('x-request-id')).toBe('req-42');
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a request without a valid token', () => {
  const ask = (url: string, authorization?: string) =>
    fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
      body: '{"query":"{ me }"}',
    });

  it('is told how to sign in, and where it has sent a token that this one is not good', async () => {
    await using server = await startEdgeServer();
    const without = await ask(server.url);
    const wrong = await ask(server.url, 'Bearer nobody-knows-this-one');
    expect(without.headers.get('www-authenticate')).toBe('Bearer realm="slipway"');
    expect(wrong.headers.get('www-authenticate')).toBe(
      'Bearer realm="slipway", error="invalid_token", error_description="The token is unknown, expired or revoked"',
    );
  });

  it('is answered 429 when there were too many from its address, which keeps no good token out', async () => {
    await using server = await startEdgeServer({ trustedProxies: ['127.0.0.1'] });
    const from = async (address: string, token: string) =>
      await fetch(`${server.url}/graphql?query={me}`, {
        headers: {
          authorization: `Bearer ${token}`,
          'apollo-require-preflight': 'yes',
          'x-forwarded-for': address,
        },
      });
    const statuses = new Map<number, number>();
    for (let n = 0; n < 310; n += 1) {
      const { status } = await from('203.0.113.7', `bad-${n}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(Object.fromEntries(statuses)).toEqual({ 401: 300, 429: 10 });
    const refused = await from('203.0.113.7', 'bad');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await codesOf(refused)).toEqual(['RATE_LIMITED']);
    expect((await from('203.0.113.7', GOOD_TOKEN)).status).toBe(200);
    expect((await from('203.0.113.8', 'bad')).status).toBe(401);
    const socket = (address: string, token: string) =>
      closeOf(server.url, token, { 'x-forwarded-for': address });
    expect(await socket('203.0.113.7', 'bad')).toBe(1013);
    expect(await socket('203.0.113.7', GOOD_TOKEN)).toBe('acknowledged');
    expect(await socket('203.0.113.8', 'bad')).toBe(4403);
  });

  it('is told which scope it takes where its token is good, but not for that', async () => {
    const refuse = () => {
      throw new ForbiddenError('This takes a token with the scope WRITE.', { requiredScope: 'WRITE' });
    };
    const nothing = () => {};
    await using server = await startEdgeServer({
      guard: {
        assertMayAsk: nothing,
        countRefused: nothing,
        charge: nothing,
        hold: () => new DisposableStack(),
        admit: refuse,
      },
    });
    const { status, headers } = await server.query('mutation { touch }');
    expect([status, headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer realm="slipway", error="insufficient_scope", scope="WRITE"',
    ]);
  });
});

describe('the address of a client', () => {
  it.each([
    ['is that of the connection, whatever it says of itself', [], '127.0.0.1'],
    ['is what a trusted proxy says', ['127.0.0.0/8'], '203.0.113.7'],
  ])('%s', async (_case, trustedProxies, expected) => {
    const addresses: (string | null)[] = [];
    await using server = await startEdgeServer({
      trustedProxies,
      createContext: (session, kind, { address }) => {
        addresses.push(address);
        return { session, kind };
      },
      routes: [
        {
          method: 'GET',
          pattern: '/address',
          handler: ({ res, address }) => void res.end(address),
        },
      ],
    });
    const headers = { 'x-forwarded-for': '203.0.113.7' };
    await server.query('{ me }', { headers });
    const socket = createClient({
      url: `${server.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: class extends WebSocket {
        constructor(url: string, protocol: string) {
          super(url, protocol, { headers });
        }
      },
      connectionParams: { token: GOOD_TOKEN },
    });
    for await (const _ of socket.iterate({ query: 'subscription { count(to: 1) }' })) break;
    await socket.dispose();
    const route = await (await fetch(`${server.url}/address`, { headers })).text();
    expect([...addresses, route]).toEqual([expected, expected, expected]);
  });
});

describe('an error in the answer', () => {
  it('keeps code, message and details of a domain error', async () => {
    await using server = await startEdgeServer();
    const { body } = await server.query('{ forbidden }');
    expect(body.errors).toMatchObject([
      {
        message: 'Only owners may do this.',
        path: ['forbidden'],
        extensions: { code: 'FORBIDDEN', details: { role: 'VIEWER' } },
      },
    ]);
  });

  it.each(['secretFault', 'foreignCode', 'unserialisable'])('masks %s under an id', async (field) => {
    await using server = await startEdgeServer();
    const { body } = await server.query(`{ ${field} }`);
    expect(body.errors?.[0]?.extensions).toEqual({
      code: 'INTERNAL_SERVER_ERROR',
      errorId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(JSON.stringify(body)).not.toMatch(/db\.internal|password|stack|at .*\.ts/);
  });

  it('says UNAVAILABLE where a connection was lost, without the address', async () => {
    await using server = await startEdgeServer();
    const { body } = await server.query('{ databaseGone }');
    expect(body.errors?.[0]?.extensions).toEqual({ code: 'UNAVAILABLE', details: { retryable: true } });
    expect(JSON.stringify(body)).not.toContain('10.1.2.3');
  });

  it('says BAD_USER_INPUT for a variable or an argument that does not fit, in few words', async () => {
    await using server = await startEdgeServer();
    const query = 'query ($t: String!, $n: Int) { echo(text: $t, times: $n) }';
    const wrong = await server.query(query, { variables: { t: 'a', n: 'b'.repeat(9000) } });
    const missing = await server.query(query);
    const argument = await server.query('query ($t: String = "x") { echo(text: $t) }', {
      variables: { t: null },
    });
    for (const { body } of [wrong, missing, argument])
      expect(body.errors?.[0]?.extensions['code']).toBe('BAD_USER_INPUT');
    expect(wrong.body.errors?.[0]?.message.length).toBeLessThan(2100);
  });
});

describe('the other addresses', () => {
  it('answers /livez and /readyz without a token, and 503 where a part is missing', async () => {
    await using server = await startEdgeServer();
    await using broken = await startEdgeServer({
      readiness: async () => ({ ready: false, checks: { database: 'away' } }),
    });
    const ready = await fetch(`${server.url}/readyz`);
    const missing = await fetch(`${broken.url}/readyz`);
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, checks: { database: 'ok' } }]);
    expect([missing.status, await missing.json()]).toEqual([
      503,
      { ready: false, checks: { database: 'away' } },
    ]);
  });

  it('looks once for all who ask for /readyz at a time', async () => {
    const found = gate();
    let looks = 0;
    await using server = await startEdgeServer({
      readiness: async () => {
        looks += 1;
        await found.opened;
        return { ready: true, checks: {} };
      },
    });
    const asked = Array.from({ length: 20 }, () => fetch(`${server.url}/readyz`));
    // Answered after those that came before it.
    await fetch(`${server.url}/livez`);
    found.open();
    for (const { status } of await Promise.all(asked)) expect(status).toBe(200);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    expect(looks).toBe(1);
  });

  it('leads from / to the page, and answers 404 elsewhere', async () => {
    await using server = await startEdgeServer();
    const root = await fetch(server.url, { redirect: 'manual' });
    expect([root.status, root.headers.get('location')]).toEqual([302, '/graphiql']);
    for (const path of ['/nothing', '/graphql/', '/graphiql/../../etc/passwd', '//x']) {
      expect((await fetch(`${server.url}${path}`)).status).toBe(404);
    }
  });

  it('has no page at all where there is to be none', async () => {
    await using server = await startEdgeServer({ graphiqlDir: null });
    for (const path of ['/', '/graphiql', '/graphiql/', '/graphiql/index.html']) {
      const response = await fetch(`${server.url}${path}`, { redirect: 'manual' });
      expect([path, response.status, await codesOf(response)]).toEqual([path, 404, ['NOT_FOUND']]);
    }
  });

  it('serves the page with a strict policy and its hashed files for good, and nothing outside its folder', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'slipway-page-'));
    await mkdir(join(dir, 'site', 'assets'), { recursive: true });
    await writeFile(join(dir, 'site', 'index.html'), '<p>page</p>');
    await writeFile(join(dir, 'site', 'assets', 'main-abc.js'), 'go()');
    await writeFile(join(dir, 'secret.txt'), 'secret');
    await using server = await startEdgeServer({ graphiqlDir: join(dir, 'site') });
    const page = await fetch(`${server.url}/graphiql`);
    expect(await page.text()).toBe('<p>page</p>');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const script = await fetch(`${server.url}/graphiql/assets/main-abc.js`, {
      headers: { 'accept-encoding': 'identity' },
    });
    expect(await script.text()).toBe('go()');
    expect(script.headers.get('content-type')).toContain('text/javascript');
    expect(script.headers.get('cache-control')).toContain('immutable');
    // Compressed and not, a file is read once for all who ask.
    await rm(join(dir, 'site', 'assets', 'main-abc.js'));
    for (const encoding of ['identity', 'gzip']) {
      const again = await fetch(`${server.url}/graphiql/assets/main-abc.js`, {
        headers: { 'accept-encoding': encoding },
      });
      expect(await again.text()).toBe('go()');
    }
    expect(await rawStatus(server.http.port, 'GET /graphiql/../secret.txt')).toBe(404);
    expect(await rawStatus(server.http.port, 'GET /graphiql/%2e%2e%2fsecret.txt')).toBe(404);
    await rm(dir, { recursive: true });
  });

  it('serves further routes with their parameters, their viewer and their errors', async () => {
    await using server = await startEdgeServer({
      routes: [
        {
          method: 'GET',
          pattern: '/files/:id/text',
          handler: async ({ res, params, session }) => {
            const { name } = await session();
            if (params['id'] === '404') throw new NotFoundError('There is no such file.');
            res.end(`${name} reads ${params['id']}`);
          },
        },
      ],
    });
    const headers = { authorization: `Bearer ${GOOD_TOKEN}` };
    expect(await (await fetch(`${server.url}/files/7/text`, { headers })).text()).toBe('ada reads 7');
    const missing = await fetch(`${server.url}/files/404/text`, { headers });
    expect([missing.status, await codesOf(missing)]).toEqual([404, ['NOT_FOUND']]);
    expect((await fetch(`${server.url}/files/7/text`)).status).toBe(401);
    expect((await fetch(`${server.url}/files/7/text`, { method: 'POST', headers })).status).toBe(405);
  });
});

describe('a server that drains', () => {
  it('answers 503 on /readyz, and ends when the requests under way are answered', async () => {
    await using server = await startEdgeServer();
    const slow = server.query('{ slow }');
    await expect.poll(() => server.running()).toBe(1);
    let drained = false;
    const draining = server.http.drain().then(() => {
      drained = true;
    });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    expect(drained).toBe(false);
    server.release();
    expect((await slow).body).toEqual({ data: { slow: 'done' }, ...FREE });
    await draining;
  });

  it('answers also what comes while it waits for others', async () => {
    const [first, second] = [gate(), gate()];
    let began = 0;
    await using server = await startEdgeServer({
      routes: [
        {
          method: 'GET',
          pattern: '/slow/:which',
          handler: async ({ res, params }) => {
            began += 1;
            await (params['which'] === '1' ? first : second).opened;
            res.end('done');
          },
        },
      ],
    });
    const one = fetch(`${server.url}/slow/1`);
    await expect.poll(() => began).toBe(1);
    let drained = false;
    const draining = server.http.drain().then(() => {
      drained = true;
    });
    const two = fetch(`${server.url}/slow/2`);
    await expect.poll(() => began).toBe(2);
    first.open();
    expect(await (await one).text()).toBe('done');
    expect(drained).toBe(false);
    second.open();
    expect(await (await two).text()).toBe('done');
    await draining;
  });

  it('closes its port when it is disposed of', async () => {
    const server = await startEdgeServer();
    await server[Symbol.asyncDispose]();
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow();
  });
});

async function codesOf(response: Response): Promise<unknown[]> {
  const body = (await response.json()) as EdgeBody;
  return (body.errors ?? []).map((error) => error.extensions['code']);
}

/** What becomes of a socket that signs in: the code that it is closed with, or that it is not. */
async function closeOf(
  url: string,
  token: string,
  headers: Record<string, string>,
): Promise<number | 'acknowledged'> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: { token } }));
  const outcome = await Promise.race([
    once(socket, 'close').then(([code]) => code as number),
    once(socket, 'message').then(() => 'acknowledged' as const),
  ]);
  socket.terminate();
  return outcome;
}

/** The status of a request whose path is sent as it stands; `fetch` would tidy it up. */
function rawStatus(port: number, head: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`${head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('end', () => resolve(Number(text.split(' ')[1])));
    socket.on('error', reject);
  });
}
