import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { errorCode, fillCatalogue } from '../support/images.ts';
import { addNotebook } from '../support/notebooks.ts';

interface Connection {
  readonly nodes: readonly { readonly id: string; readonly name?: string }[];
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  readonly totalCount: number;
}
interface Parent {
  readonly id: string;
  readonly name: string;
  readonly images: Connection;
  readonly builds: Connection;
}

const PAGE =
  'nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount';
/** How many rows each namespace and each workspace has, by its name; pairs of rows have the same time. */
const SIZES = { p0: 0, p1: 1, p2: 2, p7: 7, p40: 40 };

let slipway: TestApp;
let admin: ApiClient;
/** Reads p1, and of the others what is PUBLIC. */
let member: ApiClient;
let stranger: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({
    worker: false,
    env: { SLIPWAY_MAX_COST: '100000', SLIPWAY_RATE_LIMIT: '0' },
  });
  admin = slipway.admin;
  const { database } = slipway;
  for (const [name, count] of Object.entries(SIZES)) {
    await database.query(
      `with n as (insert into namespace (id, name, created_at, updated_at) values (gen_random_uuid(), $1, now(), now()))
        insert into workspace (id, name, is_default, created_at, updated_at)
          values (gen_random_uuid(), $1, false, now(), now())`,
      [name],
    );
    await fillCatalogue(database, `${name}-`, count);
    await database.query(
      `update image set namespace_id = n.id, workspace_id = w.id,
          visibility = case when right(image.name, 4)::int % 3 = 2 then 'PUBLIC' else 'PRIVATE' end,
          status = case when right(image.name, 4)::int % 5 = 4 then 'DELETED' else 'ACTIVE' end
        from namespace n, workspace w where n.name = $1 and w.name = $1 and image.name like $1 || '-%'`,
      [name],
    );
    await fillBuilds(name, count);
  }
  await database.query(
    `insert into image_dependency (image_id, position, reference, namespace, name, tag)
      select image.id, needed, target.name, n.name, target.name, target.tag
        from image join namespace n on n.id = image.namespace_id cross join generate_series(1, 2) needed
          join image target on target.namespace_id = n.id
            and right(target.name, 4)::int = 1 + right(image.name, 4)::int * needed % 4`,
  );
  member = await slipway.user('mia');
  stranger = await slipway.user('sam');
  for (const kind of ['namespace', 'workspace']) {
    await database.query(
      `insert into ${kind}_member (${kind}_id, user_id, role)
        select k.id, u.id, 'VIEWER' from ${kind} k, user_account u where k.name = 'p1' and u.name = 'mia'`,
    );
  }
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

