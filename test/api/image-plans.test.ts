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
/** Reads what is public, and the namespace `few`. */
let memberOfFew: ApiClient;
/** Reads what is public. */
let stranger: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  member = await slipway.user('mia', { namespace: 'VIEWER' });
  memberOfFew = await slipway.user('fay');
  stranger = await slipway.user('sam');
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
  await database.query(
    `insert into namespace_member (namespace_id, user_id, role)
      select n.id, u.id, 'VIEWER' from namespace n, user_account u where n.name = 'few' and u.name = 'fay'`,
  );
  await database.query("update image set status = 'ERROR' where name = 'needed'");
  await database.query("update image set type = 'BUILD_IN' where name = 'rare'");
  await database.query(
    `insert into image_build (id, kind, status, version, phases, steps, attempt, lost_workers, workspace_id, namespace_id, image_id,
        target_name, target_tag, target_reference, target_labels, pause, visibility, overwrite_tag, timeout_ms, job_id,
        log_line_count, created_at)
      select gen_random_uuid(), 'DOCKERFILE', 'CANCELED', 1, '[]', '[]', 0, 0, workspace_id, namespace_id, id,
        name, tag, reference, '[]', true, 'PRIVATE', false, 1000, gen_random_uuid(), 0, created_at
      from image`,
  );
  // The tests' server does it at no other time; new rows of the indexes of searching wait in a list until then.
  await database.query('vacuum analyze');
}, 60_000);
afterAll(async () => await slipway[Symbol.asyncDispose]());

/** How PostgreSQL goes about the last statement of a query: the steps that are more than passing rows on, and their indexes. */
async function planOf(
  client: ApiClient,
  variables: Record<string, unknown>,
  { query = LIST, prepared = false } = {},
): Promise<{ steps: string[]; indexes: string[]; conditions: string[] }> {
  const statements = await slipway.statementsOf(() => client.run(query, variables));
  const statement = statements.at(-1) ?? { text: '', values: [] };
  const nodes = await planStepsOf(
    slipway.database,
    statement,
    prepared ? 'for all values' : 'for these values',
  );
  return {
    steps: nodes
      .map((node) => node['Node Type'])
      .filter((step) => step !== 'Subquery Scan' && step !== 'Limit'),
    indexes: nodes.flatMap((node) => node['Index Name'] ?? []),
    conditions: nodes.flatMap((node) => node['Index Cond'] ?? []),
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
          expect(await planOf(client, { orderBy, ...window }, { prepared: true })).toMatchObject({
            steps: ['Index Scan'],
            indexes: [index],
          });
        }
      }
    },
  );
});

it('one image is read off its primary key', async () => {
  const { images } = await admin.run<{ images: { nodes: { id: string }[] } }>(LIST, { first: 1 });
  const query = 'query ($id: ID!) { image(id: $id) { name tag } }';
  const plan = await planOf(member, { id: images.nodes[0]?.id }, { query, prepared: true });
  expect(plan.indexes).toEqual(['image_pkey']);
  expect(plan.steps).not.toContain('Seq Scan');
});

it('a page with namespaces and latest builds is read off indexes, and never sorted', async () => {
  const query = `query ($first: Int) {
    images(first: $first) { nodes { name namespace { name } builds(first: 1) { nodes { status } } } }
  }`;
  const { steps, indexes } = await planOf(member, { first: 20 }, { query, prepared: true });
  expect(indexes).toEqual(expect.arrayContaining(['image_newest', 'image_build_image']));
  expect(steps).not.toContain('Sort');
});

it('what is found is looked up once for the page and the total', async () => {
  const query = 'query ($filter: ImageFilter) { images(filter: $filter) { totalCount nodes { name } } }';
  const { steps, indexes } = await planOf(member, { filter: { search: 'few/r' } }, { query });
  expect(indexes.filter((index) => index === 'image_search_text')).toHaveLength(1);
  expect(steps).not.toContain('Seq Scan');
});

it('what only the oldest images have is looked up, not walked to', async () => {
  await slipway.database.query(
    `update image set search_text = search_text || ' legacy' where id in (select id from image order by created_at, id limit 100)`,
  );
  await slipway.database.query('vacuum analyze image');
  expect((await planOf(admin, { filter: { search: 'legacy' }, first: 20 })).indexes).toContain(
    'image_search_text',
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

describe.each(['CREATED_AT', 'UPDATED_AT', 'NAME', 'SIZE'])(
  'what few images have is not walked to by %s',
  (field) => {
    const walks = ['image_newest', 'image_updated', 'image_by_name', 'image_by_size'];

    it.each([
      ['private, for who may read two', () => memberOfFew, { visibility: 'PRIVATE' }],
      ['in a namespace', () => admin, { namespace: 'few' }],
    ])('%s', async (_what, client, filter) => {
      const { steps, indexes } = await planOf(client(), { filter, orderBy: { field, direction: 'DESC' } });
      expect(indexes.filter((index) => walks.includes(index))).toEqual([]);
      expect(indexes).not.toEqual([]);
      expect(steps).not.toContain('Seq Scan');
    });
  },
);

it('the one status that is asked for is read in the order of its index', async () => {
  const { steps, indexes } = await planOf(admin, { filter: { status: ['ERROR'] } });
  expect(indexes).toEqual(['image_newest_not_active']);
  expect(steps).not.toContain('Sort');
});

it('who has no role has what is public counted, and nothing else looked at', async () => {
  const query = 'query ($filter: ImageFilter) { images(filter: $filter) { totalCount } }';
  const { steps, conditions } = await planOf(stranger, { filter: { namespace: 'default' } }, { query });
  expect(steps).toContain('Index Only Scan');
  expect(conditions).toEqual([expect.stringMatching(/namespace_id = .* AND .*visibility/)]);
});

it('live images are counted for a quota in an index alone', async () => {
  const query = '{ namespaces(first: 2) { nodes { quota { images { used } } } } }';
  const { steps, indexes } = await planOf(admin, {}, { query });
  expect(steps).toContain('Index Only Scan');
  expect(indexes).toEqual(['image_counted']);
});

it('what many images of a namespace have is met on the way through that namespace alone', async () => {
  const { database } = slipway;
  await database.query(
    `update image set namespace_id = (select id from namespace where name = 'few')
      where id in (select id from image where name like 'row-%' order by created_at, id limit 300)`,
  );
  const filter = { search: 'row-', namespace: 'few' };
  const statements = await slipway.statementsOf(() => admin.run(LIST, { filter, first: 20 }));
  expect(statements.filter(({ text }) => text.includes('from image'))).toHaveLength(1);
});

it('what is public in a namespace is read off an index of its own, for who has no role', async () => {
  const { database } = slipway;
  await database.query(
    `update image set namespace_id = (select id from namespace where name = 'few')
      where id in (select id from image where visibility = 'PUBLIC' order by created_at, id limit 300)`,
  );
  await database.query('vacuum analyze image');
  const { steps, indexes } = await planOf(stranger, { filter: { namespace: 'few' }, first: 20 });
  expect(indexes).toContain('image_newest_public_in_namespace');
  expect(steps).not.toContain('Sort');
});
