import { expect, it } from 'vitest';
import {
  createEdgeGuard,
  type EdgeServer,
  GOOD_TOKEN,
  post,
  startEdgeServer,
} from '../support/edge-server.ts';

interface Asked {
  readonly query: string;
  readonly variables?: unknown;
  readonly operationName?: string;
  readonly extensions?: unknown;
}

/** What a client sees of the answer, but for what is new each time. */
async function answerTo(server: EdgeServer, asked: Asked, accept: string): Promise<object> {
  const response = await post(server.url, JSON.stringify(asked), { accept });
  const { status, headers } = response;
  const text = (await response.text()).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>');
  return { status, text, type: headers.get('content-type'), caching: headers.get('cache-control') };
}

const ECHO = 'query Echo($text: String!, $times: Int = 2) { echo(text: $text, times: $times) me }';
const ACCEPTED = [
  '*/*',
  'application/json',
  'application/graphql-response+json',
  'application/graphql-response+json, application/json;q=0.9',
];

it.each<Asked>([
  { query: ECHO, variables: { text: 'hä' } },
  { query: ECHO, variables: { text: 1 } },
  { query: ECHO, variables: {} },
  { query: ECHO, variables: 'none' },
  { query: ECHO, variables: { text: 'a' }, operationName: 'Echo', extensions: { a: 1 } },
  { query: ECHO, variables: { text: 'a' }, operationName: 'Other' },
  { query: ECHO, variables: { text: 'a' }, operationName: '' },
  { query: ECHO, variables: { text: 'a' }, extensions: 'none' },
  { query: 'query A { me } query B { kind }', operationName: 'B' },
  { query: 'query A { me } query B { kind }' },
  { query: '{ nested { nested { me } a: echo(text: "a") } forbidden secretFault foreignCode databaseGone }' },
  { query: '{ unserialisable me }' },
  { query: '{ unsendable }' },
  { query: '{ __typename __schema { queryType { name } } }' },
  { query: 'mutation { touch }' },
  { query: 'subscription { count(to: 1) }' },
  { query: '{ nothing }' },
  { query: '{' },
])('answers what comes again as it did the first time: %o', async (asked) => {
  await using server = await startEdgeServer();
  for (const accept of ACCEPTED) {
    const first = await answerTo(server, asked, accept);
    expect(await answerTo(server, asked, accept)).toEqual(first);
    expect(await answerTo(server, asked, accept)).toEqual(first);
  }
});

it('runs a mutation each time', async () => {
  await using server = await startEdgeServer();
  for (let n = 0; n < 3; n += 1) {
    expect((await server.query('mutation { touch }')).body.data).toEqual({ touch: true });
  }
});

it('refuses a query that has come before where its token is no longer good, or its viewer has spent everything', async () => {
  await using server = await startEdgeServer({ guard: createEdgeGuard({ costPerMinute: 1, maxCost: 30 }) });
  const statuses = [];
  // 2,000 at least, at 10 each.
  for (let n = 0; n < 202; n += 1) statuses.push((await server.query('{ me }')).status);
  expect(statuses.slice(0, 200)).toEqual(Array.from({ length: 200 }, () => 200));
  expect(statuses.slice(200)).toEqual([429, 429]);
  server.revoked.add(GOOD_TOKEN);
  expect((await server.query('{ me }')).status).toBe(401);
});

it('gives back the place of a query that has come before', async () => {
  await using server = await startEdgeServer({ guard: createEdgeGuard({ maxRunning: 1 }) });
  for (let n = 0; n < 5; n += 1) expect((await server.query('{ me }')).status).toBe(200);
});
