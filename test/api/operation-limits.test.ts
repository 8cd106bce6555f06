import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOperationDocuments } from '../../src/graphql/operation-documents.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { createEdgeSchema } from '../support/edge-schema.ts';
import { createEdgeGuard, type EdgeBody, GOOD_TOKEN, post, startEdgeServer } from '../support/edge-server.ts';
import { openSignedIn, subscribe } from '../support/raw-socket.ts';

const byName = { authenticate: async (token: string | null) => (token === null ? null : { name: token }) };
const as = (name: string) => ({ headers: { authorization: `Bearer ${name}` } });

/** What an operation is ended with on a socket of its own. */
async function onSocket(url: string, query: string, token = GOOD_TOKEN, more: object = {}): Promise<unknown> {
  const socket = await openSignedIn(url, token);
  const { payload, ...message } = subscribe('1', query);
  socket.send({ ...message, payload: { ...(payload as object), ...more } });
  const answer = await Promise.race([socket.received('next', '1'), socket.received('error', '1')]);
  socket.socket.close();
  return answer.payload;
}

describe('the cost of an operation', () => {
  it('is said in every answer of a query or a mutation, also where fields failed', async () => {
    await using server = await startEdgeServer({ guard: createEdgeGuard() });
    const costs = await Promise.all(
      ['{ me }', '{ nested { me } }', 'mutation { touch }', '{ nested { forbidden } }'].map(
        async (query) => (await server.query(query)).body,
      ),
    );
    expect(costs.map((body) => (body as { extensions?: unknown }).extensions)).toEqual(
      [0, 1, 10, 1].map((requested) => ({ cost: { requested, limit: 10_000 } })),
    );
  });

  it('refuses an operation that is too costly with 400, or 200 to a client of application/json alone', async () => {
    await using server = await startEdgeServer({ guard: createEdgeGuard({ maxCost: 2 }) });
    const query = '{ nested { nested { nested { slow } } } }';
    const answer = await server.query(query);
    expect([answer.status, answer.body]).toEqual([
      400,
      {
        errors: [
          {
            message: expect.stringContaining('may cost 3, and at most 2 is allowed'),
            extensions: { code: 'QUERY_TOO_COSTLY', details: { cost: 3, limit: 2 } },
          },
        ],
      },
    ]);
    expect((await server.query(query, { headers: { accept: 'application/json' } })).status).toBe(200);
    expect(await onSocket(server.url, query)).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY' } }]);
    expect(server.running()).toBe(0);
  });
});

describe('a viewer who asks too often', () => {
  const guard = () => createEdgeGuard({ costPerMinute: 12_000, maxCost: 1000 });

  it('is told on both edges when to ask again, and nobody else is', async () => {
    await using server = await startEdgeServer({ ...byName, guard: guard() });
    const statuses: number[] = [];
    for (let n = 0; n < 201; n += 1)
      statuses.push((await server.query('mutation { touch }', as('ada'))).status);
    expect(statuses.indexOf(429)).toBe(200);
    const refused = await server.query('{ me }', {
      headers: { ...as('ada').headers, accept: 'application/json' },
    });
    const seconds = expect.toSatisfy(
      (n: unknown) => Number.isInteger(n) && Number(n) >= 1 && Number(n) <= 10,
    );
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toEqual(seconds);
    expect(refused.body.errors?.[0]?.extensions).toEqual({
      code: 'RATE_LIMITED',
      retryAfter: seconds,
      details: { retryAfter: seconds, limit: 2000 },
    });
    expect(await onSocket(server.url, '{ me }', 'ada')).toMatchObject([
      { extensions: { code: 'RATE_LIMITED', retryAfter: seconds } },
    ]);
    expect((await server.query('{ me }', as('bob'))).status).toBe(200);
  });

  it.each([
    ['documents that cannot be read', '{', 2],
    ['documents that are not valid', '{ nobody }', 2],
    ['operations that are too costly', `{ ${'nested { '.repeat(14)} me ${'}'.repeat(14)} }`, 8],
  ])('pays for %s', async (_case, query, times) => {
    await using server = await startEdgeServer({
      ...byName,
      guard: createEdgeGuard({ costPerMinute: 24_000, maxCost: 10 }),
    });
    const codes: unknown[] = [];
    for (let n = 0; n < 10; n += 1) {
      const { body } = await server.query(query, as('ada'));
      codes.push(body.errors?.[0]?.extensions['code']);
    }
    expect(codes.indexOf('RATE_LIMITED')).toBe(times);
    expect((await server.query('{ me }', as('ada'))).status).toBe(429);
  });

  it('pays for bodies that are no JSON', async () => {
    await using server = await startEdgeServer({ ...byName, guard: guard() });
    const statuses = [];
    for (let n = 0; n < 2; n += 1) statuses.push((await post(server.url, '{', as('ada').headers)).status);
    expect(statuses).toEqual([400, 429]);
  });
});

