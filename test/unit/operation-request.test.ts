import { expect, it } from 'vitest';
import type { OperationDocuments } from '../../src/graphql/operation-documents.ts';
import type { Exchange } from '../../src/http/exchange.ts';
import { readOperationRequest } from '../../src/http/operation-request.ts';

const documents = {
  textOf: ({ query, documentId }) => (documentId === 'known' ? '{ viewer }' : (query as string)),
} as OperationDocuments;

async function bodyOf(posted: unknown): Promise<unknown> {
  const exchange = { req: { method: 'POST' }, url: new URL('http://server/graphql') };
  const { body } = await readOperationRequest(
    exchange as unknown as Exchange<unknown>,
    documents,
    async () => posted,
  );
  return body;
}

it('keeps of a posted request what an operation knows, and nothing that would lie in memory while it runs', async () => {
  const known = { query: '{ me }', operationName: null, variables: { a: 1 } };
  expect(await bodyOf({ ...known, extensions: { x: [1] }, more: [[]], http: {} })).toEqual({
    ...known,
    extensions: {},
  });
  expect(await bodyOf({ query: '{ me }' })).toEqual({ query: '{ me }' });
  expect(await bodyOf({ documentId: 'known' })).toEqual({ query: '{ viewer }' });
});

it('leaves what is no request to be refused as it is', async () => {
  for (const body of [[{}], null, 7]) expect(await bodyOf(body)).toBe(body);
});
