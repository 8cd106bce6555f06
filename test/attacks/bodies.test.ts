import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { HttpServerParts } from '../../src/http/http-server.ts';
import { maxBodyCost } from '../../src/http/operation-body.ts';
import type { EdgeContext, EdgeSession } from '../support/edge-schema.ts';
import {
  createEdgeGuard,
  type EdgeBody,
  type EdgeServer,
  GOOD_TOKEN,
  post,
  startEdgeServer,
} from '../support/edge-server.ts';
import { until } from '../support/until.ts';

const MIB = 1024 * 1024;
const MAX_BODY = 32 * MIB;

interface AttackedServer extends EdgeServer {
  /** Connections that are closed before the server stops, which would wait for them. */
  readonly attackers: Socket[];
}

/** With the body that the product allows, and everybody signed in who has a token: it is their name. */
async function startServer(
  overrides: Partial<HttpServerParts<EdgeSession, EdgeContext>> = {},
): Promise<AttackedServer> {
  const server = await startEdgeServer({
    maxBodyBytes: MAX_BODY,
    authenticate: async (token) => (token === null ? null : { name: token }),
    ...overrides,
  });
  const attackers: Socket[] = [];
  return {
    ...server,
    attackers,
    [Symbol.asyncDispose]: async () => {
      for (const socket of attackers) socket.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function answerOf(response: Response) {
  const { errors } = (await response.json()) as EdgeBody;
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, code: errors?.[0]?.extensions['code'], retryAfter: Number(retryAfter) };
}

const postAs = (server: EdgeServer, name: string, body: string) =>
  post(server.url, body, { authorization: `Bearer ${name}` });

/** A request whose head is sent, and of its body as much as one likes. */
async function begin(
  server: AttackedServer,
  name: string,
  framing: string,
): Promise<Socket & { text: string }> {
  const socket = Object.assign(connect(server.http.port, '127.0.0.1'), { text: '' });
  server.attackers.push(socket);
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    socket.text += chunk.toString('latin1');
  });
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${name}\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`,
  );
  return socket;
}

const statusOf = (socket: { readonly text: string }) => Number(socket.text.split(' ')[1]);

/** Announces as much as a viewer may send at once. */
async function announce(server: AttackedServer, name: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let n = 0; n < 2; n += 1) sockets.push(await begin(server, name, `Content-Length: ${MAX_BODY}`));
  await until(
    'the memory to be full',
    async () => (await postAs(server, name, '{"query":"{ me }"}')).status === 429,
  );
  return sockets;
}

describe('a body of millions of values', () => {
  const filled = (part: string) => part.repeat(Math.floor((MAX_BODY - 100) / part.length));
  it.each([
    ['lists', `{"query":"{ me }","variables":{"a":[${filled('[],')}0]}}`],
    ['objects', `{"query":"{ me }","variables":{"a":[${filled('{},')}0]}}`],
    ['numbers', `{"query":"{ me }","variables":{"a":[${filled('0,')}0]}}`],
    ['nested lists', `{"query":"{ me }","variables":{"a":${'['.repeat(1e7)}${']'.repeat(1e7)}}}`],
    ['lists beside what is known', `{"query":"{ me }","x":[${filled('[],')}0]}`],
    [
      'lists after a string of quotes',
      `{"query":"{ me }","x":"${'\\"'.repeat(1e6)}","y":[${'[],'.repeat(1e6)}0]}`,
    ],
  ])('is refused before it is parsed: %s', async (_case, body) => {
    await using server = await startServer();
    expect(await answerOf(await post(server.url, body))).toMatchObject({
      status: 413,
      code: 'PAYLOAD_TOO_LARGE',
    });
  });

  it('is no text of millions of brackets, which is one value', async () => {
    await using server = await startServer();
    const text = '[],{},"'.repeat(3 * MIB);
    const variables = { text };
    const { status, body } = await server.query('query ($text: String!) { echo(text: $text, times: 0) }', {
      variables,
    });
    expect([status, body.data]).toEqual([200, { echo: '' }]);
  });
});

describe('the bodies of one viewer', () => {
  it.each([
    ['said', `Content-Length: ${MAX_BODY}`],
    ['not said', 'Transfer-Encoding: chunked'],
  ])('have 64 MiB together, their length %s, until one is answered or given up', async (_case, framing) => {
    await using server = await startServer();
    const [first] = await announce(server, 'greedy');
    const third = await begin(server, 'greedy', framing);
    third.write('1\r\n{\r\n0\r\n\r\n');
    await until('an answer', () => statusOf(third) > 0);
    expect(third.text).toMatch(/^HTTP\/1\.1 429 [\s\S]*retry-after: [1-9][\s\S]*"RATE_LIMITED"/);
    expect((await postAs(server, 'somebody else', '{"query":"{ me }"}')).status).toBe(200);
    first?.destroy();
    await until('room', async () => (await postAs(server, 'greedy', '{"query":"{ me }"}')).status === 200);
  });

  it('that are announced and do not come keep nobody’s out', async () => {
    await using server = await startServer();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await announce(server, name);
    const large = JSON.stringify({ query: '{ me }', variables: { text: 'x'.repeat(MAX_BODY - 100) } });
    expect((await postAs(server, 'somebody else', large)).status).toBe(200);
  });

  it('that fill the whole of 256 MiB keep nobody’s small requests out', async () => {
    await using server = await startServer();
    for (const name of ['a', 'b', 'c', 'd']) {
      // All but the last bytes.
      for (const socket of await announce(server, name)) socket.write(' '.repeat(MAX_BODY - 100));
    }
    const large = () => postAs(server, 'e', `{"query":"{ me }"}${' '.repeat(20_000)}`);
    await until('the memory to be full', async () => (await large()).status === 503);
    expect(await answerOf(await large())).toEqual({ status: 503, code: 'UNAVAILABLE', retryAfter: 2 });
    expect((await postAs(server, 'e', '{"query":"{ me }"}')).status).toBe(200);
  });
});

