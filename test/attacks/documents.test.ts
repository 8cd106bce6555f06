import { type GraphQLObjectType, getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import {
  createEdgeGuard,
  type EdgeServer,
  GOOD_TOKEN,
  post,
  startEdgeServer,
} from '../support/edge-server.ts';
import { makeImage } from '../support/images.ts';
import { openSignedIn, subscribe } from '../support/raw-socket.ts';

const repeat = (count: number, part: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => part(n)).join(' ');

const PARSE = 'GRAPHQL_PARSE_FAILED';
const VALIDATE = 'GRAPHQL_VALIDATION_FAILED';

/** Each asks for `slow`, which tells when it is executed. */
const DOCUMENTS: readonly (readonly [name: string, document: string, code: string])[] = [
  ['10,000 aliases', `{ ${repeat(10_000, (n) => `a${n}: slow`)} }`, PARSE],
  ['1,300 aliases', `{ ${repeat(1300, (n) => `a${n}: slow`)} }`, VALIDATE],
  ['a depth of 50', `{ slow ${'nested { '.repeat(50)} me ${'}'.repeat(50)} }`, VALIDATE],
  ['1,000 times one field', `{ ${repeat(1000, () => 'slow')} }`, VALIDATE],
  ['400 times one object', `{ slow ${repeat(400, () => 'nested { nested { me } }')} }`, VALIDATE],
  ['600 KB of a comment', `{ slow } #${'x'.repeat(600_000)}`, PARSE],
  ['600 KB of a string', `{ slow echo(text: "${'x'.repeat(600_000)}") }`, PARSE],
  ['100,000 tokens', `{ ${'slow '.repeat(100_000)} }`, PARSE],
  ['100,000 opening braces', `{ slow ${'nested{'.repeat(20_000)}`, PARSE],
  [
    'fragments that spread each other 2^200-fold',
    `{ slow ...F0 } ${repeat(200, (n) => `fragment F${n} on Query { nested { ...F${n + 1} ...F${n + 1} } }`)} fragment F200 on Query { slow }`,
    VALIDATE,
  ],
  [
    'fragments that spread themselves in every way',
    `{ slow ...F0 } ${repeat(20, (n) => `fragment F${n} on Query { ${repeat(20, (m) => `...F${m}`)} }`)}`,
    VALIDATE,
  ],
  [
    'fragments that nobody spreads',
    `{ slow } ${repeat(300, (n) => `fragment F${n} on Query { slow }`)}`,
    VALIDATE,
  ],
  ['2,000 directives on one field', `{ slow ${repeat(1990, () => '@skip(if: false)')} }`, PARSE],
  ['500 directives on one field', `{ slow ${repeat(500, () => '@skip(if: false)')} }`, VALIDATE],
  ['900 variables', `query (${repeat(900, (n) => `$v${n}: Int`)}) { slow }`, VALIDATE],
  ['a value of 3,000 values', `{ slow echo(text: [${repeat(3000, () => '1')}]) }`, VALIDATE],
  [
    'a value that nests 1,900 values',
    `{ slow echo(text: ${'['.repeat(1900)}${']'.repeat(1900)}) }`,
    VALIDATE,
  ],
  ['400 operations', repeat(400, (n) => `query Q${n} { slow }`), 'OPERATION_RESOLUTION_FAILURE'],
  ['400 unknown fields', `{ slow ${repeat(400, (n) => `slo${n}`)} }`, VALIDATE],
  [
    'introspection in circles',
    `{ slow __schema { types { ${'fields { type { '.repeat(6)} name ${'} }'.repeat(6)} } } }`,
    VALIDATE,
  ],
];

describe('a document that is too much', () => {
  let server: EdgeServer;
  beforeAll(async () => {
    const authenticate = async (token: string | null) => (token === null ? null : { name: token });
    server = await startEdgeServer({ authenticate, guard: createEdgeGuard(), maxBodyBytes: 4 * 1024 * 1024 });
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  it.each(DOCUMENTS)(
    'is refused as 400 and on a socket, and not executed: %s',
    async (_name, document, code) => {
      const answer = await server.query(document);
      expect([answer.status, answer.body.errors?.[0]?.extensions['code']]).toEqual([400, code]);
      expect(JSON.stringify(answer.body).length).toBeLessThan(50_000);
      const socket = await openSignedIn(server.url, GOOD_TOKEN);
      socket.send(subscribe('1', document));
      expect((await socket.received('error', '1')).payload).toContainEqual(
        expect.objectContaining({ extensions: expect.objectContaining({ code }) }),
      );
      socket.send(subscribe('2', '{ me }'));
      expect(await socket.received('next', '2')).toMatchObject({ payload: { data: { me: GOOD_TOKEN } } });
      socket.socket.close();
      expect(server.running()).toBe(0);
    },
  );

  it.each([
    ['1 MB', 1024 * 1024],
    ['3 MB', 3 * 1024 * 1024],
  ])('is refused as 400 where it has %s, and a socket is closed with 1009', async (_name, length) => {
    const document = `{ slow } #${'x'.repeat(length)}`;
    const answer = await server.query(document);
    expect([answer.status, answer.body.errors?.[0]?.extensions['code']]).toEqual([400, PARSE]);
    const socket = await openSignedIn(server.url, GOOD_TOKEN);
    socket.send(subscribe('1', document));
    expect((await socket.closed).code).toBe(1009);
    expect(server.running()).toBe(0);
  });

  it.each([
    ['deep', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ['deep, as objects', `${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`],
  ])('is refused for variables that are %s', async (_name, value) => {
    const response = await post(
      server.url,
      `{"query":"query ($t: String!) { echo(text: $t) slow }","variables":{"t":${value}}}`,
    );
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining('BAD_USER_INPUT'),
    ]);
    expect(server.running()).toBe(0);
  });

  it('is refused for a string or a list where a number belongs, with a short answer', async () => {
    for (const value of ['x'.repeat(1_000_000), Array.from({ length: 90_000 }, () => 1)]) {
      const { status, body } = await server.query('query ($n: Int!) { slow echo(text: "a", times: $n) }', {
        variables: { n: value },
      });
      expect([status, body.errors?.[0]?.extensions['code']]).toEqual([400, 'BAD_USER_INPUT']);
      expect(JSON.stringify(body).length).toBeLessThan(10_000);
    }
    expect(server.running()).toBe(0);
  });

  it('keeps nobody else waiting: five answers to another viewer take a few rounds of ten attackers', async () => {
    let attacks = 0;
    let isOver = false;
    const attackers = Array.from({ length: 10 }, async (_, n) => {
      for (let k = n; !isOver; k += 1) {
        const [, document] = DOCUMENTS[k % DOCUMENTS.length] ?? ['', ''];
        await server.query(document, { headers: { authorization: 'Bearer mallory' } });
        attacks += 1;
      }
    });
    await expect.poll(() => attacks).toBeGreaterThan(10);
    const before = attacks;
    for (let n = 0; n < 5; n += 1) {
      const { body } = await server.query('{ me }', { headers: { authorization: 'Bearer bob' } });
      expect(body.data).toEqual({ me: 'bob' });
    }
    const meanwhile = attacks - before;
    isOver = true;
    await Promise.all(attackers);
    expect(meanwhile).toBeLessThan(10 * 5 * 3);
  });
});

describe('an operation that asks for too much', () => {
  let slipway: TestApp;
  beforeAll(async () => {
    slipway = await createTestApp({ worker: false });
  });
  afterAll(async () => await slipway[Symbol.asyncDispose]());

  /** Status, codes and details of an answer over HTTP. */
  async function refusal(query: string, variables: Record<string, unknown> = {}) {
    const response = await fetch(`${slipway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${slipway.admin.token}` },
      body: JSON.stringify({ query, variables }),
    });
    const { errors = [] } = (await response.json()) as {
      errors?: { extensions: { code: string; details?: Record<string, unknown> } }[];
    };
    return { status: response.status, codes: errors.map(({ extensions }) => extensions.code), errors };
  }

  it('is told BAD_USER_INPUT for a page of -1, 101 or 100,000 rows, by literal and by variable, of every list', async () => {
    const lists = Object.values((slipway.app.schema.getQueryType() as GraphQLObjectType).getFields())
      .filter(({ args }) => args.some(({ name }) => name === 'first'))
      .map(({ name }) => name);
    expect(lists).toContain('images');
    const inScopes = [
      'namespace(name: "default") { images',
      'workspace(name: "default") { images',
      'workspace(name: "default") { builds',
    ];
    for (const [list, end] of [
      ...lists.map((name) => [name, ''] as const),
      ...inScopes.map((path) => [path, '}'] as const),
    ]) {
      for (const rows of [-1, 101, 100_000, 2_147_483_647]) {
        const rest = `{ totalCount nodes { __typename id } } ${end}`;
        const literal = await refusal(`{ ${list}(first: ${rows}) ${rest} }`);
        const variable = await refusal(`query ($n: Int) { ${list}(first: $n) ${rest} }`, { n: rows });
        expect([list, rows, new Set(literal.codes)]).toEqual([list, rows, new Set(['BAD_USER_INPUT'])]);
        expect([list, rows, new Set(variable.codes)]).toEqual([list, rows, new Set(['BAD_USER_INPUT'])]);
      }
    }
  });

  const nested = (size: string) =>
    `namespaces(first: ${size}) { nodes { images(first: ${size}) { nodes { builds(first: ${size}) { nodes { id } } } } } }`;
  const HUNDREDS = 1 + 100 * (1 + 1 + 100 * (1 + 1 + 100 * 1.02));

  it.each([
    ['pages of 100 in pages of 100 in pages of 100', `{ ${nested('100')} }`, {}, HUNDREDS],
    ['the same, of variables', `query ($n: Int!) { ${nested('$n')} }`, { n: 100 }, HUNDREDS],
    ['the same, of their defaults', `query ($n: Int = 100) { ${nested('$n')} }`, {}, HUNDREDS],
    [
      'pages from the end',
      '{ images(last: 100) { edges { node { builds(first: 100) { edges { node { id } } } } } } }',
      {},
      10_401,
    ],
    [
      'many aliases of what reads a whole table',
      `{ ${repeat(11, (n) => `a${n}: exportImages { content }`)} }`,
      {},
      22_011,
    ],
    [
      'many aliases of what asks the engine',
      `{ ${repeat(99, (n) => `a${n}: notebooks { nodes { sizeBytes writtenBytes } }`)} }`,
      {},
      Math.round(99 * (51 + 20 * 81.04)),
    ],
    [
      'many aliases of a page',
      `{ ${repeat(100, (n) => `a${n}: images(first: 100) { nodes { id } }`)} }`,
      {},
      10_300,
    ],
    [
      'many aliases of a long text',
      `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on ImageBuild { ${repeat(99, (n) => `d${n}: dockerfile`)} } } }`,
      { ids: Array(5).fill('x') },
      Math.round(5 * (1 + 99 * 100.02)),
    ],
    [
      'many aliases of a text in a circle of introspection',
      `{ __schema { types { fields { type { fields { ${repeat(99, (n) => `d${n}: description`)} } } } } } }`,
      {},
      expect.any(Number),
    ],
    [
      'a hundred ids with a page each',
      'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Image { builds(first: 100) { nodes { id } } } } }',
      { ids: Array(100).fill('x') },
      10_400,
    ],
    [
      'a hundred mutations of an import each',
      `mutation ($i: ImportImagesInput!) { ${repeat(100, (n) => `a${n}: importImages(input: $i) { created }`)} }`,
      {},
      50_102,
    ],
  ])('is refused with its cost, and not executed: %s', async (_name, query, variables, cost) => {
    const least = await slipway.countStatements(() => refusal('{ __typename }'));
    let answer: Awaited<ReturnType<typeof refusal>> | undefined;
    const statements = await slipway.countStatements(async () => {
      answer = await refusal(query, variables);
    });
    expect(answer).toMatchObject({
      status: 400,
      errors: [{ extensions: { code: 'QUERY_TOO_COSTLY', details: { cost, limit: 10_000 } } }],
    });
    expect(statements).toBeLessThanOrEqual(least);
    const socket = await openSignedIn(slipway.url, slipway.admin.token);
    socket.send(subscribe('1', query, variables));
    expect((await socket.received('error', '1')).payload).toMatchObject([
      { extensions: { code: 'QUERY_TOO_COSTLY', details: { cost, limit: 10_000 } } },
    ]);
    socket.socket.close();
  });

  it('is not answered where the answer would be too large, and nothing is written out', async () => {
    const { id } = await makeImage(slipway.admin, {
      name: 'long',
      reference: 'registry.example/team/long:1',
      runtime: { args: ['x'.repeat(30_000)] },
    });
    const ids = Array(50).fill(id);
    const aliases = repeat(95, (n) => `a${n}: args`);
    const query = `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Image { runtime { ${aliases} } } } }`;
    const answer = await refusal(query, { ids });
    expect(answer.errors).toMatchObject([
      { extensions: { code: 'ANSWER_TOO_LARGE', details: { limit: 64 * 1024 * 1024 } } },
    ]);
    const socket = await openSignedIn(slipway.url, slipway.admin.token);
    socket.send(subscribe('1', query, { ids }));
    expect((await socket.received('next', '1')).payload).toMatchObject({
      data: null,
      errors: [{ extensions: { code: 'ANSWER_TOO_LARGE' } }],
    });
    socket.socket.close();
  });

  it('lets in what pages and tools ask for', async () => {
    const { admin } = slipway;
    const page = `nodes { id name namespace { name } workspace { name } createdBy { name } labels { key value }
      dependencies { image { name } } builds(first: 1) { nodes { status } } }`;
    expect((await admin.ask(`{ images(first: 100) { totalCount ${page} } }`)).errors).toBeUndefined();
    expect((await admin.ask(getIntrospectionQuery({ inputValueDeprecation: true }))).errors).toBeUndefined();
  });
});
