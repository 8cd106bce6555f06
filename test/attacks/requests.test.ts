import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { startBuild } from '../support/builds.ts';
import { type RawAnswer, sendRaw } from '../support/raw-http.ts';

let slipway: TestApp;
let port: number;
let signedIn: string;
beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  port = Number(new URL(slipway.url).port);
  signedIn = `Host: 127.0.0.1:${port}\r\nAuthorization: Bearer ${slipway.admin.token}\r\n`;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const QUERY = '{"query":"{ __typename }"}';
// Nothing of the inside: no stack, no SQL, no path of a file, no host or port of the database.
const INSIDE =
  /\bat .+:\d+:\d+|\.[jt]s\b|node_modules|node:|\bselect\b.+\bfrom\b|\binsert into\b|postgres|ECONN|HPE_/i;

/** Every refusal is JSON in GraphQL's form, under the code, and tells nothing of the inside. */
function expectRefusal(
  { status, contentType, body }: { status: number; contentType: string | null; body: string },
  expected: { status: number; code: string },
): void {
  expect({ status, body }).toMatchObject({ status: expected.status });
  expect(contentType).toMatch(/^application\/json; charset=utf-8$/);
  const codes = (JSON.parse(body) as { errors: { extensions: { code: string } }[] }).errors.map(
    ({ extensions }) => extensions.code,
  );
  expect(codes).toEqual([expected.code]);
  expect(body).not.toMatch(INSIDE);
  expect(body).not.toContain(new URL(slipway.database.url).port);
}

const refusalIn = (answer: RawAnswer | undefined) => ({
  status: answer?.status ?? 0,
  contentType: answer?.headers['content-type'] ?? null,
  body: answer?.body ?? '',
});

async function post(body: RequestInit['body'], headers: Record<string, string> = {}, path = '/graphql') {
  const response = await fetch(`${slipway.url}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${slipway.admin.token}`,
      ...headers,
    },
    body: body ?? null,
  });
  const contentType = response.headers.get('content-type');
  return { status: response.status, headers: response.headers, contentType, body: await response.text() };
}

const raw = (head: string, body: string | Buffer = '') =>
  sendRaw(port, Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), Buffer.from(body)]));

/** The server is there, and this client may use it. */
async function expectStillServing(): Promise<void> {
  expect(await slipway.admin.run('{ __typename }')).toEqual({ __typename: 'Query' });
}

