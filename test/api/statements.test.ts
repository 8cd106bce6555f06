import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { fillCatalogue } from '../support/images.ts';

/** Signing in is one statement of its own in every count. */
const SIGN_IN = 1;

let slipway: TestApp;
let developer: ApiClient;
let ids: Record<'images' | 'builds' | 'namespaces' | 'workspaces', string[]>;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  const { database, engine } = slipway;
  developer = await slipway.user('dana', { namespace: 'DEVELOPER', workspace: 'OWNER' });
  await database.query(
    `insert into namespace (id, name, created_at, updated_at)
      select gen_random_uuid(), 'n' || i, now(), now() from generate_series(1, 60) i`,
  );
  await database.query(
    `insert into workspace (id, name, is_default, created_at, updated_at)
      select gen_random_uuid(), 'w' || i, false, now(), now() from generate_series(1, 60) i`,
  );
  for (const kind of ['namespace', 'workspace']) {
    await database.query(
      `insert into ${kind}_member (${kind}_id, user_id, role)
        select k.id, u.id, 'OWNER' from ${kind} k, user_account u where u.name in ('dana', 'admin')
        on conflict do nothing`,
    );
  }
  await fillBuilds(60);
  await fillCatalogue(database, 'row-', 60);
  // Every image with a namespace, a workspace and a build of its own, so that no cache hides a statement for each.
  await database.query(
    `update image set namespace_id = build.namespace_id, workspace_id = build.workspace_id, source_build_id = build.id
      from image_build build where image.name = 'row-' || lpad(ltrim(build.target_tag, 't'), 4, '0')`,
  );
  await database.query(
    'update image_build set image_id = image.id from image where image.source_build_id = image_build.id',
  );
  await database.query(
    `insert into image_dependency (image_id, position, reference, namespace, name, tag)
      select image.id, needed, 'row', n.name, target.name, target.tag
        from image cross join generate_series(0, 2) needed join image target
          on target.name = 'row-' || lpad((1 + (right(image.name, 4)::int + needed) % 60)::text, 4, '0')
        join namespace n on n.id = target.namespace_id`,
  );
  const images = await database.query<{ id: string }>("select id from image where name like 'row-%'");
  for (const [i, { id }] of images.entries()) {
    const notebook = randomUUID();
    await database.query('update image set source_notebook_id = $1 where id = $2', [notebook, id]);
    engine.addContainer({
      labels: {
        'slipway.notebook': notebook,
        'slipway.notebook.name': `book ${i}`,
        'slipway.workspace': `w${i + 1}`,
        'slipway.owner': i % 2 === 0 ? 'dana' : 'admin',
      },
    });
  }
  ids = {
    images: await globalIds('Image', 'image'),
    builds: await globalIds('ImageBuild', 'image_build'),
    namespaces: await globalIds('Namespace', 'namespace'),
    workspaces: await globalIds('Workspace', 'workspace'),
  };
  // A server's first search looks what nearly all images have.
  await developer.run('{ images(filter: { search: "row-" }) { totalCount } }');
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const PAGE = 'pageInfo { hasNextPage endCursor }';
const NESTED = `edges { cursor } ${PAGE} nodes {
  id namespace { name viewerRole } workspace { name } createdBy { name } sourceBuild { status } viewerPermissions
}`;
const DEEPER = `nodes {
  namespace { name } workspace { name } createdBy { name }
  sourceBuild { namespace { name } workspace { name } createdBy { name } queue { position } image { name } }
}`;