describe('a viewer with many operations running', () => {
  it('is refused the next on both edges until one has ended, and nobody else is', async () => {
    await using server = await startEdgeServer({ ...byName, guard: createEdgeGuard({ maxRunning: 2 }) });
    const slow = server.query('{ slow }', as('ada'));
    const socket = await openSignedIn(server.url, 'ada');
    socket.send(subscribe('1', 'subscription { endless }'));
    await expect.poll(() => server.running()).toBe(2);
    const refused = await server.query('{ me }', as('ada'));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(refused.body.errors?.[0]?.extensions).toMatchObject({
      code: 'RATE_LIMITED',
      details: { limit: 2 },
    });
    expect(await onSocket(server.url, '{ me }', 'ada')).toMatchObject([
      { extensions: { code: 'RATE_LIMITED' } },
    ]);
    expect((await server.query('{ me }', as('bob'))).status).toBe(200);
    socket.socket.terminate();
    await expect.poll(async () => (await server.query('{ me }', as('ada'))).status).toBe(200);
    server.release();
    expect((await slow).status).toBe(200);
  });

  it('has one less when it has ended after its client left, and when it was refused or failed', async () => {
    await using server = await startEdgeServer({ ...byName, guard: createEdgeGuard({ maxRunning: 1 }) });
    const leaving = new AbortController();
    const left = fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...as('ada').headers },
      body: '{"query":"{ slow }"}',
      signal: leaving.signal,
    });
    await expect.poll(() => server.running()).toBe(1);
    leaving.abort();
    await expect(left).rejects.toThrow();
    expect((await server.query('{ me }', as('ada'))).status).toBe(429);
    server.release();
    await expect.poll(async () => (await server.query('{ me }', as('ada'))).status).toBe(200);
    for (const query of ['{ secretFault }', '{ nobody }', 'query ($t: String!) { echo(text: $t) }']) {
      await server.query(query, as('ada'));
    }
    expect((await server.query('{ me }', as('ada'))).status).toBe(200);
  });
});

describe('a mutation', () => {
  it('is refused on both edges to a viewer whose token is for reading', async () => {
    await using server = await startEdgeServer({ ...byName, guard: createEdgeGuard() });
    const refused = await server.query('mutation { touch }', as('reader'));
    expect([refused.status, refused.body.errors?.[0]?.extensions['code']]).toEqual([403, 'FORBIDDEN']);
    expect(await onSocket(server.url, 'mutation { touch }', 'reader')).toMatchObject([
      { extensions: { code: 'FORBIDDEN' } },
    ]);
    expect((await server.query('{ me }', as('reader'))).status).toBe(200);
    expect((await server.query('mutation { touch }', as('ada'))).status).toBe(200);
  });
});

describe('a schema that is not shown', () => {
  it('is refused to introspection on both edges, and errors suggest nothing of it', async () => {
    const schema = createEdgeSchema({ released: Promise.resolve(), onRunning: () => {} });
    const documents = await openOperationDocuments(schema, { introspection: false, documentsFile: null });
    await using server = await startEdgeServer({ documents });
    for (const query of ['{ __schema { types { name } } }', '{ __type(name: "Query") { name } }']) {
      const { status, body } = await server.query(query);
      expect([status, body.errors?.[0]?.message]).toEqual([
        400,
        expect.stringContaining('introspection has been disabled'),
      ]);
      expect(await onSocket(server.url, query)).toContainEqual(
        expect.objectContaining({ message: expect.stringContaining('introspection has been disabled') }),
      );
    }
    const mistyped = await server.query('{ neste { me } }');
    expect(mistyped.body.errors?.[0]?.message).toBe('Cannot query field "neste" on type "Query".');
    const [error] = (await onSocket(server.url, '{ neste { me } }')) as { message: string }[];
    expect(error?.message).toBe('Cannot query field "neste" on type "Query".');
    expect((await server.query('{ __typename }')).status).toBe(200);
  });
});