describe('what reading a body costs', () => {
  it('can be paid with the least that an operator may give', async () => {
    const guard = createEdgeGuard({
      costPerMinute: 12_000,
      maxCost: 3000,
      maxBodyCost: maxBodyCost(MAX_BODY),
    });
    await using server = await startServer({ guard });
    const values = `[${'0,'.repeat(90_000)}0]`;
    const start = `{"query":"{ me }","variables":{"list":${values},"text":"`;
    expect((await post(server.url, `${start}${'x'.repeat(MAX_BODY - start.length - 3)}"}}`)).status).toBe(
      200,
    );
  });

  // 10,000 in ten seconds.
  const startPoor = () => startServer({ guard: createEdgeGuard({ costPerMinute: 60_000 }) });
  const large = JSON.stringify({ query: '{ me }', variables: { text: 'x'.repeat(MAX_BODY - 100) } });

  it('lets the largest in, and not one after the other', async () => {
    await using server = await startPoor();
    for (let n = 0; n < 2; n += 1) expect((await post(server.url, large)).status).toBe(200);
    expect(await answerOf(await post(server.url, large))).toMatchObject({
      status: 429,
      code: 'RATE_LIMITED',
      retryAfter: expect.toSatisfy((seconds: number) => seconds >= 1 && seconds <= 10),
    });
  });

  it('goes by its values, too', async () => {
    await using server = await startPoor();
    const many = JSON.stringify({ query: '{ me }', variables: { list: Array(80_000).fill(0) } });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await post(server.url, many)).status);
    expect(statuses).toEqual([200, 200, 429, 429]);
  });

  it('is asked for when it has come, not only before: a hundred whose heads came first are not all read', async () => {
    await using server = await startPoor();
    // Each costs 500 or more.
    const body = '{"query":"{ nobody }"}';
    const sockets = await Promise.all(
      Array.from({ length: 100 }, () => begin(server, GOOD_TOKEN, `Content-Length: ${body.length}`)),
    );
    // Answered after the heads before it.
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    for (const socket of sockets) socket.write(body);
    await until('all answers', () => sockets.every((socket) => statusOf(socket) > 0));
    const refused = sockets.filter((socket) => statusOf(socket) === 400).length;
    const limited = sockets.filter((socket) => statusOf(socket) === 429).length;
    expect(refused + limited).toBe(100);
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(20);
  });
});

describe('an answer that nobody takes', () => {
  it('keeps the place of its operation until its client has it or is gone', async () => {
    await using server = await startServer({ guard: createEdgeGuard({ maxRunning: 1 }) });
    const body = JSON.stringify({
      query: 'query ($text: String!) { echo(text: $text, times: 30) }',
      variables: { text: 'x'.repeat(MIB) },
    });
    const unread = await begin(server, 'lazy', `Content-Length: ${body.length}`);
    unread.write(body);
    await once(unread, 'data');
    unread.pause();
    const ask = async () => (await postAs(server, 'lazy', '{"query":"{ me }"}')).status;
    expect(await ask()).toBe(429);
    expect((await postAs(server, 'somebody else', '{"query":"{ me }"}')).status).toBe(200);
    unread.resume();
    await until('its place to be free', async () => (await ask()) === 200);

    const gone = await begin(server, 'lazy', `Content-Length: ${body.length}`);
    gone.write(body);
    await once(gone, 'data');
    gone.pause();
    expect(await ask()).toBe(429);
    gone.destroy();
    await until('its place to be free', async () => (await ask()) === 200);
  });

  it('has the place of an operation where it is a download', async () => {
    await using server = await startServer({
      guard: createEdgeGuard({ maxRunning: 2 }),
      routes: [
        {
          method: 'GET',
          pattern: '/endless',
          cost: 1,
          handler: async ({ res, session, stopping }) => {
            await session();
            stopping.addEventListener('abort', () => res.destroy());
            res.write('the first line');
          },
        },
      ],
    });
    const download = async () => {
      const leave = new AbortController();
      const headers = { authorization: 'Bearer lazy' };
      const { status } = await fetch(`${server.url}/endless`, { headers, signal: leave.signal });
      return { status, leave: () => leave.abort() };
    };
    const [first, second, third] = [await download(), await download(), await download()];
    expect([first.status, second.status, third.status]).toEqual([200, 200, 429]);
    expect((await postAs(server, 'lazy', '{"query":"{ me }"}')).status).toBe(429);
    first.leave();
    await until(
      'a place to be free',
      async () => (await postAs(server, 'lazy', '{"query":"{ me }"}')).status === 200,
    );
  });
});
