import type pg from 'pg';
import { toGlobalId } from '../src/shared/global-id.ts';
import { printCursor } from '../src/shared/keyset.ts';

/** A request to measure. */
export interface Case {
  readonly name: string;
  readonly query: string;
  readonly variables: object;
  /** Who asks; absent: the administrator. */
  readonly token?: string;
  /** What the answer holds, in short. */
  readonly found: (answer: unknown) => string;
}

const ROWS = `nodes { id name tag displayName reference status visibility sizeBytes createdAt labels { key value } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
const LIST = `query ($filter: ImageFilter, $orderBy: ImageOrder, $first: Int, $last: Int, $after: String) {
  images(filter: $filter, orderBy: $orderBy, first: $first, last: $last, after: $after) { SHOWN }
}`;

type Ask = (query: string) => Promise<unknown>;

/** The cases, for a seeded catalogue. */
export async function casesOf(client: pg.Client, askAsAdmin: Ask): Promise<Case[]> {
  const list = (name: string, variables: object, token?: string, shown = ROWS): Case => ({
    name,
    query: LIST.replace('SHOWN', shown),
    variables: 'last' in variables ? variables : { first: 20, ...variables },
    ...(token === undefined ? {} : { token }),
    found: (answer) => foundIn((answer as { images: Found }).images),
  });
  const count = (name: string, variables: object, token?: string) =>
    list(`totalCount: ${name}`, variables, token, 'totalCount');
  const search = (what: string, term: string, rest: object = {}, token?: string) =>
    list(`search ${what}: ${term}`, { filter: { search: term }, ...rest }, token);

  const narrow = await member(client, askAsAdmin, 'narrow', 'ns-7');
  const wide = await member(client, askAsAdmin, 'wide', 'ns-1%');
  const nobody = await member(client, askAsAdmin, 'nobody', '');
  const fields = ['CREATED_AT', 'UPDATED_AT', 'NAME', 'SIZE'] as const;
  const deep: (readonly [string, string])[] = [];
  for (const field of fields) deep.push([field, await deepCursor(client, field)]);
  const needed = await first(
    client,
    'select image.id from image order by (created_at, id) limit 1 offset 20',
  );
  const page = `images(first: 20) { nodes { id
    dependencies { reference image { id name } } dependents(first: 3) { nodes { id name } } } }`;

  return [
    list('newest', {}),
    list('newest 100', { first: 100 }),
    ...[
      ['member of 1 namespace', narrow] as const,
      ['member of 11', wide] as const,
      ['of none', nobody] as const,
    ].flatMap(([who, token]) => [
      list(`newest, ${who}`, {}, token),
      list(`newest backwards, ${who}`, { last: 20 }, token),
      list(`by name, ${who}`, { orderBy: { field: 'NAME', direction: 'ASC' } }, token),
    ]),
    ...fields.flatMap((field) => [
      list(`by ${field}`, { orderBy: { field } }),
      list(`by ${field} backwards`, { orderBy: { field, direction: 'ASC' }, last: 20 }),
    ]),
    ...deep.flatMap(([field, after]) => [
      list(`deep page by ${field}`, { orderBy: { field, direction: 'ASC' }, after }),
      list(`deep page by ${field}, member`, { orderBy: { field, direction: 'ASC' }, after }, narrow),
    ]),
    search('30 %', 'pytorch'),
    search('3 %', 'segmentation'),
    search('1 %', 'transcode'),
    search('0.3 %', 'posterize'),
    search('0.02 %', 'zygomatic'),
    search('the oldest 2 %', 'legacy'),
    search('part of a word', 'ygomat'),
    search('nothing', 'nowhere'),
    search('2 letters', 'zy'),
    search('2 letters', 'py'),
    search('1 letter', 'z'),
    search('30 %', '图像'),
    search('3 %', '识别'),
    search('1 %', '转码'),
    search('0.3 %', '抽帧'),
    search('0.02 %', '鬱金'),
    search('the oldest 2 %', '旧版'),
    search('nothing', '没有'),
    search('1 character', '鬱'),
    search('1 character', '抽'),
    search('1 character of all', '镜'),
    search('5 characters', '镜像777'),
    search('6 characters', '图像 模型 '),
    search('mixed', 'v2 抽帧'),
    search('30 %, by name', '图像', { orderBy: { field: 'NAME', direction: 'ASC' } }),
    search('0.3 %, by name', '抽帧', { orderBy: { field: 'NAME', direction: 'ASC' } }),
    search('30 %, member', '图像', {}, narrow),
    search('0.3 %, member', 'posterize', {}, narrow),
    search('the oldest 2 %, member', 'legacy', {}, narrow),
    list('filter namespace', { filter: { namespace: 'ns-3' } }),
    list('filter namespace and search', { filter: { namespace: 'ns-3', search: '转码' } }),
    list('filter status ERROR', { filter: { status: ['ERROR'] } }),
    list('filter deleted', { filter: { status: ['DELETED'] } }),
    list('filter type', { filter: { type: 'BUILD_IN' } }),
    list('filter group (0.5 %)', { filter: { group: 'group-17' } }),
    list('filter group of nobody', { filter: { group: 'nobody' } }),
    list('filter tag', { filter: { tag: 'v3.5' } }),
    list('filter label (2.5 %)', { filter: { labels: [{ key: 'team', value: 't7' }] } }),
    list('filter label of one', { filter: { labels: [{ key: 'number', value: '777' }] } }),
    list('filter resources (0.07 %)', { filter: { resourceCategories: ['ASCEND'] } }),
    list('filter dependsOn', { filter: { dependsOn: toGlobalId('Image', needed) } }),
    list('filter or: search, label', {
      filter: { or: [{ search: 'zygomatic' }, { labels: [{ key: 'number', value: '777' }] }] },
    }),
    list('filter or: two searches', { filter: { or: [{ search: '鬱金' }, { search: 'zygomatic' }] } }),
    list('filter not: search', { filter: { not: { search: '图像' } } }),
    list('filter search, not', { filter: { search: '抽帧', not: { visibility: 'PUBLIC' } } }),
    count('everything', {}),
    count('everything, member', {}, narrow),
    count('30 %', { filter: { search: '图像' } }),
    count('0.3 %', { filter: { search: '抽帧' } }),
    count('namespace', { filter: { namespace: 'ns-3' } }),
    {
      name: 'dependencies and dependents of 20',
      query: `{ ${page} }`,
      variables: {},
      found: (answer) => foundIn((answer as { images: Found }).images),
    },
  ];
}

interface Found {
  readonly nodes?: readonly unknown[];
  readonly totalCount?: number;
}

const foundIn = ({ nodes, totalCount }: Found) =>
  totalCount === undefined ? `${nodes?.length} rows` : String(totalCount);

/** A user with the role VIEWER on namespaces. @returns the user's token */
async function member(client: pg.Client, askAsAdmin: Ask, name: string, namespaces: string): Promise<string> {
  const { createAccessToken } = (await askAsAdmin(
    `mutation { createAccessToken(input: { name: "bench", userName: "${name}" }) { token } }`,
  )) as { createAccessToken: { token: string } };
  await client.query(
    `insert into namespace_member (namespace_id, user_id, role)
      select n.id, u.id, 'VIEWER' from namespace n, user_account u where n.name like $1 and u.name = $2
      on conflict do nothing`,
    [namespaces, name],
  );
  return createAccessToken.token;
}

/** A cursor nine tenths down an ascending order. */
async function deepCursor(
  client: pg.Client,
  field: 'CREATED_AT' | 'UPDATED_AT' | 'NAME' | 'SIZE',
): Promise<string> {
  const by = {
    CREATED_AT: 'created_at',
    UPDATED_AT: 'updated_at',
    NAME: 'name collate "C"',
    SIZE: 'coalesce(size_bytes, -1)::float8',
  }[field];
  const { rows } = await client.query<{ value: Date | string | number; id: string }>(
    `select ${by} as value, id from image order by ${by}, id limit 1
      offset (select count(*) * 9 / 10 from image)`,
  );
  const { value, id } = rows[0] as (typeof rows)[number];
  return printCursor(`images ${field} ASC`, {
    value: value instanceof Date ? value.toISOString() : value,
    id,
  });
}

async function first(client: pg.Client, query: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(query);
  return (rows[0] as { id: string }).id;
}