describe('a post that is no GraphQL request in JSON', () => {
  const form = 'application/x-www-form-urlencoded';
  it.each([
    ['a batch', `[${QUERY},${QUERY}]`, {}, 400, 'BAD_REQUEST'],
    ['an empty batch', '[]', {}, 400, 'BAD_REQUEST'],
    ['a number', '7', {}, 400, 'BAD_REQUEST'],
    ['null', 'null', {}, 400, 'BAD_REQUEST'],
    ['nothing', '', {}, 400, 'BAD_REQUEST'],
    ['malformed JSON', '{"query":', {}, 400, 'BAD_REQUEST'],
    ['JSON after JSON', `${QUERY}${QUERY}`, {}, 400, 'BAD_REQUEST'],
    ['JSON with a byte that is no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400, 'BAD_REQUEST'],
    ['JSON of 90,000 brackets', '['.repeat(90_000), {}, 400, 'BAD_REQUEST'],
    ['plain text', QUERY, { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a form', 'query={__typename}', { 'content-type': form }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [
      'a multipart form',
      '--x\r\n\r\n--x--',
      { 'content-type': 'multipart/form-data; boundary=x' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    [
      'another charset',
      QUERY,
      { 'content-type': 'application/json; charset=utf-16' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    [
      'a bomb of gzip',
      gzipSync(Buffer.alloc(64 * 1024 * 1024)),
      { 'content-encoding': 'gzip' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
  ])('is refused: %s', async (_case, body, headers, status, code) => {
    expectRefusal(await post(body, headers as Record<string, string>), { status, code });
  });

  it('is refused where it is larger than may be, by what it says and by what it is', async () => {
    const limit = slipway.app.config.http.maxBodyBytes;
    const said = await raw(
      `POST /graphql HTTP/1.1\r\n${signedIn}Content-Type: application/json\r\nContent-Length: ${limit + 1}\r\nConnection: close`,
    );
    expectRefusal(refusalIn(said[0]), { status: 413, code: 'PAYLOAD_TOO_LARGE' });
    const chunk = Buffer.alloc(1024 * 1024, 0x20);
    const unsaid = new ReadableStream({
      start(controller) {
        for (let sent = 0; sent <= limit; sent += chunk.length) controller.enqueue(chunk);
        controller.close();
      },
    });
    const response = await fetch(`${slipway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${slipway.admin.token}` },
      body: unsaid,
      duplex: 'half',
    });
    const contentType = response.headers.get('content-type');
    expectRefusal(
      { status: response.status, contentType, body: await response.text() },
      { status: 413, code: 'PAYLOAD_TOO_LARGE' },
    );
  });

  it('is refused before its body is read where nobody is signed in', async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('{"query":'));
        controller.close();
      },
    });
    const response = await fetch(`${slipway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      duplex: 'half',
    });
    expect(response.status).toBe(401);
  });
});

describe('a method', () => {
  it('GET runs no mutation', async () => {
    const mutation = 'mutation { createNamespace(input: { name: "by-get" }) { namespace { id } } }';
    const response = await fetch(`${slipway.url}/graphql?query=${encodeURIComponent(mutation)}`, {
      headers: { authorization: `Bearer ${slipway.admin.token}`, 'apollo-require-preflight': 'yes' },
    });
    const contentType = response.headers.get('content-type');
    expectRefusal(
      { status: response.status, contentType, body: await response.text() },
      { status: 405, code: 'BAD_REQUEST' },
    );
    const { namespace } = await slipway.admin.run<{ namespace: unknown }>(
      '{ namespace(name: "by-get") { id } }',
    );
    expect(namespace).toBeNull();
  });

  it('GET runs nothing that a mere link could send', async () => {
    const response = await fetch(`${slipway.url}/graphql?query={__typename}`, {
      headers: { authorization: `Bearer ${slipway.admin.token}` },
    });
    const contentType = response.headers.get('content-type');
    expectRefusal(
      { status: response.status, contentType, body: await response.text() },
      { status: 400, code: 'BAD_REQUEST' },
    );
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'SEARCH'])('%s is refused', async (method) => {
    for (const path of ['/graphql', '/exports/image_list.json', '/livez', '/graphiql']) {
      const [answer] = await raw(`${method} ${path} HTTP/1.1\r\n${signedIn}Connection: close`);
      expectRefusal(refusalIn(answer), { status: 405, code: 'METHOD_NOT_ALLOWED' });
      expect(answer?.headers['allow']).toContain('GET');
      expect(answer?.body).not.toContain(slipway.admin.token);
    }
  });

  it('CONNECT makes no proxy of the server', async () => {
    const [answer] = await raw(`CONNECT 169.254.169.254:80 HTTP/1.1\r\n${signedIn}`);
    expectRefusal(refusalIn(answer), { status: 405, code: 'METHOD_NOT_ALLOWED' });
  });

  it('HEAD has the head of GET and no body', async () => {
    for (const path of [
      '/livez',
      '/graphql',
      '/exports/image_list.json',
      '/nothing',
      '/graphql?query={__typename}',
    ]) {
      const response = await fetch(`${slipway.url}${path}`, {
        method: 'HEAD',
        headers: { authorization: `Bearer ${slipway.admin.token}`, 'apollo-require-preflight': 'yes' },
      });
      expect([path, response.status < 500, await response.text()]).toEqual([path, true, '']);
    }
  });

  it.each(['x-http-method-override', 'x-http-method', 'x-method-override'])(
    '%s changes nothing',
    async (name) => {
      const answer = await post(QUERY, { [name]: 'DELETE' });
      expect([answer.status, answer.body]).toEqual([200, expect.stringContaining('__typename')]);
      const refused = await fetch(`${slipway.url}/graphql?_method=POST`, {
        method: 'PUT',
        headers: { [name]: 'POST' },
      });
      expect(refused.status).toBe(405);
    },
  );
});

describe('an address', () => {
  it.each([
    ['a path above the page', '/graphiql/../../etc/passwd', 404],
    ['an encoded path above the page', '/graphiql/%2e%2e%2f%2e%2e%2fetc%2fpasswd', 404],
    ['a path encoded twice', '/graphiql/%252e%252e%252fetc%252fpasswd', 404],
    ['backslashes', '/graphiql/..\\..\\etc\\passwd', 404],
    ['an absolute name', '/graphiql//etc/passwd', 404],
    ['a name of the prototype', '/graphiql/__proto__', 404],
    ['a NUL', '/graphiql/index.html%00.js', 404],
    ['a NUL in an id', '/builds/%00/log', 404],
    ['half an escape', '/builds/%/log', 404],
    ['bytes that are no UTF-8', '/builds/%ff%fe/log', 404],
    ['two slashes', '//evil.example/graphql', 404],
    ['no path', 'nothing', 400],
    ['the asterisk', '*', 400],
    ['another scheme', 'file:///etc/passwd', 404],
    ['another server', 'http://evil.example/nothing', 404],
  ])('%s leads nowhere', async (_case, target, status) => {
    const [answer] = await raw(`GET ${target} HTTP/1.1\r\n${signedIn}Connection: close`);
    expectRefusal(refusalIn(answer), { status, code: status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST' });
    expect(answer?.body).not.toContain('root:');
  });

  it('with a host in it is answered as one without: the server sends nobody anywhere by it', async () => {
    const [answer] = await raw(`GET http://evil.example/ HTTP/1.1\r\n${signedIn}Connection: close`);
    expect([answer?.status, answer?.headers['location']]).toEqual([302, '/graphiql']);
  });

  it('with a NUL or a byte over 127 that is not escaped is no HTTP', async () => {
    const [answer] = await raw(`GET /graphiql/\0 HTTP/1.1\r\n${signedIn}`);
    expectRefusal(refusalIn(answer), { status: 400, code: 'BAD_REQUEST' });
  });

  it('longer than 16 KiB is refused', async () => {
    const [answer] = await raw(`GET /graphql?query=${'a'.repeat(20_000)} HTTP/1.1\r\n${signedIn}`);
    expectRefusal(refusalIn(answer), { status: 431, code: 'HEADERS_TOO_LARGE' });
  });
});

describe('a head', () => {
  it('has at most 100 headers, and none is dropped in silence', async () => {
    const head = (count: number) =>
      `GET /livez HTTP/1.1\r\n${signedIn}Connection: close\r\n${Array.from({ length: count - 3 }, (_, n) => `x-${n}: 1`).join('\r\n')}`;
    expect((await raw(head(100)))[0]?.status).toBe(200);
    for (const count of [101, 1500]) {
      expectRefusal(refusalIn((await raw(head(count)))[0]), { status: 431, code: 'HEADERS_TOO_LARGE' });
    }
  });

  it('has a Host', async () => {
    const [answer] = await raw('GET /livez HTTP/1.1\r\nConnection: close');
    expectRefusal(refusalIn(answer), { status: 400, code: 'BAD_REQUEST' });
  });

  it('has no second Host', async () => {
    const [answer] = await raw(`GET /livez HTTP/1.1\r\n${signedIn}hOst: evil.example\r\nConnection: close`);
    expectRefusal(refusalIn(answer), { status: 400, code: 'BAD_REQUEST' });
  });

  it.each([
    ['a line feed', 'abc\ndef: ghi'],
    ['an escaped line feed', 'abc%0d%0adef: ghi'],
    ['a quote', '"; drop table users'],
    ['129 characters', 'x'.repeat(129)],
    ['terminal codes', '\x1b[31mred'],
  ])('with %s in its request id gets another one', async (_case, id) => {
    const answers = await raw(`GET /livez HTTP/1.1\r\n${signedIn}X-Request-Id: ${id}\r\nConnection: close`);
    expect(answers[0]?.headers['def']).toBeUndefined();
    expect(answers[0]?.headers['x-request-id'] ?? 'refused').toMatch(/^([0-9a-f-]{36}|abc|refused)$/);
  });

  it('that expects what is unknown is told so', async () => {
    const [answer] = await raw(`GET /livez HTTP/1.1\r\n${signedIn}Expect: a miracle\r\nConnection: close`);
    expectRefusal(refusalIn(answer), { status: 417, code: 'EXPECTATION_FAILED' });
  });

  it('that offers HTTP/2, as curl does, is answered over HTTP/1.1', async () => {
    const [answer] = await raw(
      `GET /livez HTTP/1.1\r\n${signedIn}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__`,
    );
    expect(answer?.status).toBe(200);
  });
});

// A proxy in front of us may take one of two readings, so a request that has two is none.
describe('a request with two ends', () => {
  const inner = () => `GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  it.each([
    ['two lengths', `Content-Length: ${QUERY.length}\r\nContent-Length: 4`],
    ['a list of lengths', `Content-Length: ${QUERY.length}, 4`],
    ['a length and chunks', `Content-Length: 4\r\nTransfer-Encoding: chunked`],
    ['chunks and a length', `Transfer-Encoding: chunked\r\nContent-Length: 4`],
    ['chunks in a coding that is none', 'Transfer-Encoding: xchunked'],
    ['chunks that are not the last coding', 'Transfer-Encoding: chunked, identity'],
    ['a blank before the colon', `Content-Length : ${QUERY.length}`],
    ['a length that is folded', `Content-Length:\r\n ${QUERY.length}`],
    ['a negative length', 'Content-Length: -1'],
    ['a length in hexadecimal', 'Content-Length: 0x1a'],
    ['a length with a sign', `Content-Length: +${QUERY.length}`],
  ])('is refused, and what follows it is not run: %s', async (_case, header) => {
    const answers = await raw(
      `POST /graphql HTTP/1.1\r\n${signedIn}Content-Type: application/json\r\n${header}`,
      `${QUERY}${inner()}`,
    );
    expect(answers).toHaveLength(1);
    expectRefusal(refusalIn(answers[0]), { status: 400, code: 'BAD_REQUEST' });
  });

  it('is refused where its chunks are malformed', async () => {
    const [answer] = await raw(
      `POST /graphql HTTP/1.1\r\n${signedIn}Content-Type: application/json\r\nTransfer-Encoding: chunked`,
      `zz\r\n${QUERY}\r\n0\r\n\r\n`,
    );
    expectRefusal(refusalIn(answer), { status: 400, code: 'BAD_REQUEST' });
  });
});

describe('a handshake of no WebSocket', () => {
  const handshake =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n';
  const key = 'Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n';
  it.each([
    ['without a key', 'GET', 'Sec-WebSocket-Version: 13', 400, 'BAD_REQUEST'],
    ['of another version', 'GET', `${key}Sec-WebSocket-Version: 1`, 400, 'BAD_REQUEST'],
    ['by POST', 'POST', `${key}Sec-WebSocket-Version: 13`, 400, 'BAD_REQUEST'],
    [
      'from another origin',
      'GET',
      `${key}Sec-WebSocket-Version: 13\r\nOrigin: http://evil.example`,
      403,
      'FORBIDDEN',
    ],
  ])('is refused: %s', async (_case, method, headers, status, code) => {
    const [answer] = await raw(`${method} /graphql HTTP/1.1\r\n${signedIn}${handshake}${headers}`);
    expectRefusal(refusalIn(answer), { status, code });
  });
});

