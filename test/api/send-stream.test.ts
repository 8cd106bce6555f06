import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { sendStream } from '../../src/http/send-stream.ts';
import { startEdgeServer } from '../support/edge-server.ts';
import { until } from '../support/until.ts';

interface Connected extends AsyncDisposable {
  readonly client: Socket;
}

/** A server with one client, who says nothing yet. */
async function connected(answer: (res: ServerResponse) => void): Promise<Connected> {
  const server = createServer((_, res) => answer(res)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Answers one request with a body, to a client that has not begun to read. */
async function answering(
  body: (res: ServerResponse) => AsyncIterable<Uint8Array | string>,
  stalledMs: number,
): Promise<Connected & { readonly sent: Promise<ServerResponse> }> {
  const { promise: sent, resolve, reject } = Promise.withResolvers<ServerResponse>();
  const opened = await connected((res) => {
    sendStream(res, body(res), stalledMs).then(() => resolve(res), reject);
  });
  opened.client.pause();
  opened.client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  return { ...opened, sent };
}

it('drops a client that has stopped reading, and ends its source', async () => {
  let ended = false;
  async function* endless() {
    try {
      for (;;) yield Buffer.alloc(65_536);
    } finally {
      ended = true;
    }
  }
  await using answer = await answering(endless, 100);
  const res = await answer.sent;
  expect([res.destroyed, res.writableFinished, ended]).toEqual([true, false, true]);
});

it('drops a client that does not take the end of what was written', async () => {
  async function* large() {
    yield Buffer.alloc(64 * 1024 * 1024);
  }
  await using answer = await answering(large, 100);
  const res = await answer.sent;
  expect([res.destroyed, res.writableFinished]).toEqual([true, false]);
});

it('lets a body wait for its next part as long as it likes', async () => {
  async function* quiet(res: ServerResponse) {
    yield 'first ';
    await once(res, 'timeout');
    yield 'last';
  }
  await using answer = await answering(quiet, 100);
  let text = '';
  answer.client.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  answer.client.resume();
  const closed = once(answer.client, 'close');
  await answer.sent;
  await closed;
  expect(text).toMatch(/first [\s\S]*last[\s\S]*\r\n0\r\n\r\n$/);
});

it('leaves no timer to the request that waits behind it', async () => {
  const [first, second] = [Promise.withResolvers<ServerResponse>(), Promise.withResolvers<ServerResponse>()];
  await using opened = await connected((res) => {
    if (res.req.url === '/second') return second.resolve(res);
    async function* body() {
      yield 'first';
      await second.promise;
    }
    sendStream(res, body(), 100).then(() => first.resolve(res), first.reject);
  });
  opened.client.write('GET /first HTTP/1.1\r\nhost: x\r\n\r\nGET /second HTTP/1.1\r\nhost: x\r\n\r\n');
  await first.promise;
  const late = await second.promise;
  await until('it to have the connection', () => late.socket !== null);
  expect(late.socket?.timeout).toBe(0);
});

it('is not the only one that is watched in the server: so is whatever its client has not taken', async () => {
  const answers: ServerResponse[] = [];
  await using server = await startEdgeServer({
    routes: ['small', 'large'].map((size) => ({
      method: 'GET',
      pattern: `/${size}`,
      cost: 0,
      handler: ({ res }) => {
        answers.push(res);
        res.end(Buffer.alloc(size === 'small' ? 100 : 64 * 1024 * 1024));
      },
    })),
  });
  const { port } = new URL(server.url);
  using client = Object.assign(connect(Number(port), '127.0.0.1'), {
    [Symbol.dispose]: () => client.destroy(),
  });
  client.pause();
  for (const [size, watched] of [
    ['small', 0],
    ['large', 1],
  ] as const) {
    client.write(`GET /${size} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await until(
      `the ${size} one to be answered`,
      () => answers.at(-1)?.writableEnded === true && answers.length === watched + 1,
    );
    await until('it to be watched, or not', () => answers.at(-1)?.listenerCount('timeout') === watched);
  }
});

it('is watched by one timer in the server', async () => {
  let listeners = 0;
  await using server = await startEdgeServer({
    routes: [
      {
        method: 'GET',
        pattern: '/stream',
        cost: 0,
        handler: async ({ res }) => {
          async function* body() {
            listeners = res.listenerCount('timeout');
            yield 'all';
          }
          await sendStream(res, body());
        },
      },
    ],
  });
  expect(await (await fetch(`${server.url}/stream`)).text()).toBe('all');
  expect(listeners).toBe(1);
});
