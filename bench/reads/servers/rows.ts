import pg from 'pg';
import { cursorOf, placeOf, toGlobalId, uidOfImage } from './ids.ts';

// What the handler by hand and the peers that bring no SQL of their own have in common: the connections, the statements, each
// prepared under a name, and what is made of a row. All of them get the same and the best that we know.

/** As many as Slipway's own pool has. */
const CONNECTIONS = 10;

/** What asks the database. */
export type Ask = <Row extends pg.QueryResultRow>(
  name: string,
  text: string,
  values: readonly unknown[],
) => Promise<Row[]>;

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
// Three times as quick as the driver's own.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => new Date(text));

/** By a pool: one question at a time on each connection. */
export function openPool(connectionString: string): Ask {
  const pool = new pg.Pool({ connectionString, max: CONNECTIONS });
  return async (name, text, values) => (await pool.query({ name, text, values: [...values] })).rows;
}

/** By connections each of which takes the next question before it has answered the last one. */
export async function openPipelines(connectionString: string, count: number): Promise<Ask> {
  const clients = Array.from({ length: count }, () => new pg.Client({ connectionString, pipeline: true }));
  await Promise.all(clients.map((client) => client.connect()));
  let turn = 0;
  return async (name, text, values) => {
    turn = (turn + 1) % clients.length;
    return (await (clients[turn] as pg.Client).query({ name, text, values: [...values] })).rows;
  };
}

/** A row, with the global id that the API has for it. */
export interface Image {
  id: string;
  readonly uid: string;
  readonly namespaceId: string;
  readonly createdAt: Date;
}

const COLUMNS = `image.id as uid, image.namespace_id as "namespaceId", image.name, image.tag, image.display_name as "displayName",
  image.description, image.reference, image.status, image.visibility, image.size_bytes as "sizeBytes", image.version,
  image.created_at as "createdAt", image.updated_at as "updatedAt"`;

/** What a term is looked for by: its special characters stand for themselves. */
export const patternOf = (search: string): string => `%${search.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`;

/** What peers answer `images` with. */
export interface Connection {
  readonly totalCount: number | null;
  readonly nodes: readonly Image[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

function withIds(images: Image[]): Image[] {
  for (const image of images) image.id = toGlobalId('Image', image.uid);
  return images;
}

export async function imageById(ask: Ask, id: string): Promise<Image | null> {
  const rows = await ask<Image>('image', `select ${COLUMNS} from image where id = $1`, [uidOfImage(id)]);
  return withIds(rows)[0] ?? null;
}

const FIRST_PAGE = `select ${COLUMNS} from image where status <> 'DELETED' order by created_at desc, id desc limit $1`;
const NEXT_PAGE = `select ${COLUMNS} from image where status <> 'DELETED' and (created_at, id) < ($2::timestamptz, $3::uuid)
  order by created_at desc, id desc limit $1`;

export async function pageOfImages(
  ask: Ask,
  first: number,
  after: string | null | undefined,
): Promise<Connection> {
  const rows = after
    ? await ask<Image>('next images', NEXT_PAGE, [first + 1, ...placeOf(after)])
    : await ask<Image>('first images', FIRST_PAGE, [first + 1]);
  return connectionOf(rows, first, Boolean(after), null);
}

// Counting what is found anyway costs nothing more.
const SEARCH = `select ${COLUMNS}, count(*) over () as total from image
  where search_text like $2 and status = any($3::text[]) and status <> 'DELETED'
  order by created_at desc, id desc limit $1`;

export async function foundImages(
  ask: Ask,
  first: number,
  filter: { readonly search: string; readonly status: readonly string[] },
): Promise<Connection> {
  const rows = await ask<Image & { total: number }>('search', SEARCH, [
    first + 1,
    patternOf(filter.search),
    filter.status,
  ]);
  return connectionOf(rows, first, false, rows[0]?.total ?? 0);
}

function connectionOf(rows: Image[], first: number, isAfter: boolean, totalCount: number | null): Connection {
  const nodes = withIds(rows.slice(0, first));
  const [start, end] = [nodes[0], nodes.at(-1)];
  return {
    totalCount,
    nodes,
    pageInfo: {
      hasNextPage: rows.length > first,
      hasPreviousPage: isAfter,
      startCursor: start === undefined ? null : cursorOf(start.createdAt, start.uid),
      endCursor: end === undefined ? null : cursorOf(end.createdAt, end.uid),
    },
  };
}

export interface Namespace {
  id: string;
  readonly uid: string;
  readonly name: string;
  readonly displayName: string | null;
}

/** The namespaces of these images, in their order. */
export async function namespacesOf(ask: Ask, images: readonly Image[]): Promise<(Namespace | null)[]> {
  const ids = [...new Set(images.map(({ namespaceId }) => namespaceId))];
  const rows = await ask<Namespace>(
    'namespaces',
    'select id as uid, name, display_name as "displayName" from namespace where id = any($1::uuid[])',
    [ids],
  );
  for (const row of rows) row.id = toGlobalId('Namespace', row.uid);
  const byUid = new Map(rows.map((row) => [row.uid, row]));
  return images.map(({ namespaceId }) => byUid.get(namespaceId) ?? null);
}

export interface Build {
  id: string;
  readonly uid: string;
  readonly imageId: string;
}

const BUILDS = `select build.* from unnest($1::uuid[]) parent(id) cross join lateral (
    select id as uid, image_id as "imageId", status, created_at as "createdAt", finished_at as "finishedAt" from image_build
      where image_id = parent.id order by created_at desc, id desc limit $2) build`;

/** The latest builds of these images, in their order. */
export async function buildsOf(
  ask: Ask,
  images: readonly Image[],
  first: number,
): Promise<{ nodes: Build[] }[]> {
  const rows = await ask<Build>('builds', BUILDS, [images.map(({ uid }) => uid), first]);
  for (const row of rows) row.id = toGlobalId('ImageBuild', row.uid);
  const byImage = Map.groupBy(rows, ({ imageId }) => imageId);
  return images.map(({ uid }) => ({ nodes: byImage.get(uid) ?? [] }));
}