describe('a server with persisted documents alone', () => {
  const ME = 'query Me { me }';
  const id = createHash('sha256').update(ME).digest('hex');
  const persistedQuery = { version: 1, sha256Hash: id };
  let documentsFile: string;
  beforeAll(async () => {
    documentsFile = join(await mkdtemp(join(tmpdir(), 'slipway-documents-')), 'documents.json');
    await writeFile(documentsFile, JSON.stringify({ [`sha256:${id}`]: ME }));
  });
  afterAll(async () => await rm(join(documentsFile, '..'), { recursive: true }));

  async function start() {
    const schema = createEdgeSchema({ released: Promise.resolve(), onRunning: () => {} });
    const documents = await openOperationDocuments(schema, { introspection: true, documentsFile });
    return await startEdgeServer({ documents });
  }
  const ask = async (url: string, body: object) => {
    const response = await post(url, JSON.stringify(body));
    return { status: response.status, body: (await response.json()) as EdgeBody };
  };

  it('executes them by id and by text, over HTTP with POST and GET and over the socket', async () => {
    await using server = await start();
    for (const request of [
      { documentId: id },
      { documentId: `sha256:${id}` },
      { extensions: { persistedQuery } },
      { query: ME },
    ]) {
      expect(await ask(server.url, request)).toMatchObject({ status: 200, body: { data: { me: 'ada' } } });
      expect(await onSocket(server.url, '', GOOD_TOKEN, request)).toMatchObject({ data: { me: 'ada' } });
    }
    for (const params of [
      { documentId: id },
      { extensions: JSON.stringify({ persistedQuery }) },
      { query: ME },
    ] as Record<string, string>[]) {
      const address = `${server.url}/graphql?${new URLSearchParams(params).toString()}`;
      const headers = { authorization: `Bearer ${GOOD_TOKEN}`, 'apollo-require-preflight': 'yes' };
      const response = await fetch(address, { headers });
      expect([response.status, await response.json()]).toMatchObject([200, { data: { me: 'ada' } }]);
    }
  });

  it('executes nothing else', async () => {
    await using server = await start();
    const others = [
      { query: '{ me }' },
      { query: '{ __schema { types { name } } }' },
      { documentId: id.replace(/^./, 'x') },
      { documentId: id, query: '{ me }' },
      { query: '{ me }', extensions: { persistedQuery } },
      {
        extensions: {
          persistedQuery: { version: 1, sha256Hash: createHash('sha256').update('{ me }').digest('hex') },
        },
      },
    ];
    const code = 'PERSISTED_QUERY_NOT_FOUND';
    for (const request of others) {
      expect(await ask(server.url, request)).toMatchObject({
        status: 400,
        body: { errors: [{ extensions: { code } }] },
      });
      expect(await onSocket(server.url, '', GOOD_TOKEN, request)).toMatchObject([{ extensions: { code } }]);
    }
    // What Apollo's clients send after that one, to have it kept, is not kept.
    expect(
      (await ask(server.url, { documentId: createHash('sha256').update('{ me }').digest('hex') })).status,
    ).toBe(400);
    for (const request of [{}, { query: '' }, { query: 7 }, { documentId: 7 }]) {
      expect((await ask(server.url, request)).status).toBe(400);
    }
  });
});

describe('the settings of an operator', () => {
  let slipway: TestApp;
  beforeAll(async () => {
    slipway = await createTestApp({
      worker: false,
      env: { SLIPWAY_MAX_COST: '200', SLIPWAY_RATE_LIMIT: '3000', SLIPWAY_INTROSPECTION: 'off' },
    });
  });
  afterAll(async () => await slipway[Symbol.asyncDispose]());

  it('hold for cost, rate and introspection', async () => {
    const [costly, other] = [await slipway.user('costly'), await slipway.user('other')];
    expect(await costly.ask('{ images(first: 100) { nodes { id labels { key } } } }')).toMatchObject({
      errors: [{ extensions: { code: 'QUERY_TOO_COSTLY', details: { cost: 613, limit: 200 } } }],
    });
    // 500 for each, of the 11,088 that the dearest body and the dearest refusal cost together.
    for (let n = 0; n < 22; n += 1)
      await costly.ask('{ images(first: 100) { nodes { id labels { key } } } }');
    expect(await costly.ask('{ __typename }')).toMatchObject({
      errors: [{ extensions: { code: 'RATE_LIMITED' } }],
    });
    const [error] = (await other.ask('{ __schema { types { name } } }')).errors ?? [];
    expect(error?.message).toContain('introspection has been disabled');
  });
});
