import { request } from 'node:http';
import { type Client, createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { UnavailableError } from '../../src/shared/errors.ts';
import { type EdgeServer, GOOD_TOKEN, startEdgeServer } from '../support/edge-server.ts';

describe('an operation over the WebSocket', () => {
  it.each([{ Authorization: `Bearer ${GOOD_TOKEN}` }, { authorization: GOOD_TOKEN }, { token: GOOD_TOKEN }])(
    'streams a subscription to the viewer of %o',
    async (connectionParams) => {
      await using server = await startEdgeServer();
      using client = connect(server, connectionParams);
      expect(await results(client, 'subscription { count(to: 3) }')).toEqual([
        { data: { count: 1 } },
        { data: { count: 2 } },
        { data: { count: 3 } },
      ]);
    },
  );

  it('tells the context whether it lives for one answer or for many', async () => {
    await using server = await startEdgeServer();
    using client = connect(server);
    expect(await results(client, '{ kind }')).toEqual([{ data: { kind: 'request' } }]);
    expect(await results(client, 'subscription { kind }')).toEqual([{ data: { kind: 'subscription' } }]);
  });

  it('ends the source when the subscriber goes', async () => {
    await using server = await startEdgeServer();
    const client = connect(server);
    const stream = client.iterate({ query: 'subscription { endless }' });
    await stream.next();
    expect(server.running()).toBe(1);
    await client.dispose();
    await expect.poll(() => server.running()).toBe(0);
  });

  it('masks what fails, in results and in the middle of a stream', async () => {
    await using server = await startEdgeServer();
    using client = connect(server);
    const [inResult] = await results(client, '{ secretFault forbidden }');
    expect(inResult).toMatchObject({
      data: { secretFault: null, forbidden: null },
      errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }, { extensions: { code: 'FORBIDDEN' } }],
    });
    const inStream = await refusal(client, 'subscription { faultAfterOne }');
    expect(inStream).toMatchObject([{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }]);
    expect(JSON.stringify([inResult, inStream])).not.toMatch(/secret"|db\.internal|password/);
    const [atStart] = await results(client, 'subscription { away }');
    expect(atStart).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] });
  });

  it.each([
    ['a syntax error', 'subscription {', 'GRAPHQL_PARSE_FAILED'],
    ['too many tokens', `{ ${'me '.repeat(10_001)} }`, 'GRAPHQL_PARSE_FAILED'],
    ['too great a depth', `${'{ nested '.repeat(15)} { me } ${'}'.repeat(15)}`, 'GRAPHQL_VALIDATION_FAILED'],
    ['an unknown field', '{ nobody }', 'GRAPHQL_VALIDATION_FAILED'],
    ['two operations and no name', 'query A { me } query B { me }', 'OPERATION_RESOLUTION_FAILURE'],
  ])('refuses %s with the code that HTTP gives', async (_case, query, code) => {
    await using server = await startEdgeServer();
    using client = connect(server);
    expect(await refusal(client, query)).toMatchObject([{ extensions: { code } }]);
  });

  it('says BAD_USER_INPUT for a variable that does not fit', async () => {
    await using server = await startEdgeServer();
    using client = connect(server);
    const [answer] = await results(client, 'subscription ($n: Int!) { count(to: $n) }', { n: 'many' });
    expect(answer).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  });

  it('says UNAVAILABLE for an operation while the tokens cannot be looked up', async () => {
    let away = false;
    await using server = await startEdgeServer({
      authenticate: async () => {
        if (away) throw new UnavailableError();
        return { name: 'ada' };
      },
    });
    using client = connect(server, {}, { lazy: false });
    await new Promise<void>((resolve) => client.on('connected', () => resolve()));
    away = true;
    expect(await refusal(client, '{ me }')).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }]);
  });

  it('runs a hundred operations on a connection and refuses the next, which harms none', async () => {
    await using server = await startEdgeServer();
    using client = connect(server);
    const streams = Array.from({ length: 100 }, () => client.iterate({ query: 'subscription { endless }' }));
    await Promise.all(streams.map((stream) => stream.next()));
    expect(await refusal(client, '{ me }')).toMatchObject([
      { extensions: { code: 'RATE_LIMITED', details: { limit: 100 } } },
    ]);
    expect(server.running()).toBe(100);
    await streams[0]?.return?.();
    await expect.poll(() => server.running()).toBe(99);
    expect(await results(client, '{ me }')).toEqual([{ data: { me: 'ada' } }]);
  });
});

