import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { makeImage } from '../support/images.ts';

/** What means something to LIKE, to regular expressions, to SQL, to arrays and to JSON in PostgreSQL. */
const SPECIAL = [
  '%',
  '_',
  '\\',
  "'",
  '"',
  '`',
  '$1',
  '?',
  '*',
  '.',
  '|',
  '(',
  ')',
  '[a-z]',
  '{a,b}',
  ';',
  '--',
  '/*',
  ':a',
  '&',
  '!',
  '<->',
  "E'",
  '\\%',
  '%%',
  'null',
  '\u00a0',
  '\t',
  '\n',
];
const ATTACKS = [
  "' or 1=1 --",
  "'; drop table image; --",
  "%' or name like '%",
  '\\',
  "\\' or true --",
  "') or (1=1",
  '"; select 1; --',
  "x' union select 1 --",
];

let slipway: TestApp;
interface Row {
  readonly name: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly group: string | null;
  readonly labels: readonly { readonly key: string; readonly value: string }[];
}
let all: readonly Row[];

beforeAll(async () => {
  slipway = await createTestApp({ worker: false, env: { SLIPWAY_RATE_LIMIT: '0' } });
  for (const [i, part] of SPECIAL.entries()) {
    await makeImage(slipway.admin, {
      namespace: 'shop',
      name: `i${i}`,
      reference: `reg.example/shop/i${i}:1`,
      displayName: i % 2 === 0 ? `a${part}b` : `plain ${i}`,
      description: `Text ${part} text`,
      group: part.trim() === '' ? null : part.slice(0, 3),
      labels: [{ key: `k${i % 3}`, value: part }],
    });
  }
  all = (
    await slipway.admin.run<{ images: { nodes: Row[] } }>(
      '{ images(first: 100, filter: { namespace: "shop" }) { nodes { name displayName description group labels { key value } } } }',
    )
  ).images.nodes;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

async function found(filter: object): Promise<string[]> {
  const { images } = await slipway.admin.run<{ images: { nodes: { name: string }[]; totalCount: number } }>(
    'query ($filter: ImageFilter) { images(first: 100, filter: $filter) { nodes { name } totalCount } }',
    { filter: { namespace: 'shop', ...filter } },
  );
  expect(images.totalCount).toBe(images.nodes.length);
  return images.nodes.map(({ name }) => name).sort();
}
const namesOf = (rows: readonly Row[]) => rows.map(({ name }) => name).sort();

/** What a search means, in JavaScript: every text that a person reads, in any case. */
const contains = (row: Row, search: string) =>
  [row.name, row.displayName, row.description, `reg.example/shop/${row.name}:1`].some((text) =>
    text?.toLowerCase().includes(search.toLowerCase()),
  );

describe('what means something to a database is nothing but text', () => {
  it.each([...SPECIAL, ...ATTACKS].filter((text) => text.trim() === text))(
    'to a search: %j',
    async (text) => {
      expect(await found({ search: text })).toEqual(namesOf(all.filter((row) => contains(row, text))));
    },
  );

  it('to a search for any mixture of them', async () => {
    const words = fc.array(fc.constantFrom(...SPECIAL.slice(0, 26), 'a', 'b', 'Text', ' '), {
      minLength: 1,
      maxLength: 3,
    });
    const searches = words
      .map((parts) => parts.join('').trim())
      .filter((text) => text !== '' && !/\s{2}/.test(text));
    await fc.assert(
      fc.asyncProperty(searches, async (search) => {
        expect(await found({ search })).toEqual(namesOf(all.filter((row) => contains(row, search))));
      }),
      { numRuns: 150 },
    );
  });

  it.each([...SPECIAL, ...ATTACKS])('to a label, its key and a group: %j', async (text) => {
    const labelled = all.filter(({ labels }) =>
      labels.some(({ key, value }) => key === 'k0' && value === text),
    );
    expect(await found({ labels: [{ key: 'k0', value: text }] })).toEqual(namesOf(labelled));
    expect(await found({ labels: [{ key: text }] })).toEqual([]);
    expect(await found({ group: text })).toEqual(namesOf(all.filter(({ group }) => group === text)));
  });

  it.each([...SPECIAL, ...ATTACKS])('to names and tags: %j', async (text) => {
    expect(await found({ tag: text })).toEqual([]);
    expect(await found({ namespace: text })).toEqual([]);
    const { imageByName, workspace, namespace } = await slipway.admin.run<Record<string, unknown>>(
      `query ($text: String!) {
        imageByName(namespace: $text, name: $text, tag: $text) { id } workspace(name: $text) { id } namespace(name: $text) { id }
      }`,
      { text },
    );
    expect([imageByName, workspace, namespace]).toEqual([null, null, null]);
  });

  it.each(ATTACKS)('to an order: %j', async (text) => {
    const { data, errors } = await slipway.admin.ask(
      'query ($orderBy: ImageOrder) { images(orderBy: $orderBy) { totalCount } }',
      { orderBy: { field: text, direction: text } },
    );
    expect(data).toBeUndefined();
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual(['BAD_USER_INPUT', 'BAD_USER_INPUT']);
  });
});

it('after which everything is still there', async () => {
  expect(await found({})).toEqual(namesOf(all));
  expect(all).toHaveLength(SPECIAL.length);
});