/** The pages of all parents at once, and each one's as the list at the top has it. */
const LISTS = {
  "a namespace's images": {
    nested: `query ($first: Int, $after: String, $filter: ImageFilter) {
      parents: namespaces { nodes { id name list: images(first: $first, after: $after, filter: $filter) { ${PAGE} } } }
    }`,
    alone: `query ($first: Int, $after: String, $filter: ImageFilter) {
      list: images(first: $first, after: $after, filter: $filter) { ${PAGE} }
    }`,
    filterOf: ({ name }: Pick<Parent, 'name'>) => ({ namespace: name }),
  },
  "a workspace's images": {
    nested: `query ($first: Int, $after: String, $filter: ImageFilter) {
      parents: workspaces { nodes { id name list: images(first: $first, after: $after, filter: $filter) { ${PAGE} } } }
    }`,
    alone: `query ($first: Int, $after: String, $filter: ImageFilter) {
      list: images(first: $first, after: $after, filter: $filter) { ${PAGE} }
    }`,
    filterOf: ({ id }: Pick<Parent, 'id'>) => ({ workspaceId: id }),
  },
  "a workspace's builds": {
    nested: `query ($first: Int, $after: String, $filter: ImageBuildFilter) {
      parents: workspaces { nodes { id name list: builds(first: $first, after: $after, filter: $filter) { ${PAGE} } } }
    }`,
    alone: `query ($first: Int, $after: String, $filter: ImageBuildFilter) {
      list: imageBuilds(first: $first, after: $after, filter: $filter) { ${PAGE} }
    }`,
    filterOf: ({ id }: Pick<Parent, 'id'>) => ({ workspaceId: id }),
  },
  "an image's builds": {
    nested: `query ($first: Int, $after: String) {
      parents: images(first: 100, filter: { includeDeleted: true }) {
        nodes { id name list: builds(first: $first, after: $after) { ${PAGE} } }
      }
    }`,
    alone: `query ($first: Int, $after: String, $filter: ImageBuildFilter) {
      list: imageBuilds(first: $first, after: $after, filter: $filter) { ${PAGE} }
    }`,
    filterOf: ({ id }: Pick<Parent, 'id'>) => ({ imageId: id }),
  },
  'what needs an image': {
    nested: `query ($first: Int, $after: String) {
      parents: images(first: 100, filter: { includeDeleted: true }) {
        nodes { id name list: dependents(first: $first, after: $after) { ${PAGE} } }
      }
    }`,
    alone: `query ($first: Int, $after: String, $filter: ImageFilter) {
      list: images(first: $first, after: $after, filter: $filter) { ${PAGE} }
    }`,
    filterOf: ({ id }: Pick<Parent, 'id'>) => ({ dependsOn: id }),
  },
};
type List = keyof typeof LISTS;
type Listed = Pick<Parent, 'id' | 'name'> & { readonly list: Connection };

async function nested(client: ApiClient, list: List, variables: Record<string, unknown>): Promise<Listed[]> {
  const { parents } = await client.run<{ parents: { nodes: Listed[] } }>(LISTS[list].nested, variables);
  return parents.nodes;
}

/** Holds every parent's page against the top list's, which is narrowed to that parent. @returns the parents */
async function compare(
  client: ApiClient,
  list: List,
  variables: Record<string, unknown>,
  filter: Record<string, unknown> = {},
): Promise<Listed[]> {
  const { alone, filterOf } = LISTS[list];
  const parents = await nested(client, list, { ...variables, filter });
  for (const parent of parents) {
    const expected = await client.run<{ list: Connection }>(alone, {
      ...variables,
      filter: { ...filter, ...filterOf(parent) },
    });
    expect(parent.list).toEqual(expected.list);
  }
  return parents;
}

describe.each(Object.keys(LISTS) as List[])('%s', (list) => {
  it.each([0, 1, 2, 3, 100])('are, %i at a time, what the top list has of that parent', async (first) => {
    const parents = await compare(admin, list, { first });
    const most = Math.max(...parents.map(({ list: { nodes } }) => nodes.length));
    expect(most).toBe(Math.min(first, Math.max(...parents.map(({ list: { totalCount } }) => totalCount))));
    for (const { list: page } of parents) {
      expect(new Set(page.nodes.map(({ id }) => id)).size).toBe(page.nodes.length);
    }
  });

  it('continue after a cursor, each from there', async () => {
    const parents = await nested(admin, list, { first: 3 });
    const { list: longest } = parents.toSorted((a, b) => b.list.totalCount - a.list.totalCount)[0] as Listed;
    expect(longest.pageInfo.hasNextPage).toBe(true);
    for (const { cursor } of longest.edges) await compare(admin, list, { first: 2, after: cursor });
  });

  it('are those that the viewer may see', async () => {
    const parents = await compare(member, list, { first: 4 });
    expect(parents.length).toBeGreaterThan(0);
    await compare(stranger, list, { first: 4 });
  });
});

