import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { fillCatalogue, makeImage } from '../support/images.ts';
import { planStepsOf } from '../support/query-plan.ts';

const LIST = `query ($filter: ImageFilter, $orderBy: ImageOrder, $first: Int, $last: Int, $after: String) {
  images(filter: $filter, orderBy: $orderBy, first: $first, last: $last, after: $after) {
    nodes { id } pageInfo { endCursor }
  }
}`;

let slipway: TestApp;
let admin: ApiClient;
/** Reads what is public, and one namespace. */
let member: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  member = await slipway.user('mia', { namespace: 'VIEWER' });
  const { database } = slipway;
  await fillCatalogue(database, 'row-', 5000);
  await fillCatalogue(database, 'public-', 2000, { visibility: 'PUBLIC' });
  const needed = await makeImage(admin, { reference: 'few/needed:1' });
  await makeImage(admin, {
    reference: 'few/rare:0.1-rc',
    displayName: '抽帧',
    group: 'the few',
    labels: [{ key: 'few', value: 'yes' }],
    dependencies: [`few/${needed.name}:1`],
  });
  await database.query("update image set status = 'ERROR' where name = 'needed'");
  await database.query("update image set type = 'BUILD_IN' where name = 'rare'");
  // The tests' server does it at no other time; new rows of the indexes of searching wait in a list until then.
  await database.query('vacuum analyze');
}, 60_000);
afterAll(async () => await slipway[Symbol.asyncDispose]());

/** How PostgreSQL goes about the statement of a page: the kinds of its steps, and the indexes that it uses. */
async function planOf(
  client: ApiClient,
  variables: Record<string, unknown>,
): Promise<{ steps: string[]; indexes: string[] }> {
  const statements = await slipway.statementsOf(() => client.run(LIST, variables));
  const statement = statements.at(-1) ?? { text: '', values: [] };
  const nodes = await planStepsOf(slipway.database, statement);
  return {
    steps: nodes.map((node) => node['Node Type']),
    indexes: nodes.flatMap((node) => node['Index Name'] ?? []),
  };
}

describe.each([
  ['CREATED_AT', 'image_newest'],
  ['UPDATED_AT', 'image_updated'],
  ['NAME', 'image_by_name'],
  ['SIZE', 'image_by_size'],
])('a page by %s', (field, index) => {
  it.each(['ASC', 'DESC'])(
    'is read off its index, %s, from either end and from the middle',
    async (direction) => {
      const orderBy = { field, direction };
      const { images } = await admin.run<{ images: { pageInfo: { endCursor: string } } }>(LIST, {
        orderBy,
        first: 100,
      });
      for (const client of [admin, member]) {
        for (const window of [{ first: 20 }, { last: 20 }, { first: 20, after: images.pageInfo.endCursor }]) {
          expect(await planOf(client, { orderBy, ...window })).toEqual({
            steps: ['Limit', 'Index Scan'],
            indexes: [index],
          });
        }
      }
    },
  );
});

it.each([
  ['three letters', { search: 'few/r' }, 'image_search_text'],
  ['a word that nothing has', { search: 'nowhere' }, 'image_search_text'],
  ['two Chinese characters', { search: '抽帧' }, 'image_search_grams'],
  ['one Chinese character', { search: '抽' }, 'image_search_grams'],
  ['a character that nothing has', { search: '鬱' }, 'image_search_grams'],
  ['two letters', { search: 'c"' }, 'image_search_grams'],
  ['labels', { labels: [{ key: 'few', value: 'yes' }] }, 'image_labels'],
  ['a namespace', { namespace: 'few' }, 'image_newest_in_namespace'],
  ['a group', { group: 'the few' }, 'image_newest_in_group'],
  ['a tag', { tag: '0.1-rc' }, 'image_newest_of_tag'],
  ['a status that few have', { status: ['ERROR', 'CREATING'] }, 'image_newest_not_active'],
  ['the type that few have', { type: 'BUILD_IN' }, 'image_newest_built_in'],
])('what few images have is looked up: %s', async (_what, filter, index) => {
  const { steps, indexes } = await planOf(admin, { filter });
  expect(indexes).toContain(index);
  expect(steps).not.toContain('Seq Scan on image');
});

it('what many images have is met on the way from the newest', async () => {
  for (const search of ['row-', 'ro', 'w']) {
    expect((await planOf(admin, { filter: { search }, first: 20 })).indexes).toEqual(['image_newest']);
  }
});
