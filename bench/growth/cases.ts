import type pg from 'pg';
import { toGlobalId } from '../../src/shared/global-id.ts';
import { printCursor } from '../../src/shared/keyset.ts';
import type { Viewer } from './viewers.ts';

/** A request to measure. */
export interface Case {
  readonly name: string;
  /** Who asks. */
  readonly viewer: Viewer;
  readonly query: string;
  readonly variables: object;
  /** Has it to look at more where there is more? Searches, counts and sums. */
  readonly grows: boolean;
}

/** A page of so many, this many pages into the list: as many as the smallest catalogue has twice. */
const DEEP = { first: 5, pages: 1000 } as const;

const IMAGE = 'id name tag displayName reference status visibility sizeBytes createdAt labels { key value }';
const BUILD = 'id status createdAt target { reference } logLineCount';
const PAGE = 'pageInfo { hasNextPage hasPreviousPage endCursor }';
const IMAGES = `query ($filter: ImageFilter, $orderBy: ImageOrder, $first: Int, $last: Int, $after: String) {
  images(filter: $filter, orderBy: $orderBy, first: $first, last: $last, after: $after) { SHOWN }
}`;
const BUILDS = `query ($filter: ImageBuildFilter, $first: Int, $last: Int, $after: String) {
  imageBuilds(filter: $filter, first: $first, last: $last, after: $after) { SHOWN }
}`;
const LOG = `query ($id: ID!, $first: Int, $last: Int, $after: String) {
  imageBuild(id: $id) { logs(first: $first, last: $last, after: $after) { nodes { seq text } ${PAGE} } }
}`;

const ORDERS = {
  CREATED_AT: { by: 'created_at', direction: 'DESC' },
  UPDATED_AT: { by: 'updated_at', direction: 'DESC' },
  NAME: { by: 'name collate "C"', direction: 'ASC' },
  SIZE: { by: 'coalesce(size_bytes, -1)::float8', direction: 'DESC' },
} as const;
type OrderField = keyof typeof ORDERS;

