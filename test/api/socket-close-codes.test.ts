import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/shared/errors.ts';
import { type EdgeServer, GOOD_TOKEN, startEdgeServer } from '../support/edge-server.ts';
import { init, openSignedIn, openSocket, subscribe } from '../support/raw-socket.ts';
import { gate, until } from '../support/until.ts';

const ENDLESS = 'subscription { endless }';

describe('a socket that breaks the protocol is closed', () => {
  it.each<[string, unknown, number]>([
    ['a message that is no JSON', 'nonsense', 4400],
    ['JSON that is no object', '[]', 4400],
    ['JSON that is null', 'null', 4400],
    ['no type', {}, 4400],
    ['a type that is no text', { type: 1 }, 4400],
    ['a type that there is not', { type: 'start' }, 4400],
    ['a type of servers', { type: 'connection_ack' }, 4400],
    ['an answer', { type: 'next', id: '1', payload: {} }, 4400],
    ['an error', { type: 'error', id: '1', payload: [{ message: 'x' }] }, 4400],
    ['an init whose payload is a text', { type: 'connection_init', payload: 'token' }, 4400],
    ['a subscribe without an id', { type: 'subscribe', payload: { query: '{ me }' } }, 4400],
    ['an id that is a number', { type: 'subscribe', id: 1, payload: { query: '{ me }' } }, 4400],
    ['an id that is empty', { type: 'subscribe', id: '', payload: { query: '{ me }' } }, 4400],
    ['a subscribe without a payload', { type: 'subscribe', id: '1' }, 4400],
    ['a subscribe without a query', { type: 'subscribe', id: '1', payload: {} }, 4400],
    ['a query that is no text', { type: 'subscribe', id: '1', payload: { query: {} } }, 4400],
    [
      'variables in a list',
      { type: 'subscribe', id: '1', payload: { query: '{ me }', variables: [] } },
      4400,
    ],
    ['a complete without an id', { type: 'complete' }, 4400],
    ['a ping whose payload is a text', { type: 'ping', payload: 'x' }, 4400],
    ['a second init', init(GOOD_TOKEN), 4429],
    ['a message over 1 MiB', 'x'.repeat(2_000_000), 1009],
  ])('for %s', async (_case, message, code) => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send(message);
    expect((await socket.closed).code).toBe(code);
  });

  it.each<[string, readonly unknown[], number]>([
    ['a subscribe before the init', [subscribe('1', '{ me }')], 4401],
    ['a subscribe before the ack', [init(GOOD_TOKEN), subscribe('1', '{ me }')], 4401],
    ['two inits at once', [init(GOOD_TOKEN), init(GOOD_TOKEN)], 4429],
    ['no token', [{ type: 'connection_init' }], 4401],
    ['an empty token', [init('')], 4401],
    ['a token that is no text', [{ type: 'connection_init', payload: { token: { a: 1 } } }], 4401],
    ['a wrong token', [init('nobody-knows-this-one')], 4403],
    ['many messages before the init', Array.from({ length: 30 }, () => ({ type: 'ping' })), 1008],
  ])('at its beginning for %s', async (_case, messages, code) => {
    await using server = await startEdgeServer();
    const socket = await openSocket(server.url);
    socket.send(...messages);
    expect((await socket.closed).code).toBe(code);
    await until('nothing to run', () => server.running() === 0);
  });

  it.each([ENDLESS, '{ slow }'])('for an id that %s uses', async (query) => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send(subscribe('1', query), subscribe('1', '{ me }'));
    expect((await socket.closed).code).toBe(4409);
    server.release();
    await until('nothing to run', () => server.running() === 0);
  });

  it('with the beginning of a reason that is longer than a close frame has room for', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    const id = 'ä'.repeat(10_000);
    socket.send(subscribe(id, ENDLESS), subscribe(id, ENDLESS));
    const { code, reason } = await socket.closed;
    expect(code).toBe(4409);
    expect(reason).toMatch(/^Subscriber for ä+$/);
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
  });

  it('for a binary frame, also of good JSON', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.socket.send(Buffer.from(JSON.stringify(subscribe('1', ENDLESS))), { binary: true });
    expect((await socket.closed).code).toBe(4400);
    expect(server.running()).toBe(0);
  });

  it('when no init comes in time, whatever else does', { timeout: 10_000 }, async () => {
    await using server = await startEdgeServer();
    const [silent, pinging] = await Promise.all([openSocket(server.url), openSocket(server.url)]);
    pinging.send({ type: 'ping' });
    await pinging.received('pong');
    expect((await silent.closed).code).toBe(4408);
    expect((await pinging.closed).code).toBe(4408);
  });

  it('without the sub-protocol', async () => {
    await using server = await startEdgeServer();
    expect((await (await openSocket(server.url, { protocols: [] })).closed).code).toBe(4406);
    // A client that knows only others gives up by itself: none was agreed on.
    await expect(openSocket(server.url, { protocols: ['graphql-ws'] })).rejects.toThrow(/subprotocol/);
  });

  it.each<[string, Buffer, number]>([
    ['invalid UTF-8', frame(0x81, Buffer.from([0xc3, 0x28])), 1007],
    ['a frame without a mask', Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002],
    ['an opcode that there is not', frame(0x83, Buffer.from('{}')), 1002],
    ['a reserved bit', frame(0xc1, Buffer.from('{}')), 1002],
    ['a continuation of nothing', frame(0x80, Buffer.from('{}')), 1002],
    ['a ping of 200 bytes', frame(0x89, Buffer.alloc(200)), 1002],
    // 2^62 bytes: nothing may be set aside for what was only announced.
    ['a length without end', Buffer.from([0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), 1009],
  ])('for %s', async (_case, bytes, code) => {
    await using server = await startEdgeServer();
    expect(await closeOfRawFrame(server, bytes)).toBe(code);
  });
});

