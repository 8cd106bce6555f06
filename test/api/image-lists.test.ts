import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { forgeCursor } from '../support/cursors.ts';
import { deleteImage, errorCode, fillCatalogue, type ImageFacts, makeImage } from '../support/images.ts';

interface Connection {
  readonly edges: readonly { readonly cursor: string; readonly node: ImageFacts }[];
  readonly nodes: readonly ImageFacts[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

const LIST = `query ($filter: ImageFilter, $orderBy: ImageOrder, $first: Int, $after: String, $last: Int, $before: String) {
  images(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id name } }
    nodes { id name sizeBytes createdAt updatedAt }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount
  }
}`;
const ROWS = 250;

let slipway: TestApp;
let admin: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  await fillCatalogue(slipway.database, 'row-', ROWS);
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

async function page(variables: Record<string, unknown>, client = admin): Promise<Connection> {
  return (await client.run<{ images: Connection }>(LIST, variables)).images;
}

const names = ({ nodes }: Pick<Connection, 'nodes'>) => nodes.map(({ name }) => name);

/** All names of a list, page by page, and what the last page said. */
async function walk(
  variables: { readonly first: number } | { readonly last: number },
  rest: Record<string, unknown>,
  between: (pages: number) => Promise<unknown> = async () => undefined,
): Promise<string[]> {
  const found: string[] = [];
  const forward = 'first' in variables;
  let cursor: string | null = null;
  for (let pages = 1; ; pages += 1) {
    const here: Connection = await page({ ...variables, ...rest, [forward ? 'after' : 'before']: cursor });
    expect(here.nodes.map(({ id }) => id)).toEqual(here.edges.map(({ node }) => node.id));
    expect(here.pageInfo).toMatchObject({
      startCursor: here.edges[0]?.cursor ?? null,
      endCursor: here.edges.at(-1)?.cursor ?? null,
    });
    if (forward) found.push(...names(here));
    else found.unshift(...names(here));
    if (!(forward ? here.pageInfo.hasNextPage : here.pageInfo.hasPreviousPage)) return found;
    cursor = forward ? here.pageInfo.endCursor : here.pageInfo.startCursor;
    await between(pages);
  }
}

const ONLY_ROWS = { filter: { search: 'row-' } };
const FIELDS = ['CREATED_AT', 'UPDATED_AT', 'NAME', 'SIZE'];
const ORDERS = FIELDS.flatMap((field) => ['ASC', 'DESC'].map((direction) => ({ field, direction })));

describe('a list of 250 images', () => {
  it.each(ORDERS)(
    'pages $direction by $field, forwards and backwards, without loss or repeat',
    async (orderBy) => {
      const forwards = await walk({ first: 37 }, { ...ONLY_ROWS, orderBy });
      expect(new Set(forwards).size).toBe(ROWS);
      expect(forwards).toHaveLength(ROWS);
      expect(await walk({ last: 49 }, { ...ONLY_ROWS, orderBy })).toEqual(forwards);
      const [hundred, opposite] = [
        await page({ ...ONLY_ROWS, orderBy, first: 100 }),
        { ...orderBy, direction: orderBy.direction === 'ASC' ? 'DESC' : 'ASC' },
      ];
      expect(await walk({ first: 100 }, { ...ONLY_ROWS, orderBy: opposite })).toEqual(forwards.toReversed());
      const sorted = hundred.nodes.map((image) => ({
        CREATED_AT: Date.parse(image.createdAt),
        UPDATED_AT: Date.parse(image.updatedAt),
        NAME: Number(image.name.slice('row-'.length)),
        SIZE: image.sizeBytes ?? -1,
      }));
      const values = sorted.map((row) => row[orderBy.field as keyof typeof row]);
      const sign = orderBy.direction === 'ASC' ? 1 : -1;
      expect(values).toEqual(values.toSorted((a, b) => sign * (a - b)));
    },
  );

  it('is the newest first where nothing is said, 20 at a time', async () => {
    const newest = await page({});
    expect(newest.nodes).toHaveLength(20);
    expect(newest.totalCount).toBe(ROWS);
    expect(newest.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const explicit = await page({ first: 20, orderBy: { field: 'CREATED_AT' } });
    expect(explicit.nodes).toEqual(newest.nodes);
  });

  it.each(['CREATED_AT', 'NAME'])('shows every row once while rows are inserted, by %s', async (field) => {
    const rows = Array.from({ length: ROWS }, (_, i) => `row-${String(i + 1).padStart(4, '0')}`);
    const prefix = `extra-${field.toLowerCase().replace('_', '-')}-`;
    const found = await walk(
      { first: 30 },
      { orderBy: { field, direction: 'DESC' } },
      async (pages) =>
        await fillCatalogue(slipway.database, `${prefix}${pages}-`, 5, { createdAt: '2025-01-01' }),
    );
    expect(found.filter((name) => name.startsWith('row-')).sort()).toEqual(rows);
    expect(new Set(found).size).toBe(found.length);
  });

  it('ends between two cursors where both are given', async () => {
    const orderBy = { field: 'NAME', direction: 'ASC' };
    const ten = await page({ ...ONLY_ROWS, orderBy, first: 10 });
    const [after, before] = [ten.edges[2]?.cursor, ten.edges[7]?.cursor];
    const between = await page({ ...ONLY_ROWS, orderBy, first: 100, after, before });
    expect(names(between)).toEqual(['row-0004', 'row-0005', 'row-0006', 'row-0007']);
    expect(between.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const backwards = await page({ ...ONLY_ROWS, orderBy, last: 2, after, before });
    expect(names(backwards)).toEqual(['row-0006', 'row-0007']);
    expect(backwards.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  });

  it('counts the whole list, also for an empty page', async () => {
    const none = await page({ ...ONLY_ROWS, first: 0 });
    expect(none).toMatchObject({ nodes: [], edges: [], totalCount: ROWS });
    expect(none.pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: null,
      endCursor: null,
    });
  });
});

describe('paging arguments that cannot be used', () => {
  it.each([
    { first: 101 },
    { first: -1 },
    { last: 101 },
    { last: -1 },
    { first: 1, last: 1 },
    { first: 2 ** 31 },
    { first: 1.5 },
    { after: '' },
    { after: 'nonsense' },
    { before: '💥' },
  ])('are BAD_USER_INPUT: %j', async (variables) => {
    expect(await errorCode(admin, LIST, variables)).toBe('BAD_USER_INPUT');
  });

  it('are a cursor with any one character changed', async () => {
    const cursor = (await page({ first: 1 })).pageInfo.endCursor ?? '';
    const changed = [...cursor].map(
      (char, i) => `${cursor.slice(0, i)}${char === 'A' ? 'B' : 'A'}${cursor.slice(i + 1)}`,
    );
    const answers = await Promise.all(changed.map((after) => errorCode(admin, LIST, { after })));
    expect(new Set(answers)).toEqual(new Set(['BAD_USER_INPUT']));
  });

  it('are a cursor of another order, of another list, or one that was made up', async () => {
    const cursor = (await page({ first: 1 })).pageInfo.endCursor;
    const others = [
      { field: 'CREATED_AT', direction: 'ASC' },
      { field: 'UPDATED_AT', direction: 'DESC' },
      { field: 'NAME', direction: 'DESC' },
    ];
    for (const orderBy of others) {
      expect(await errorCode(admin, LIST, { after: cursor, orderBy })).toBe('BAD_USER_INPUT');
    }
    const builds = 'query ($after: String) { imageBuilds(after: $after) { nodes { id } } }';
    expect(await errorCode(admin, builds, { after: cursor })).toBe('BAD_USER_INPUT');
    const made = Buffer.from('["2024-01-01T00:00:00.000Z","x"]').toString('base64url');
    expect(await errorCode(admin, LIST, { after: made })).toBe('BAD_USER_INPUT');
  });

  it('are a cursor that was forged with the right checksum, in any list', async () => {
    const id = '11111111-2222-4333-8444-555555555555';
    const orderedBy = (field: string, value: unknown) => [
      `images(orderBy: { field: ${field} }, after: $after)`,
      `images ${field} DESC`,
      JSON.stringify([value, id]),
    ];
    for (const [list, name, body] of [
      orderedBy('CREATED_AT', 'never'),
      orderedBy('UPDATED_AT', 1),
      orderedBy('NAME', { a: 1 }),
      orderedBy('SIZE', 'x'),
      ['images(after: $after)', 'images CREATED_AT DESC', '["2024-01-01T00:00:00.000Z","x"]'],
      ['images(after: $after)', 'images CREATED_AT DESC', 'no JSON'],
      ['imageBuilds(after: $after)', 'builds CREATED_AT DESC', `["never","${id}"]`],
      ['namespaces(after: $after)', 'namespaces', '[1]'],
      ['workspaces(after: $after)', 'workspaces', 'null'],
      ['notebooks(after: $after)', 'notebooks', '{}'],
    ] as const) {
      const query = `query ($after: String) { ${list} { nodes { id } } }`;
      const after = forgeCursor(name as string, body as string);
      expect([list, await errorCode(admin, query, { after })]).toEqual([list, 'BAD_USER_INPUT']);
    }
  });
});

it('a text that no row can hold is BAD_USER_INPUT', async () => {
  for (const filter of [{ namespace: '\u0000' }, { tag: '\u0000' }, { labels: [{ key: '\u0000' }] }]) {
    expect(await errorCode(admin, LIST, { filter })).toBe('BAD_USER_INPUT');
  }
  for (const field of [
    'imageByName(namespace: $text, name: "x")',
    'namespace(name: $text)',
    'workspace(name: $text)',
  ]) {
    const query = `query ($text: String!) { ${field} { id } }`;
    expect(await errorCode(admin, query, { text: 'nul\u0000' })).toBe('BAD_USER_INPUT');
  }
});

describe('filters', () => {
  let marked: ImageFacts;
  let plain: ImageFacts;
  let elsewhere: { id: string };

  beforeAll(async () => {
    const { createWorkspace } = await admin.run<{ createWorkspace: { workspace: { id: string } } }>(
      'mutation { createWorkspace(input: { name: "filters" }) { workspace { id } } }',
    );
    elsewhere = createWorkspace.workspace;
    marked = await makeImage(admin, {
      reference: 'filtered/marked:2',
      workspaceId: elsewhere.id,
      origin: 'IMAGE_SAVE',
      visibility: 'PUBLIC',
      serviceType: 'TRAIN',
      architecture: 'AARCH64',
    });
    plain = await makeImage(admin, { reference: 'filtered/plain:1' });
    await slipway.database.query(
      "update image set type = 'BUILD_IN', status = 'ERROR', created_at = '2020-02-02' where id = $1",
      [marked.uid],
    );
    const gone = await makeImage(admin, { reference: 'filtered/gone:1' });
    await deleteImage(admin, { id: gone.id });
  });

  it.each([
    { status: ['ERROR'] },
    { status: ['ERROR', 'INIT'] },
    { origin: ['IMAGE_SAVE'] },
    { type: 'BUILD_IN' },
    { visibility: 'PUBLIC' },
    { serviceType: ['TRAIN', 'DEV'] },
    { architecture: 'AARCH64' },
    { tag: '2' },
    { createdBefore: '2020-02-03T00:00:00Z' },
    { createdAfter: '2020-02-01T00:00:00Z', createdBefore: '2020-02-03T00:00:00Z' },
  ])('%j narrows to what has it', async (filter) => {
    expect(names(await page({ filter: { namespace: 'filtered', ...filter } }))).toEqual(['marked']);
  });

  it.each([
    { status: ['ACTIVE'] },
    { origin: ['CUSTOMIZE'] },
    { type: 'DEDICATED' },
    { visibility: 'PRIVATE' },
    { serviceType: ['UNKNOWN'] },
    { createdAfter: '2020-02-03T00:00:00Z' },
  ])('%j leaves out what has it not', async (filter) => {
    expect(names(await page({ filter: { namespace: 'filtered', ...filter } }))).toEqual(['plain']);
  });

  it('narrow by workspace; ids of other things name nothing', async () => {
    expect(names(await page({ filter: { workspaceId: elsewhere.id } }))).toEqual(['marked']);
    expect((await page({ filter: { workspaceId: plain.id } })).totalCount).toBe(0);
    expect(await errorCode(admin, LIST, { filter: { workspaceId: '0' } })).toBe('BAD_USER_INPUT');
  });

  it('hold all at once, do not narrow by null, and match nothing by an empty list', async () => {
    const filter = { namespace: 'filtered', tag: '2', origin: ['CUSTOMIZE'] };
    expect((await page({ filter })).totalCount).toBe(0);
    const nulls = {
      namespace: 'filtered',
      search: null,
      status: null,
      workspaceId: null,
      includeDeleted: null,
    };
    expect(names(await page({ filter: nulls })).sort()).toEqual(['marked', 'plain']);
    expect((await page({ filter: { namespace: 'filtered', status: [] } })).totalCount).toBe(0);
  });

  it('show deleted images only where they are asked for', async () => {
    expect(names(await page({ filter: { namespace: 'filtered', includeDeleted: true } })).sort()).toEqual([
      'gone',
      'marked',
      'plain',
    ]);
    expect(names(await page({ filter: { namespace: 'filtered', status: ['DELETED'] } }))).toEqual(['gone']);
  });

  it('narrow the images of a namespace and of a workspace in the same way', async () => {
    const { namespace, workspace } = await admin.run<
      Record<'namespace' | 'workspace', { images: Connection }>
    >(
      `query ($id: ID!) {
        namespace(name: "filtered") { images(filter: { tag: "1" }, first: 5) { nodes { name } totalCount } }
        workspace(id: $id) { images { nodes { name } totalCount } }
      }`,
      { id: elsewhere.id },
    );
    expect(names(namespace.images)).toEqual(['plain']);
    expect(namespace.images.totalCount).toBe(1);
    expect(names(workspace.images)).toEqual(['marked']);
  });
});

describe('finding one', () => {
  it('finds a live image by its name, with the tag latest where none is given', async () => {
    const [first, latest] = [
      await makeImage(admin, { reference: 'finding/x:1.0' }),
      await makeImage(admin, { reference: 'finding/x' }),
    ];
    const found = await admin.run<Record<string, { id: string } | null>>(`{
      tagged: imageByName(namespace: "finding", name: "x", tag: "1.0") { id }
      untagged: imageByName(namespace: "finding", name: "x") { id }
      null: imageByName(namespace: "finding", name: "x", tag: null) { id }
      wrong: imageByName(namespace: "finding", name: "x", tag: "2") { id }
      nowhere: imageByName(namespace: "not-there", name: "x") { id }
    }`);
    expect(found).toEqual({
      tagged: { id: first.id },
      untagged: { id: latest.id },
      null: { id: latest.id },
      wrong: null,
      nowhere: null,
    });
  });

  it('finds anything by its global id, one or many, in the order of the ids', async () => {
    const image = await makeImage(admin, { reference: 'finding/node:1' });
    const { namespace, workspace, viewer } = await admin.run<
      Record<string, { id: string } & { user: { id: string } }>
    >('{ namespace(name: "finding") { id } workspace(name: "default") { id } viewer { user { id } } }');
    const missing = Buffer.from('Image:11111111-2222-4333-8444-555555555555').toString('base64url');
    const ids = [workspace?.id, missing, image.id, namespace?.id, viewer?.user.id, image.id];
    const { nodes, node } = await admin.run<{ nodes: unknown[]; node: unknown }>(
      `query ($ids: [ID!]!, $id: ID!) {
        nodes(ids: $ids) { __typename id ... on Image { name } ... on Namespace { name } ... on User { name } }
        node(id: $id) { __typename ... on Image { tag } }
      }`,
      { ids, id: image.id },
    );
    expect(nodes).toEqual([
      { __typename: 'Workspace', id: workspace?.id },
      null,
      { __typename: 'Image', id: image.id, name: 'node' },
      { __typename: 'Namespace', id: namespace?.id, name: 'finding' },
      { __typename: 'User', id: viewer?.user.id, name: 'admin' },
      { __typename: 'Image', id: image.id, name: 'node' },
    ]);
    expect(node).toEqual({ __typename: 'Image', tag: '1' });
  });

  it('answers BAD_USER_INPUT to what is no id of ours, and to too many ids', async () => {
    const one = 'query ($id: ID!) { node(id: $id) { id } }';
    for (const id of ['', '1', 'Image:1', Buffer.from('Image:1').toString('base64url'), '💥']) {
      expect(await errorCode(admin, one, { id })).toBe('BAD_USER_INPUT');
    }
    const many = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }';
    const id = Buffer.from('Image:11111111-2222-4333-8444-555555555555').toString('base64url');
    expect(await errorCode(admin, many, { ids: Array.from({ length: 101 }, () => id) })).toBe(
      'BAD_USER_INPUT',
    );
    const { nodes } = await admin.run<{ nodes: unknown[] }>(many, {
      ids: Array.from({ length: 100 }, () => id),
    });
    expect(nodes).toHaveLength(100);
  });
});