describe('a page of 2 rows and one of 50 cost the same number of statements', () => {
  it.each([
    // The page with its namespaces, workspaces, users and builds.
    ['images', `images(first: $n) { ${NESTED} }`, 4],
    ['images with their count', `images(first: $n) { ${NESTED} totalCount }`, 5],
    // And the builds' namespaces, users, images and places in the queue; their workspaces are those of the images.
    ['images with more of their builds', `images(first: $n) { ${DEEPER} }`, 8],
    [
      'images, each with its latest build',
      `images(first: $n) { ${PAGE} nodes { name namespace { name } builds(first: 1) { nodes { status } } } }`,
      1,
    ],
    [
      'what is found and counted',
      'images(first: $n, filter: { search: "row-" }) { nodes { name } totalCount }',
      1,
    ],
    ['images alone', 'images(first: $n) { nodes { id name tag } }', 1],
    ['images backwards', `images(last: $n) { nodes { id } ${PAGE} }`, 1],
    ['the count alone', 'images(first: $n) { totalCount }', 1],
    ['how many builds there are', 'imageBuilds(first: $n) { totalCount }', 1],
    [
      'how many namespaces and workspaces',
      'namespaces(first: $n) { totalCount } workspaces { totalCount }',
      2,
    ],
    // Workspaces by name and the default workspace: who may see a notebook hangs on them.
    ['how many notebooks', 'notebooks(first: $n) { totalCount }', 2],
    // The page, what its images need, and the images of these names.
    [
      'what images need',
      'images(first: $n) { nodes { dependencies { reference image { name dependents { __typename } } } } }',
      3,
    ],
    [
      'images of a namespace',
      'namespace(name: "default") { images(first: $n, filter: { search: "r" }) { nodes { id } } }',
      2,
    ],
    [
      'builds',
      `imageBuilds(first: $n) { ${PAGE} nodes {
        status steps { name } progress { percent } queue { position }
        namespace { name } workspace { name } createdBy { name } canceledBy { name } image { name namespace { name } }
      } }`,
      6,
    ],
    ['builds with their count', 'imageBuilds(first: $n) { nodes { id } totalCount }', 2],
    ['namespaces', 'namespaces(first: $n) { nodes { name viewerRole members { role user { name } } } }', 3],
    ['workspaces', 'workspaces(first: $n) { nodes { name viewerRole members { role user { name } } } }', 3],
    // notebooks: workspaces by name, the default workspace, users by name, saves.
    ['notebooks', 'notebooks(first: $n) { nodes { name status workspace { name } owner { name } } }', 4],
  ])('%s', async (_what, selection, statements) => {
    const cost = async (n: number) =>
      await slipway.countStatements(() => developer.run(`query ($n: Int!) { ${selection} }`, { n }));
    expect([await cost(2), await cost(50)]).toEqual([SIGN_IN + statements, SIGN_IN + statements]);
  });

  it.each([
    [
      "namespaces' images",
      'namespaces(first: $n) { nodes { images(first: 3) { nodes { id } COUNT } } }',
      2,
      1,
    ],
    ["workspaces' images", 'workspaces(first: $n) { nodes { images { edges { cursor } COUNT } } }', 2, 1],
    ["workspaces' builds", 'workspaces(first: $n) { nodes { builds { nodes { id } COUNT } } }', 2, 1],
    ["images' builds", `images(first: $n) { nodes { builds(first: 1) { ${PAGE} COUNT } } }`, 2, 1],
    ['what needs images', `images(first: $n) { nodes { dependents(first: 2) { ${PAGE} COUNT } } }`, 2, 1],
    [
      'nested counts alone',
      'namespaces(first: $n) { nodes { name images(first: 3) { __typename COUNT } } }',
      1,
      1,
    ],
    // notebooks: workspaces by name and the default workspace.
    ["notebooks' images", 'notebooks(first: $n) { nodes { savedImages { nodes { id } COUNT } } }', 3, 1],
    [
      'two lists of other arguments, and lists of their rows',
      `namespaces(first: $n) { nodes {
        few: images(first: 1) { nodes { builds { nodes { image { name } } COUNT } } COUNT }
        more: images(first: 5, filter: { search: "r" }) { nodes { id } COUNT }
      } }`,
      5,
      3,
    ],
    [
      'the way there and back',
      `images(first: $n) { nodes { namespace { images(first: 2) { nodes { name } COUNT } }
        workspace { images(first: 2) { nodes { name } COUNT } builds { nodes { status } COUNT } } } }`,
      5,
      3,
    ],
  ])("%s: nested lists cost what one parent's cost", async (_what, selection, statements, counts) => {
    const cost = async (n: number, count: 'totalCount' | '') =>
      await slipway.countStatements(() =>
        developer.run(`query ($n: Int!) { ${selection.replaceAll('COUNT', count)} }`, { n }),
      );
    expect([await cost(2, ''), await cost(30, '')]).toEqual([SIGN_IN + statements, SIGN_IN + statements]);
    const total = SIGN_IN + statements + counts;
    expect([await cost(2, 'totalCount'), await cost(30, 'totalCount')]).toEqual([total, total]);
  });

  it.each(['images', 'builds', 'namespaces', 'workspaces'] as const)('%s by their ids', async (kind) => {
    const cost = async (n: number) =>
      await slipway.countStatements(() =>
        developer.run('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: ids[kind].slice(0, n) }),
      );
    expect([await cost(2), await cost(50)]).toEqual([SIGN_IN + 1, SIGN_IN + 1]);
  });
});

it('one image by its id is one statement', async () => {
  const [id] = ids.images;
  const ask = () => developer.run('query ($id: ID!) { image(id: $id) { id name tag status } }', { id });
  expect(await slipway.countStatements(ask)).toBe(SIGN_IN + 1);
});

it('pages of whatever size are worded in few ways, which stay prepared', async () => {
  const texts = new Set<string>();
  for (let n = 0; n <= 50; n += 1) {
    const statements = await slipway.statementsOf(async () => {
      const { images } = await developer.run<{ images: { nodes: unknown[] } }>(
        'query ($n: Int!) { images(first: $n) { nodes { name } } }',
        { n },
      );
      expect(images.nodes).toHaveLength(n);
    });
    for (const { text } of statements.slice(SIGN_IN)) texts.add(text);
  }
  expect(texts.size).toBeLessThan(10);
});

describe('what costs nothing', () => {
  it('is a viewer with all roles, but for the names', async () => {
    const statements = await slipway.countStatements(() =>
      developer.run('{ viewer { isAdmin user { name } namespaces { role } workspaces { role } } }'),
    );
    expect(statements).toBe(SIGN_IN);
    const named = await slipway.countStatements(() =>
      developer.run('{ viewer { namespaces { namespace { name } } workspaces { workspace { name } } } }'),
    );
    expect(named).toBe(SIGN_IN + 2);
  });

  it('is a query that is refused before it is carried out', async () => {
    const statements = await slipway.countStatements(() =>
      developer.ask('{ images(first: 500) { nodes { id } } }'),
    );
    expect(statements).toBe(SIGN_IN);
  });
});

async function fillBuilds(count: number): Promise<void> {
  await slipway.database.query(
    `insert into image_build (id, kind, status, version, phases, steps, attempt, lost_workers, workspace_id, namespace_id,
        target_name, target_tag, target_reference, target_labels, pause, visibility, overwrite_tag, timeout_ms, job_id,
        log_line_count, created_by_id, canceled_by_id, created_at, queued_at)
      select gen_random_uuid(), 'DOCKERFILE', 'QUEUED', 1, '[]', '[]', 0, 0, w.id, n.id,
        'made', 't' || i, 'registry.test:5000/default/made:t' || i, '[]', true, 'PRIVATE', false, 1000, gen_random_uuid(),
        0, u.id, u.id, now(), now()
      from generate_series(1, $1) i
        join namespace n on n.name = 'n' || i join workspace w on w.name = 'w' || i
        join user_account u on u.name = case when i % 2 = 0 then 'dana' else 'admin' end`,
    [count],
  );
}

async function globalIds(type: string, table: string): Promise<string[]> {
  const rows = await slipway.database.query<{ id: string }>(`select id from ${table} limit 50`);
  return rows.map(({ id }) => Buffer.from(`${type}:${id}`).toString('base64url'));
}