describe('a socket is closed', () => {
  it('with a code to try again after while the tokens cannot be looked up', async () => {
    await using server = await startEdgeServer({
      authenticate: async () => {
        throw new UnavailableError();
      },
    });
    const socket = await openSocket(server.url);
    socket.send(init(GOOD_TOKEN));
    expect((await socket.closed).code).toBe(1013);
  });

  it('when its token has ended, at the next operation, and all that run are told', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send(subscribe('1', ENDLESS), subscribe('2', '{ slow }'));
    await socket.received('next', '1');
    server.revoked.add(GOOD_TOKEN);
    socket.send(subscribe('3', '{ me }'));
    expect((await socket.closed).code).toBe(4403);
    const unauthenticated = [{ extensions: { code: 'UNAUTHENTICATED' } }];
    for (const id of ['1', '2', '3'])
      expect(await socket.received('error', id)).toMatchObject({ payload: unauthenticated });
    server.release();
    await until('nothing to run', () => server.running() === 0);
  });

  it('when its token has ended, also while nothing runs on it', { timeout: 20_000 }, async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    server.revoked.add(GOOD_TOKEN);
    expect((await socket.closed).code).toBe(4403);
  });

  it.each(['NOT_FOUND', 'FORBIDDEN', 'UNAUTHENTICATED'])(
    'when what it follows ends with its rights: %s',
    async (code) => {
      await using server = await startEdgeServer();
      const socket = await openSignedIn(server.url, GOOD_TOKEN);
      socket.send(subscribe('1', ENDLESS), subscribe('2', `subscription { accessEnds(reason: "${code}") }`));
      expect((await socket.closed).code).toBe(4403);
      expect(await socket.received('error', '2')).toMatchObject({ payload: [{ extensions: { code } }] });
      // The other one goes on with the next connection, unless there will be none.
      const told = socket.messages.filter(({ type }) => type === 'error').map(({ id }) => id);
      expect(told.toSorted()).toEqual(code === 'UNAUTHENTICATED' ? ['1', '2'] : ['2']);
      await until('nothing to run', () => server.running() === 0);
    },
  );
});

