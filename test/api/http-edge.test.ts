import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import { NotFoundError } from '../../src/shared/errors.ts';
import { type EdgeBody, GOOD_TOKEN, post, startEdgeServer } from '../support/edge-server.ts';

describe('a GraphQL request over HTTP', () => {
  it('answers a query with the viewer of its token', async () => {
    await using server = await startEdgeServer();
    const { status, body, headers } = await server.query('{ me kind }');
    expect({ status, body }).toEqual({ status: 200, body: { data: { me: 'ada', kind: 'request' } } });
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
    expect(await (await get('{ me }')).json()).toEqual({ data: { me: 'ada' } });
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
      expect(answer.body).toEqual({ data: { me: 'ada' } });
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

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('answers 405 with Allow to %s', async (method) => {
    await using server = await startEdgeServer();
    const response = await fetch(`${server.url}/graphql`, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST, GET']);
    expect(await codesOf(response)).toEqual(['METHOD_NOT_ALLOWED']);
  });

  it('refuses a document of too many tokens, too deep, malformed or unknown to the schema', async () => {
    await using server = await startEdgeServer();
    const tokens = await server.query(`{ ${'me '.repeat(10_001)} }`);
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
    expect(body.errors?.at(-1)?.message).toContain('nests 21 levels');
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

  it('leads from / to the page, and answers 404 elsewhere', async () => {
    await using server = await startEdgeServer();
    const root = await fetch(server.url, { redirect: 'manual' });
    expect([root.status, root.headers.get('location')]).toEqual([302, '/graphiql']);
    for (const path of ['/nothing', '/graphql/', '/graphiql/../../etc/passwd', '//x']) {
      expect((await fetch(`${server.url}${path}`)).status).toBe(404);
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
    expect((await slow).body).toEqual({ data: { slow: 'done' } });
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
