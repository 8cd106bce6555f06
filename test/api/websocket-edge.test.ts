import { request } from 'node:http';
import { GraphQLError } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { OperationGuard } from '../../src/graphql/operation-guard.ts';
import { UnavailableError } from '../../src/shared/errors.ts';
import type { EdgeSession } from '../support/edge-schema.ts';
import { type EdgeServer, GOOD_TOKEN, startEdgeServer } from '../support/edge-server.ts';
import { init, openSignedIn, openSocket, subscribe } from '../support/raw-socket.ts';
import { until } from '../support/until.ts';

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
    expect(await results(client, '{ kind }')).toMatchObject([{ data: { kind: 'request' } }]);
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
    using client = connect(server, undefined, { lazy: false });
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
    expect(await results(client, '{ me }')).toMatchObject([{ data: { me: 'ada' } }]);
  });
});

describe('the guard', () => {
  /** Counts what is let in and what is refused before. */
  function counting() {
    const counts = { running: 0, admitted: 0, refused: 0 };
    const guard: OperationGuard<EdgeSession> = {
      assertMayAsk: () => {},
      countRefused: () => {
        counts.refused += 1;
      },
      charge: () => {},
      hold: () => new DisposableStack(),
      admit: () => {
        counts.admitted += 1;
        counts.running += 1;
        const ended = new DisposableStack();
        ended.defer(() => {
          counts.running -= 1;
        });
        return {
          cost: { requested: 7, limit: 100 },
          chargeEvent: () => {},
          weigh: () => null,
          takeWeight: () => null,
          [Symbol.dispose]: () => ended.dispose(),
        };
      },
    };
    return { guard, counts };
  }

  it('is told of the end of every operation, however it ends', async () => {
    const { guard, counts } = counting();
    await using server = await startEdgeServer({ guard });
    const queries = [
      'subscription { count(to: 2) }',
      'subscription { faultAfterOne }',
      'subscription { away }',
      '{ me }',
      '{ secretFault }',
      'mutation { touch }',
      'subscription { endless }',
      'subscription ($n: Int!) { count(to: $n) }',
    ];
    for (let round = 0; round < 125 / 5; round += 1) {
      const socket = await openSignedIn(server.url, GOOD_TOKEN);
      const ids = Array.from({ length: 5 * queries.length }, (_, i) => `${i}`);
      for (const [i, id] of ids.entries()) socket.send(subscribe(id, queries[i % queries.length] as string));
      // Some are left before they have begun, some while they run, and the rest end by themselves or with the socket.
      for (const id of ids.slice(0, 12)) socket.send({ id, type: 'complete' });
      await socket.received('next', '14');
      for (const id of ids.slice(12, 16)) socket.send({ id, type: 'complete' });
      await socket.received('next', '38');
      if (round % 2 === 0) socket.socket.terminate();
      else socket.socket.close();
      await socket.closed;
    }
    await until('nothing to run', () => counts.running === 0 && server.running() === 0);
    expect(counts.admitted).toBeGreaterThan(500);
  }, 30_000);

  it('is told of the end of what breaks the socket, and of what ran beside it', async () => {
    const { guard, counts } = counting();
    await using server = await startEdgeServer({ guard });
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send(subscribe('1', 'subscription { endless }'), subscribe('2', '{ unsendable }'));
    expect((await socket.closed).code).toBe(1013);
    await until('nothing to run', () => counts.running === 0 && server.running() === 0);
    expect(counts.admitted).toBe(2);
  });

  it('says in the answer of a query or a mutation what it cost, and nothing in a stream', async () => {
    await using server = await startEdgeServer({ guard: counting().guard });
    using client = connect(server);
    const extensions = { cost: { requested: 7, limit: 100 } };
    expect(await results(client, '{ me }')).toEqual([{ data: { me: 'ada' }, extensions }]);
    expect(await results(client, 'mutation { touch }')).toEqual([{ data: { touch: true }, extensions }]);
    expect(await results(client, '{ secretFault }')).toMatchObject([{ errors: [{}], extensions }]);
    expect(await results(client, 'subscription { count(to: 1) }')).toEqual([{ data: { count: 1 } }]);
  });

  it('counts documents that are refused, and refuses with what it says', async () => {
    const { guard, counts } = counting();
    const spent = new GraphQLError('Too much.', { extensions: { code: 'RATE_LIMITED', retryAfter: 3 } });
    await using server = await startEdgeServer({
      guard: {
        ...guard,
        admit: () => {
          throw spent;
        },
      },
    });
    using client = connect(server);
    for (const query of ['{', '{ nobody }', 'query A { me } query B { me }']) await refusal(client, query);
    expect(counts).toEqual({ refused: 3, admitted: 0, running: 0 });
    expect(await refusal(client, '{ me }')).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
  });
});

