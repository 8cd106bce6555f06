import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { forgeCursor } from '../support/cursors.ts';
import { makeImage } from '../support/images.ts';

const LIST = `query ($after: String, $before: String, $orderBy: ImageOrder) {
  images(first: 100, after: $after, before: $before, orderBy: $orderBy) { edges { cursor node { name } } }
}`;
const BY_NAME = { field: 'NAME', direction: 'ASC' };
const UUID = '11111111-2222-4333-8444-555555555555';

let slipway: TestApp;
/** Sees public images, and none of the private ones between them. */
let eve: ApiClient;
let cursor: string;
let visible: string[];

beforeAll(async () => {
  slipway = await createTestApp({ worker: false, env: { SLIPWAY_RATE_LIMIT: '0' } });
  const { admin } = slipway;
  eve = await slipway.user('eve');
  for (let i = 0; i < 10; i += 1) {
    const visibility = i % 2 === 0 ? 'PUBLIC' : 'PRIVATE';
    await makeImage(admin, {
      namespace: 'shop',
      name: `i${i}`,
      reference: `reg.example/shop/i${i}:1`,
      visibility,
    });
  }
  const { data } = await page({ orderBy: BY_NAME });
  visible = data.images.edges.map(({ node }) => node.name);
  cursor = data.images.edges[2]?.cursor ?? '';
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

interface Listed {
  readonly images: {
    readonly edges: readonly { readonly cursor: string; readonly node: { readonly name: string } }[];
  };
}
const page = (variables: Record<string, unknown>) => eve.ask<Listed>(LIST, variables);

/** BAD_USER_INPUT that names the argument, and no row. */
async function expectRefused(variables: Record<string, unknown>): Promise<void> {
  const { data, errors } = await page({ orderBy: BY_NAME, ...variables });
  const argument = 'before' in variables ? 'before' : 'after';
  expect(data).toBeNull();
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', details: { path: [argument] } } }]);
}

it('the cursor that all these are made from is a good one, and the list has others between its rows', async () => {
  expect(visible).toEqual(['i0', 'i2', 'i4', 'i6', 'i8']);
  const { data } = await page({ orderBy: BY_NAME, after: cursor });
  expect(data.images.edges.map(({ node }) => node.name)).toEqual(['i6', 'i8']);
});

it('a cursor with any one of its bits flipped is refused', async () => {
  const bytes = Buffer.from(cursor, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await expectRefused({ after: flipped.toString('base64url') });
  }
});

it('a cursor with any one of its characters changed, or cut off anywhere, is refused', async () => {
  for (let at = 0; at < cursor.length; at += 1) {
    const other = cursor[at] === 'A' ? 'B' : 'A';
    await expectRefused({ after: cursor.slice(0, at) + other + cursor.slice(at + 1) });
    await expectRefused({ after: cursor.slice(0, at) });
  }
});

describe('a cursor that this list did not give in this order is refused:', () => {
  it.each<[string, () => Promise<Record<string, unknown>>]>([
    [
      'of the other direction',
      async () => ({ after: cursor, orderBy: { field: 'NAME', direction: 'DESC' } }),
    ],
    ['of another order', async () => ({ after: cursor, orderBy: { field: 'SIZE', direction: 'ASC' } })],
    [
      'of another list',
      async () => ({ after: await cursorOf('{ list: namespaces(first: 1) { edges { cursor } } }') }),
    ],
    [
      'of the same rows in another list',
      async () => ({
        before: await cursorOf(
          '{ workspace(name: "default") { list: images(first: 1) { edges { cursor } } } }',
        ),
      }),
    ],
    ['with padding', async () => ({ after: `${cursor}=` })],
    ['with white space', async () => ({ after: ` ${cursor}` })],
    ['of the other alphabet', async () => ({ after: `${cursor}+/` })],
    ['of a megabyte', async () => ({ after: cursor.repeat(20_000) })],
    ['of nothing', async () => ({ after: '' })],
    ['of a checksum alone', async () => ({ after: cursor.slice(0, 10) })],
    ['of no base64', async () => ({ before: "' or true --" })],
  ])('%s', async (_, make) => expectRefused(await make()));

  const cursorOf = async (query: string) => {
    const answer = await slipway.admin.run<{ list?: Edges; workspace?: { list: Edges } }>(query);
    return (answer.list ?? answer.workspace?.list)?.edges[0]?.cursor;
  };
  interface Edges {
    readonly edges: readonly { readonly cursor: string }[];
  }
});

describe('a checksum is no secret; with a right one', () => {
  /** What the list is called inside: the checksum is made with it. */
  const list = 'images NAME ASC';

  it.each<[string, unknown]>([
    ['no list', { value: 'a', id: UUID }],
    ['too few', ['i3']],
    ['too many', ['i3', UUID, UUID]],
    ['an id that is none', ['i3', "' or true --"]],
    ['an id in capitals', ['i3', UUID.toUpperCase().replace('1', 'A')]],
    ['no id', ['i3', null]],
    ['a number for a name', [3, UUID]],
    ['a list for a name', [['i3'], UUID]],
    ['a NUL', ['i\0', UUID]],
  ])('%s is refused', async (_, body) => {
    await expectRefused({ after: forgeCursor(list, JSON.stringify(body)) });
  });

  it('any place is a place in what the viewer may see, and nothing else', async () => {
    for (const value of ['', 'i3', "i3' or true --", '%', '_', '\uffff', 'i'.repeat(10_000)]) {
      const { data } = await page({
        orderBy: BY_NAME,
        after: forgeCursor(list, JSON.stringify([value, UUID])),
      });
      const names = data.images.edges.map(({ node }) => node.name);
      expect(names).toEqual(visible.slice(visible.length - names.length));
    }
  });
});