describe('a socket stays open', () => {
  it('and answers pings with what they hold', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send({ type: 'ping' });
    expect(await socket.received('pong')).toEqual({ type: 'pong' });
    socket.send({ type: 'ping', payload: { at: 17 } });
    await until('the second pong', () => socket.messages.filter(({ type }) => type === 'pong').length === 2);
    expect(socket.messages.at(-1)).toEqual({ type: 'pong', payload: { at: 17 } });
  });

  it('for a pong that nobody asked for, and for the end of what never began', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send({ type: 'pong', payload: {} }, { type: 'complete', id: 'unknown' }, subscribe('1', '{ me }'));
    await socket.received('complete', '1');
    expect(socket.messages.map(({ type }) => type)).toEqual(['connection_ack', 'next', 'complete']);
  });

  it('and an operation that its client leaves stops its source and says nothing more', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send(subscribe('1', ENDLESS));
    await socket.received('next', '1');
    socket.send({ type: 'complete', id: '1' });
    await until('the source to stop', () => server.running() === 0);
    socket.send({ type: 'ping' });
    await socket.received('pong');
    const count = socket.messages.length;
    socket.send(subscribe('1', '{ me }'));
    await socket.received('complete', '1');
    expect(socket.messages.slice(count).map(({ type }) => type)).toEqual(['next', 'complete']);
  });

  it('and what was left before it had its answer gets none, nor does who takes its id too early', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send(subscribe('1', '{ slow }'));
    await until('it to run', () => server.running() === 1);
    socket.send({ type: 'complete', id: '1' }, subscribe('1', '{ me }'));
    expect(await socket.received('error', '1')).toMatchObject({
      payload: [{ extensions: { code: 'BAD_REQUEST' } }],
    });
    server.release();
    await until('it to end', () => server.running() === 0);
    socket.send(subscribe('2', '{ me }'));
    await socket.received('complete', '2');
    expect(socket.messages.map(({ type, id }) => `${type} ${id ?? ''}`)).toEqual([
      'connection_ack ',
      'error 1',
      'next 2',
      'complete 2',
    ]);
  });

  it('and what is left while its viewer is looked up never begins', async () => {
    const looking = gate();
    let looks = 0;
    await using server = await startEdgeServer({
      authenticate: async () => {
        looks += 1;
        if (looks === 2) await looking.opened;
        return { name: 'ada' };
      },
    });
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send(subscribe('1', '{ slow }'), { type: 'complete', id: '1' }, { type: 'ping' });
    await socket.received('pong');
    looking.open();
    socket.send(subscribe('2', '{ me }'));
    await socket.received('complete', '2');
    expect(server.running()).toBe(0);
    expect(socket.messages.some(({ id }) => id === '1')).toBe(false);
  });
});

/** A frame as clients send it: `first` is its first byte, FIN and opcode. */
function frame(first: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const length =
    payload.length < 126 ? [0x80 | payload.length] : [0xfe, payload.length >> 8, payload.length & 255];
  const masked = payload.map((byte, i) => byte ^ (mask[i % 4] as number));
  return Buffer.concat([Buffer.from([first, ...length]), mask, masked]);
}

/** Sends bytes over a connection of its own after the upgrade, and reads the code of the close frame that they are answered with. */
async function closeOfRawFrame({ http }: EdgeServer, bytes: Buffer): Promise<number> {
  const key = randomBytes(16).toString('base64');
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const tcp = connect(http.port, '127.0.0.1');
  tcp.write(
    [
      'GET /graphql HTTP/1.1',
      'Host: 127.0.0.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
      'Sec-WebSocket-Protocol: graphql-transport-ws',
      '\r\n',
    ].join('\r\n'),
  );
  let received = Buffer.alloc(0);
  let sent = false;
  try {
    for await (const chunk of tcp) {
      received = Buffer.concat([received, chunk as Buffer]);
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) continue;
      if (!sent) {
        expect(received.subarray(0, end).toString()).toContain(accept);
        tcp.write(bytes);
        sent = true;
      }
      const answer = received.subarray(end + 4);
      if (answer.length >= 4) {
        expect(answer[0]).toBe(0x88);
        return answer.readUInt16BE(2);
      }
    }
  } finally {
    tcp.destroy();
  }
  throw new Error('the connection was closed without a close frame');
}