describe('a filter on a nested list', () => {
  it.each([
    { search: '-000' },
    { visibility: 'PUBLIC' },
    { includeDeleted: true },
    { status: ['DELETED'] },
    { status: [] },
    { createdAfter: '2024-01-01T00:00:00.003Z' },
    { search: '-000', visibility: 'PUBLIC', includeDeleted: true },
    { search: 'nothing has this' },
  ])('narrows every parent alike: %j', async (filter) => {
    await compare(admin, "a namespace's images", { first: 3 }, filter);
    await compare(admin, "a workspace's images", { first: 3 }, filter);
  });

  it('narrows builds', async () => {
    const parents = await compare(admin, "a workspace's builds", { first: 3 }, { status: ['SUCCEEDED'] });
    expect(Math.max(...parents.map((parent) => parent.list.totalCount))).toBe(20);
  });

  it('by another workspace leaves nothing of a workspace', async () => {
    const all = await nested(admin, "a workspace's images", {});
    const p7 = all.find(({ name }) => name === 'p7') as Listed;
    const parents = await nested(admin, "a workspace's images", { filter: { workspaceId: p7.id } });
    for (const { name, list } of parents) {
      expect(list.totalCount).toBe(name === 'p7' ? p7.list.totalCount : 0);
      expect(list.nodes).toEqual(name === 'p7' ? p7.list.nodes : []);
    }
  });
});

describe('rows that the viewer may not see', () => {
  const namesOf = (list: Connection) => list.nodes.map(({ name }) => name).sort();

  it('are missing from lists and totals, also where the way there is a public image', async () => {
    const { images } = await stranger.run<{
      images: { nodes: { namespace: Parent; workspace: Parent }[] };
    }>(
      `{ images(first: 100) { nodes {
        namespace { name images(first: 100) { nodes { id name } totalCount } }
        workspace { name images(first: 100) { nodes { id name } totalCount } builds { nodes { id } totalCount } }
      } } }`,
    );
    const names = new Set(images.nodes.map(({ namespace }) => namespace.name));
    expect([...names].sort()).toEqual(['p2', 'p40', 'p7']);
    for (const { namespace, workspace } of images.nodes) {
      const visible = Array.from({ length: SIZES[namespace.name as keyof typeof SIZES] }, (_, i) => i + 1)
        .filter((i) => i % 3 === 2 && i % 5 !== 4)
        .map((i) => `${namespace.name}-${String(i).padStart(4, '0')}`);
      expect(namesOf(namespace.images)).toEqual(visible);
      expect(namespace.images.totalCount).toBe(visible.length);
      expect(workspace.images).toEqual(namespace.images);
      expect(workspace.builds).toEqual({ nodes: [], totalCount: 0 });
    }
  });
});

describe("a notebook's images", () => {
  it('are those saved from it, the newest first', async () => {
    const notebooks = [0, 1, 3].map((saved, i) => {
      const { id, uid } = addNotebook(slipway.engine, { owner: 'admin', name: `book-${i}`, workspace: 'p7' });
      return { id, uid, saved };
    });
    for (const { uid, saved } of notebooks) {
      await slipway.database.query(
        `update image set source_notebook_id = $1 where id in (select id from image where name like 'p40-%'
          and status = 'ACTIVE' and source_notebook_id is null order by created_at desc, id desc limit $2)`,
        [uid, saved],
      );
    }
    const list = async (args: string) => {
      const found = await admin.run<{ notebooks: { nodes: { id: string; savedImages: Connection }[] } }>(
        `{ notebooks { nodes { id savedImages(${args}) { nodes { id name } pageInfo { hasNextPage endCursor } totalCount } } } }`,
      );
      return notebooks.map(({ id }) => found.notebooks.nodes.find((node) => node.id === id)?.savedImages);
    };
    const [none, one, three] = await list('first: 2');
    expect(none).toEqual({ nodes: [], pageInfo: { hasNextPage: false, endCursor: null }, totalCount: 0 });
    expect(one?.nodes.map(({ name }) => name)).toHaveLength(1);
    expect(one).toMatchObject({ totalCount: 1, pageInfo: { hasNextPage: false } });
    expect(three).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true } });
    const [, before, rest] = await list(`after: "${three?.pageInfo.endCursor}"`);
    expect(before?.nodes).toEqual([]);
    expect(before?.totalCount).toBe(1);
    expect(rest?.nodes).toHaveLength(1);
    const read = [...(three?.nodes ?? []), ...(rest?.nodes ?? [])].map(({ id }) => id);
    expect(new Set(read).size).toBe(3);
  });
});