describe('a socket is closed', () => {
  it.each([
    ['without a token', undefined, 4401],
    ['with a wrong token', { token: 'nobody-knows-this-one' }, 4403],
  ])('at its init %s', async (_case, payload, code) => {
    await using server = await startEdgeServer();
    const socket = open(server);
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload }));
    expect(await closeCode(socket)).toBe(code);
  });

  it('with a code to try again after while the tokens cannot be looked up', async () => {
    await using server = await startEdgeServer({
      authenticate: async () => {
        throw new UnavailableError();
      },
    });
    const socket = open(server);
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    expect(await closeCode(socket)).toBe(1013);
  });

  it('at the next operation after its token was revoked', async () => {
    await using server = await startEdgeServer();
    const socket = await openReady(server);
    server.revoked.add(GOOD_TOKEN);
    socket.send(subscribe('1', '{ me }'));
    expect(await closeCode(socket)).toBe(4403);
  });

  it('without the sub-protocol, or with the old one only', async () => {
    await using server = await startEdgeServer();
    expect(await closeCode(open(server, []))).toBe(4406);
    const old = open(server, ['graphql-ws']);
    expect(await once(old, 'error')).toBeInstanceOf(Error); // the client gives up: no protocol was agreed on
  });

  it.each([
    ['a message that is no JSON', ['nonsense'], 4400],
    ['a subscribe before the init', [subscribe('1', '{ me }')], 4401],
    ['a second init', [init(), init()], 4429],
    [
      'an id that is in use',
      [init(), subscribe('1', 'subscription { endless }'), subscribe('1', '{ me }')],
      4409,
    ],
    ['a message over 1 MiB', ['x'.repeat(2_000_000)], 1009],
  ])('for %s', async (_case, messages, code) => {
    await using server = await startEdgeServer();
    const socket = open(server);
    await once(socket, 'open');
    for (const [n, message] of messages.entries()) {
      socket.send(message);
      if (n === 0 && message === init()) await once(socket, 'message');
    }
    expect(await closeCode(socket)).toBe(code);
  });

  it('when no init comes in time', { timeout: 10_000 }, async () => {
    await using server = await startEdgeServer();
    expect(await closeCode(open(server))).toBe(4408);
  });

  it('with 1012 when the server drains, upon which the client connects again', async () => {
    await using server = await startEdgeServer();
    const socket = await openReady(server);
    socket.send(subscribe('1', 'subscription { endless }'));
    await expect.poll(() => server.running()).toBe(1);
    const code = closeCode(socket);
    await server.http.drain();
    expect(await code).toBe(1012);
    await expect.poll(() => server.running()).toBe(0);
    expect(await upgradeStatus(server, { path: '/graphql' })).toBe(503);
  });
});

describe('an upgrade', () => {
  it('is refused to a page of another origin and allowed to our own', async () => {
    await using server = await startEdgeServer();
    expect(await upgradeStatus(server, { headers: { origin: 'https://evil.example' } })).toBe(403);
    expect(await upgradeStatus(server, { headers: { origin: 'null' } })).toBe(403);
    expect(await upgradeStatus(server, { headers: { origin: server.url } })).toBe(101);
    expect(await upgradeStatus(server, {})).toBe(101);
  });

  it('answers 404 on any other path', async () => {
    await using server = await startEdgeServer();
    expect(await upgradeStatus(server, { path: '/graphiql' })).toBe(404);
  });
});

function connect(
  server: EdgeServer,
  connectionParams: Record<string, unknown> = { token: GOOD_TOKEN },
  options = {},
) {
  const client: Client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
    ...options,
  });
  return Object.assign(client, { [Symbol.dispose]: () => void client.dispose() });
}

async function results(
  client: Client,
  query: string,
  variables?: Record<string, unknown>,
): Promise<unknown[]> {
  const received: unknown[] = [];
  for await (const result of client.iterate({ query, ...(variables && { variables }) }))
    received.push(result);
  return received;
}

/** The errors that an operation was ended with. */
async function refusal(client: Client, query: string): Promise<unknown> {
  return results(client, query).then(
    () => expect.unreachable('the operation was not refused'),
    (errors: unknown) => errors,
  );
}

function init(): string {
  return JSON.stringify({ type: 'connection_init', payload: { token: GOOD_TOKEN } });
}

function subscribe(id: string, query: string): string {
  return JSON.stringify({ id, type: 'subscribe', payload: { query } });
}

function open(server: EdgeServer, protocols = ['graphql-transport-ws']): WebSocket {
  return new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, protocols);
}

async function openReady(server: EdgeServer): Promise<WebSocket> {
  const socket = open(server);
  await once(socket, 'open');
  socket.send(init());
  await once(socket, 'message');
  return socket;
}

function once(socket: WebSocket, event: 'open' | 'message' | 'error'): Promise<unknown> {
  return new Promise((resolve) => socket.once(event, resolve));
}

function closeCode(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => socket.once('close', (code) => resolve(code)));
}

function upgradeStatus(
  server: EdgeServer,
  { path = '/graphql', headers = {} }: { path?: string; headers?: Record<string, string> },
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const upgrade = request(`${server.url}${path}`, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-protocol': 'graphql-transport-ws',
        ...headers,
      },
    });
    upgrade.on('response', (response) => resolve(response.resume().statusCode));
    upgrade.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    upgrade.on('error', reject);
    upgrade.end();
  });
}