describe('a viewer', () => {
  it('has so many sockets, whatever token they sign in with, and one more when one is closed', async () => {
    await using server = await startEdgeServer({
      maxSockets: 2,
      authenticate: async (token) => (token === null ? null : { name: token.split('-')[0] as string }),
    });
    const [first] = [await openSignedIn(server.url, 'ada-1'), await openSignedIn(server.url, 'ada-2')];
    const third = await openSocket(server.url);
    third.send(init('ada-1'));
    expect(await third.closed).toMatchObject({ code: 1013, reason: expect.stringContaining('Too many') });
    await openSignedIn(server.url, 'grace-1');
    first.socket.close();
    await first.closed;
    await openSignedIn(server.url, 'ada-3');
  });

  it('who floods one socket has it closed, and no fresh count on the next; others notice nothing', async () => {
    await using server = await startEdgeServer({
      authenticate: async (token) => (token === null ? null : { name: token }),
    });
    const quiet = await openSignedIn(server.url, 'grace');
    for (let tries = 0; tries < 2; tries += 1) {
      const flooding = await openSignedIn(server.url, 'ada');
      for (let i = 0; i < 6000; i += 1) flooding.send('{"type":"ping"}');
      expect((await flooding.closed).code).toBe(1008);
      // Of the second flood, what was counted off since the first is answered.
      const answered = flooding.messages.filter(({ type }) => type === 'pong').length;
      expect(answered).toBeLessThan(tries === 0 ? 6000 : 5000);
    }
    quiet.send({ type: 'ping' });
    await quiet.received('pong');
  });

  it('who floods with subscriptions that are left at once has the socket closed, and none goes on', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    for (let i = 0; i < 4000; i += 1)
      socket.send(subscribe(`${i}`, 'subscription { endless }'), { id: `${i}`, type: 'complete' });
    expect((await socket.closed).code).toBe(1008);
    await until('nothing to run', () => server.running() === 0);
  });

  it('may not let operations hold more than 32 MiB', async () => {
    await using server = await startEdgeServer();
    const sockets = await Promise.all([1, 2].map(() => openSignedIn(server.url, GOOD_TOKEN)));
    const padding = { padding: 'x'.repeat(1_040_000) };
    for (const { send } of sockets)
      for (let i = 0; i < 17; i += 1) send(subscribe(`${i}`, 'subscription { endless }', padding));
    await until('one to be refused', () =>
      sockets.some(({ messages }) => messages.some(({ type }) => type === 'error')),
    );
    const errors = sockets.flatMap(({ messages }) => messages).filter(({ type }) => type === 'error');
    for (const { payload } of errors)
      expect(payload).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    for (const { socket } of sockets) socket.close();
    await until('nothing to run', () => server.running() === 0);
    const again = await openSignedIn(server.url, GOOD_TOKEN);
    again.send(subscribe('1', '{ me }', padding));
    await again.received('next', '1');
  }, 20_000);
});

describe('a server that stops', () => {
  it('closes sockets with 1012, upon which clients connect again', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send(subscribe('1', 'subscription { endless }'));
    await socket.received('next', '1');
    await server.http.drain();
    expect((await socket.closed).code).toBe(1012);
    await until('nothing to run', () => server.running() === 0);
    expect(await upgradeStatus(server, { path: '/graphql' })).toBe(503);
  });

  it('cuts off a client that does not close its side', async () => {
    await using server = await startEdgeServer();
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.socket.pause();
    await server.http.drain();
    socket.socket.resume();
    expect((await socket.closed).code).toBe(1012);
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