describe('arguments of a nested list', () => {
  it.each(['first: 101', 'first: -1', 'after: "nonsense"', 'filter: { workspaceId: "0" }'])(
    'are refused as those of any list: %s',
    async (args) => {
      const query = `{ namespaces { nodes { images(${args}) { nodes { id } } } } }`;
      expect(await errorCode(admin, query)).toBe('BAD_USER_INPUT');
    },
  );

  it('are refused where a cursor is of another list', async () => {
    const builds = await nested(admin, "a workspace's builds", { first: 1 });
    const [cursor] = builds.flatMap(({ list }) => list.edges.map((edge) => edge.cursor));
    expect(cursor).toBeDefined();
    const { errors } = await admin.ask(LISTS["a workspace's images"].nested, { after: cursor });
    expect(errors?.map(({ extensions }) => extensions['code'])).toContain('BAD_USER_INPUT');
  });

  it('do not get mixed up between fields that differ in them', async () => {
    const { p40, p7 } = await admin.run<Record<'p40' | 'p7', Record<string, Connection>>>(
      `fragment lists on Namespace {
        one: images(first: 1) { nodes { id name } totalCount }
        all: images(first: 100, filter: { includeDeleted: true }) { nodes { id name } totalCount }
        public: images(first: 100, filter: { visibility: PUBLIC, includeDeleted: true }) { nodes { id name } totalCount }
      }
      { p40: namespace(name: "p40") { ...lists } p7: namespace(name: "p7") { ...lists } }`,
    );
    const totals = (lists: Record<string, Connection>) =>
      ['one', 'all', 'public'].map((name) => [lists[name]?.nodes.length, lists[name]?.totalCount]);
    expect(totals(p40)).toEqual([
      [1, 32],
      [40, 40],
      [13, 13],
    ]);
    expect(totals(p7)).toEqual([
      [1, 6],
      [7, 7],
      [2, 2],
    ]);
  });
});

it('a list shows what an earlier mutation of the same operation changed', async () => {
  const answer = await admin.run<Record<'a' | 'b', { image: { namespace: { images: Connection } } }>>(
    `mutation {
      a: registerImage(input: { reference: "p0/first:1" }) { image { namespace { images { nodes { id } totalCount } } } }
      b: registerImage(input: { reference: "p0/second:1" }) { image { namespace { images { nodes { id } totalCount } } } }
    }`,
  );
  expect([answer.a, answer.b].map(({ image }) => image.namespace.images.totalCount)).toEqual([1, 2]);
  expect([answer.a, answer.b].map(({ image }) => image.namespace.images.nodes.length)).toEqual([1, 2]);
});

/** Builds of the newest image of a namespace, in the workspace of the same name: half of them have succeeded. */
async function fillBuilds(name: string, count: number): Promise<void> {
  await slipway.database.query(
    `insert into image_build (id, kind, status, version, phases, steps, attempt, lost_workers, workspace_id, namespace_id,
        image_id, target_name, target_tag, target_reference, target_labels, pause, visibility, overwrite_tag, timeout_ms,
        job_id, log_line_count, created_at, queued_at, finished_at)
      select gen_random_uuid(), 'DOCKERFILE', case when i % 2 = 0 then 'SUCCEEDED' else 'FAILED' end, 1, '[]', '[]', 1, 0,
        w.id, n.id, image.id, 'made', 't' || i, 'registry.test:5000/' || $1 || '/made:t' || i, '[]', true, 'PRIVATE', false,
        1000, $3::uuid, 0, at, at, at
      from generate_series(1, $2) i
        cross join lateral (select '2024-02-01T00:00:00Z'::timestamptz + (i / 2) * interval '1 ms' as at) time
        join namespace n on n.name = $1 join workspace w on w.name = $1
        join image on image.name = $1 || '-' || lpad((i / 4 + 1)::text, 4, '0')`,
    [name, count, randomUUID()],
  );
}