/** The cases, for a seeded catalogue. */
export async function casesOf(client: pg.Client): Promise<Case[]> {
  const ask = (viewer: Viewer, name: string, query: string, variables: object = {}, grows = false): Case => ({
    name,
    viewer,
    query,
    variables,
    grows,
  });
  const images = (viewer: Viewer, name: string, variables: object = {}, grows = false) =>
    ask(
      viewer,
      name,
      IMAGES.replace('SHOWN', `nodes { ${IMAGE} } ${PAGE}`),
      { first: 20, ...variables },
      grows,
    );
  const builds = (viewer: Viewer, name: string, variables: object = {}) =>
    ask(viewer, name, BUILDS.replace('SHOWN', `nodes { ${BUILD} } ${PAGE}`), { first: 20, ...variables });
  const count = (viewer: Viewer, name: string, filter: object = {}) =>
    ask(viewer, name, IMAGES.replace('SHOWN', 'totalCount'), { filter }, true);
  const search = (viewer: Viewer, name: string, term: string, rest: object = {}) =>
    images(viewer, `search: ${name}`, { filter: { search: term }, ...rest }, true);

  const everybody = ['wide', 'narrow', 'library', 'nobody'] as const;
  const byField = (field: OrderField) => ({ orderBy: { field, direction: ORDERS[field].direction } });
  const deep: Case[] = [];
  for (const field of ['CREATED_AT', 'UPDATED_AT', 'NAME', 'SIZE'] as const) {
    const after = await deepCursor(
      client,
      'image',
      `images ${field} ${ORDERS[field].direction}`,
      ORDERS[field],
    );
    for (const viewer of field === 'CREATED_AT' || field === 'NAME' ? everybody : (['wide'] as const)) {
      deep.push(
        images(viewer, `images by ${field}, 1,000 pages deep`, {
          ...byField(field),
          after,
          first: DEEP.first,
        }),
      );
    }
  }
  const afterBuild = await deepCursor(client, 'image_build', 'builds CREATED_AT DESC', ORDERS.CREATED_AT);
  const [image, oldest, longest] = [
    await idOf(
      client,
      "select id from image where status = 'ACTIVE' order by created_at desc limit 1 offset 20",
    ),
    await idOf(client, 'select id from image order by created_at limit 1'),
    await idOf(client, 'select id from image_build order by log_line_count desc limit 1'),
  ];
  const named = (
    await client.query<{ namespace: string; name: string; tag: string }>(
      'select n.name as namespace, i.name, i.tag from image i join namespace n on n.id = i.namespace_id where i.id = $1',
      [image],
    )
  ).rows[0] as { namespace: string; name: string; tag: string };
  const build = toGlobalId('ImageBuild', longest);

  return [
    ...everybody.flatMap((viewer) => [
      images(viewer, 'images, newest'),
      images(viewer, 'images, oldest', { first: null, last: 20 }),
      images(viewer, 'images by NAME', byField('NAME')),
      images(viewer, 'images by SIZE', byField('SIZE')),
      images(viewer, 'images by UPDATED_AT', byField('UPDATED_AT')),
    ]),
    ...deep,
    images('library', 'images of filter PRIVATE', { filter: { visibility: 'PRIVATE' } }),
    images('library', 'images of filter PRIVATE, by NAME', {
      filter: { visibility: 'PRIVATE' },
      ...byField('NAME'),
    }),
    images('wide', 'images of filter namespace', { filter: { namespace: 'ns-3' } }),
    ...(['NAME', 'SIZE'] as const).map((field) =>
      images('wide', `images of filter namespace, by ${field}`, {
        filter: { namespace: 'ns-3' },
        ...byField(field),
      }),
    ),
    images('nobody', "images of somebody's namespace", { filter: { namespace: 'ns-3' } }),
    ...(['NAME', 'SIZE', 'UPDATED_AT'] as const).map((field) =>
      images('wide', `images of filter namespace library, by ${field}`, {
        filter: { namespace: 'library' },
        ...byField(field),
      }),
    ),
    images('wide', 'images of filter status ERROR', { filter: { status: ['ERROR'] } }),
    images('wide', 'images of filter status DELETED', { filter: { status: ['DELETED'] } }),
    images('wide', 'images of filter type BUILD_IN', { filter: { type: 'BUILD_IN' } }),
    images('wide', 'images of filter group', { filter: { group: 'group-17' } }),
    images('wide', 'images of filter tag', { filter: { tag: 'v3.5' } }),
    images('wide', 'images of filter label (2.5 %)', { filter: { labels: [{ key: 'team', value: 't7' }] } }),
    images('wide', 'images of filter label of one', {
      filter: { labels: [{ key: 'number', value: '777' }] },
    }),
    images('wide', 'images of filter dependsOn', { filter: { dependsOn: toGlobalId('Image', oldest) } }),
    ask('wide', 'image by id', `query ($id: ID!) { image(id: $id) { ${IMAGE} } }`, {
      id: toGlobalId('Image', image),
    }),
    ask(
      'wide',
      'image by name',
      `query ($namespace: String!, $name: String!, $tag: String!) {
        imageByName(namespace: $namespace, name: $name, tag: $tag) { ${IMAGE} } }`,
      named,
    ),
    ask(
      'wide',
      'images, each with dependencies, dependents, builds',
      `{ images(first: 20) { nodes { id
      dependencies { reference image { id name } } dependents(first: 3) { nodes { id } } builds(first: 3) { nodes { id } } } } }`,
    ),
    ...(['wide', 'nobody'] as const).map((viewer) =>
      ask(
        viewer,
        'namespaces, each with 5 images',
        `{ namespaces(first: 20) { nodes { id images(first: 5) { nodes { ${IMAGE} } } } } }`,
      ),
    ),
    ask(
      'wide',
      'workspaces, each with 5 images and builds',
      `{ workspaces(first: 20) { nodes { id images(first: 5) { nodes { id } }
      builds(first: 5) { nodes { id } } } } }`,
    ),
    ...everybody.map((viewer) => builds(viewer, 'builds, newest')),
    ...everybody.map((viewer) =>
      builds(viewer, 'builds, 1,000 pages deep', { after: afterBuild, first: DEEP.first }),
    ),
    ...['RUNNING', 'QUEUED', 'FAILED', 'TIMED_OUT', 'EXPIRED', 'CANCELING'].map((status) =>
      builds('wide', `builds of status ${status}`, { filter: { status: [status] } }),
    ),
    ...['FAILED', 'EXPIRED'].map((status) =>
      builds('narrow', `builds of status ${status}`, { filter: { status: [status] } }),
    ),
    builds('wide', 'builds of status QUEUED or RUNNING', { filter: { status: ['QUEUED', 'RUNNING'] } }),
    builds('wide', 'builds of status FAILED or TIMED_OUT', { filter: { status: ['FAILED', 'TIMED_OUT'] } }),
    builds('wide', 'builds of kind NOTEBOOK', { filter: { kind: ['NOTEBOOK'] } }),
    builds('wide', 'builds of filter namespace', { filter: { namespace: 'ns-3' } }),
    ask('library', "an old build's log, first lines", LOG, { id: build, first: 100 }),
    ask('library', "an old build's log, last lines", LOG, { id: build, last: 100 }),
    ask(
      'wide',
      'quotas of 20 namespaces',
      '{ namespaces(first: 20) { nodes { id quota { images { used } concurrentBuilds { used } storageBytes { used } } } } }',
      {},
      true,
    ),
    ...everybody.map((viewer) => count(viewer, 'count: images')),
    count('wide', 'count: images of a namespace', { namespace: 'ns-3' }),
    count('wide', 'count: search, 30 %', { search: '图像' }),
    ask('wide', 'count: builds', BUILDS.replace('SHOWN', 'totalCount'), {}, true),
    ask('narrow', 'count: builds', BUILDS.replace('SHOWN', 'totalCount'), {}, true),
    ...(['wide', 'narrow'] as const).flatMap((viewer) => [
      search(viewer, '30 %', 'pytorch'),
      search(viewer, '30 %, Chinese', '图像'),
      search(viewer, '1 %', 'transcode'),
      search(viewer, '0.02 %', 'zygomatic'),
      search(viewer, 'the oldest 200', 'legacy'),
      search(viewer, 'nothing', 'nowhere'),
      search(viewer, '2 letters of nothing', '~z'),
    ]),
    search('wide', '1 %, by NAME', 'transcode', byField('NAME')),
    search('wide', '30 %, in a namespace', 'pytorch', { filter: { search: 'pytorch', namespace: 'ns-3' } }),
    search('wide', '0.02 %, in a namespace', 'zygomatic', {
      filter: { search: 'zygomatic', namespace: 'ns-3' },
    }),
  ];
}

/** A cursor 1,000 pages into a list. */
async function deepCursor(
  client: pg.Client,
  relation: string,
  list: string,
  { by, direction }: { readonly by: string; readonly direction: string },
): Promise<string> {
  const { rows } = await client.query<{ value: Date | string | number; id: string }>(
    `select ${by} as value, id from ${relation} order by ${by} ${direction}, id ${direction} limit 1
      offset ${DEEP.first * DEEP.pages}`,
  );
  const { value, id } = rows[0] as (typeof rows)[number];
  return printCursor(list, { value: value instanceof Date ? value.toISOString() : value, id });
}

async function idOf(client: pg.Client, query: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(query);
  return (rows[0] as { id: string }).id;
}