describe('what is no HTTP at all', () => {
  it.each([
    ['words', 'hello\r\n\r\n'],
    ['a TLS greeting', Buffer.from('16030100f2010000ee0303', 'hex')],
    ['HTTP/2 at once', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a version that is none', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
  ])('is told so in JSON: %s', async (_case, bytes) => {
    const [answer] = await sendRaw(port, bytes);
    expectRefusal(refusalIn(answer), { status: 400, code: 'BAD_REQUEST' });
  });

  it('may break off where it likes', async () => {
    const wholes = [
      `CONNECT x:80 HTTP/1.1\r\n${signedIn}\r\n`,
      'hello\r\n\r\n',
      `GET /graphql HTTP/1.1\r\n${signedIn}Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://evil.example\r\n\r\n`,
      `POST /graphql HTTP/1.1\r\n${signedIn}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
    ];
    for (const whole of wholes) {
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const socket = connect(port, '127.0.0.1');
          await once(socket, 'connect');
          socket.write(whole, () => socket.resetAndDestroy());
          await once(socket, 'close');
        }),
      );
    }
    await expectStillServing();
  });

  it('harms nobody: 200 connections of random bytes', async () => {
    const answers = await Promise.all(
      Array.from(
        { length: 200 },
        async () => await sendRaw(port, Buffer.concat([randomBytes(64), Buffer.from('\r\n\r\n')])),
      ),
    );
    for (const [answer] of answers) expectRefusal(refusalIn(answer), { status: 400, code: 'BAD_REQUEST' });
    await expectStillServing();
  });
});

describe('every answer', () => {
  const everywhere = (): [string, RequestInit][] => [
    ['/graphql', { method: 'POST', body: QUERY, headers: { 'content-type': 'application/json' } }],
    ['/graphql', { method: 'PUT' }],
    ['/graphql', { method: 'OPTIONS' }],
    ['/livez', {}],
    ['/readyz', {}],
    ['/', { redirect: 'manual' }],
    ['/graphiql', {}],
    ['/exports/image_list.json', {}],
    ['/builds/nothing/log', {}],
    ['/nothing', {}],
  ];

  it('tells browsers to embed, guess and pass on nothing, and nobody what runs here', async () => {
    for (const [path, init] of everywhere()) {
      const { headers } = await fetch(`${slipway.url}${path}`, init);
      const said = (name: string) => `${path} ${name}: ${headers.get(name)}`;
      expect(said('x-content-type-options')).toBe(`${path} x-content-type-options: nosniff`);
      expect(said('referrer-policy')).toBe(`${path} referrer-policy: no-referrer`);
      expect(said('x-frame-options')).toBe(`${path} x-frame-options: DENY`);
      expect(said('cross-origin-resource-policy')).toBe(`${path} cross-origin-resource-policy: same-origin`);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect([headers.get('server'), headers.get('x-powered-by'), headers.get('set-cookie')]).toEqual([
        null,
        null,
        null,
      ]);
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('is the same for the log of another’s build and for one that there is not', async () => {
    const stranger = await slipway.user('stranger');
    const answerTo = async (id: string) => {
      const response = await fetch(`${slipway.url}/builds/${id}/log`, {
        headers: { authorization: `Bearer ${stranger.token}` },
      });
      return [response.status, await response.text()];
    };
    const { id } = await startBuild(slipway.admin, { dockerfile: 'FROM scratch', name: 'secret-one' });
    const hidden = await answerTo(id);
    expect(hidden[0]).toBe(404);
    expect(hidden).toEqual(await answerTo(crypto.randomUUID()));
  });
});

it('downloads count against what a viewer may spend, and a limit of theirs is told as that of operations', async () => {
  // As little as one operation and the body it comes in may cost, 19,088: nineteen exports.
  await using poor = await createTestApp({ worker: false, env: { SLIPWAY_RATE_LIMIT: '1000' } });
  const stranger = await poor.user('stranger');
  const request = (path: string) =>
    fetch(`${poor.url}${path}`, { headers: { authorization: `Bearer ${stranger.token}` } });
  for (let n = 0; n < 19; n += 1) {
    const exported = await request('/exports/image_list.json');
    expect([exported.status, await exported.text()]).toEqual([200, expect.stringContaining('{')]);
  }
  for (const path of ['/exports/image_list.json', `/builds/${crypto.randomUUID()}/log`]) {
    const response = await request(path);
    const contentType = response.headers.get('content-type');
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expectRefusal(
      { status: response.status, contentType, body: await response.text() },
      { status: 429, code: 'RATE_LIMITED' },
    );
  }
});
