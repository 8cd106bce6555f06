import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOperationDocuments } from '../../src/graphql/operation-documents.ts';

const schema = buildSchema('type Query { name: String nested: Query }');
const idOf = (text: string) => createHash('sha256').update(text).digest('hex');

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'slipway-documents-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

async function open(content: unknown) {
  const documentsFile = join(dir, 'documents.json');
  await writeFile(documentsFile, typeof content === 'string' ? content : JSON.stringify(content));
  return await openOperationDocuments(schema, { introspection: false, documentsFile });
}

const refused = (code: string) => expect.objectContaining({ extensions: expect.objectContaining({ code }) });

describe('where any document may be executed', () => {
  it('takes the text of a request, and says to who sends an id that there are none', async () => {
    const documents = await openOperationDocuments(schema, { introspection: true, documentsFile: null });
    expect(documents.textOf({ query: '{ name }' })).toBe('{ name }');
    expect(documents.textOf({ query: '{ name }', extensions: apollo('00') })).toBe('{ name }');
    expect(documents.textOf({})).toBeUndefined();
    expect(() => documents.textOf({ documentId: 'x' })).toThrow(refused('PERSISTED_QUERY_NOT_SUPPORTED'));
    expect(() => documents.textOf({ query: '', extensions: apollo('00') })).toThrow(
      refused('PERSISTED_QUERY_NOT_SUPPORTED'),
    );
  });

  it('takes no text of more than 200,000 characters', async () => {
    const documents = await openOperationDocuments(schema, { introspection: true, documentsFile: null });
    expect(() => documents.textOf({ query: '#'.repeat(200_001) })).toThrow(refused('GRAPHQL_PARSE_FAILED'));
    expect(documents.textOf({ query: '#'.repeat(200_000) })).toHaveLength(200_000);
  });
});

describe('where only persisted documents may be executed', () => {
  const [first, second] = ['{ name }', 'query Second { nested { name } }'] as const;
  const both = { [idOf(first)]: first, [`sha256:${idOf(second)}`]: second };

  it.each([
    ['an id', { documentId: idOf(first) }],
    ['an id with its algorithm', { documentId: `sha256:${idOf(first)}` }],
    ['an id in capital letters', { documentId: idOf(first).toUpperCase() }],
    ['the id of Apollo’s clients', { extensions: apollo(idOf(first)) }],
    ['an id beside an empty text, as a socket has to send it', { query: '', documentId: idOf(first) }],
    ['an id beside its text', { query: first, documentId: idOf(first) }],
    ['the whole text', { query: first }],
  ])('finds one by %s', async (_case, request) => {
    expect((await open(both)).textOf(request)).toBe(first);
  });

  it.each([
    ['an unknown id', { documentId: idOf('{ nested { name } }') }],
    ['an id of another form', { documentId: 'toString' }],
    ['an unknown text', { query: '{ nested { name } }' }],
    ['a text that is one of them but for a blank', { query: `${first} ` }],
    ['an unknown text beside a known id', { query: '{ nested { name } }', documentId: idOf(first) }],
    ['one of them beside the id of another', { query: first, documentId: idOf(second) }],
  ])('finds none by %s', async (_case, request) => {
    const documents = await open(both);
    expect(() => documents.textOf(request)).toThrow(refused('PERSISTED_QUERY_NOT_FOUND'));
  });

  it('names everything that is wrong with the file', async () => {
    const [wrongId, syntax, unknown, asksSchema, deep] = [
      'abc',
      '{ name',
      '{ nobody }',
      '{ __schema { types { name } } }',
      `${'{ nested '.repeat(15)}{ name }${' }'.repeat(15)}`,
    ];
    const content = {
      [wrongId]: first,
      ...Object.fromEntries([syntax, unknown, asksSchema, deep].map((text) => [idOf(text), text])),
    };
    const message = await open(content).then(String, (error: Error) => error.message);
    expect(message).toContain(`the file ${join(dir, 'documents.json')} has 6 problem(s)`);
    for (const expected of [
      `abc: the SHA-256 of its document is ${idOf(first)}`,
      `${idOf(syntax)}: Syntax Error: Expected Name, found <EOF>.`,
      `${idOf(unknown)}: Cannot query field "nobody" on type "Query".`,
      `${idOf(asksSchema)}: GraphQL introspection has been disabled`,
      `${idOf(deep)}: The document nests 16 levels`,
    ]) {
      expect(message).toContain(expected);
    }
  });

  it.each([
    ['no JSON', '{', 'it cannot be read'],
    ['a list', [], 'expected record'],
    ['an id without a text', { abc: 7 }, 'abc: Invalid input'],
  ])('refuses a file with %s', async (_case, content, expected) => {
    await expect(open(content)).rejects.toThrow(expected);
  });

  it('refuses a file that is not there', async () => {
    const settings = { introspection: true, documentsFile: join(dir, 'missing.json') };
    await expect(openOperationDocuments(schema, settings)).rejects.toThrow('ENOENT');
  });
});

function apollo(sha256Hash: string): object {
  return { persistedQuery: { version: 1, sha256Hash } };
}
