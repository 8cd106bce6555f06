import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cursorOf, placeOf, toGlobalId, uidOfImage } from './ids.ts';
import { openPipelines, openPool, patternOf } from './rows.ts';

// The limit: what an experienced hand writes for these three operations and nothing else. One prepared statement for each, the
// driver's rows, JSON.stringify. No GraphQL, nobody who signs in, nothing that is checked.

const DATABASE_URL = process.env['DATABASE_URL'] ?? '';
const PIPELINES = Number(process.env['PIPELINES'] ?? 0);
const ask = PIPELINES > 0 ? await openPipelines(DATABASE_URL, PIPELINES) : openPool(DATABASE_URL);

const ONE = `select id, name, tag, display_name, description, reference, status, visibility, size_bytes, version, created_at,
  updated_at from image where id = $1`;

interface ImageRow {
  readonly id: string;
  readonly name: string;
  readonly tag: string;
  readonly display_name: string | null;
  readonly description: string | null;
  readonly reference: string;
  readonly status: string;
  readonly visibility: string;
  readonly size_bytes: number | null;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

async function one({ id }: { readonly id: string }): Promise<object> {
  const [row] = await ask<ImageRow>('one', ONE, [uidOfImage(id)]);
  if (row === undefined) return { image: null };
  return {
    image: {
      id: toGlobalId('Image', row.id),
      name: row.name,
      tag: row.tag,
      displayName: row.display_name,
      description: row.description,
      reference: row.reference,
      status: row.status,
      visibility: row.visibility,
      sizeBytes: row.size_bytes,
      version: row.version,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    },
  };
}

const LISTED = `select image.id, image.name, image.tag, image.display_name, image.reference, image.status, image.size_bytes,
    image.created_at, image.namespace_id, namespace.name as namespace_name, namespace.display_name as namespace_display_name,
    build.id as build_id, build.status as build_status, build.created_at as build_created_at,
    build.finished_at as build_finished_at
  from image join namespace on namespace.id = image.namespace_id
    left join lateral (select id, status, created_at, finished_at from image_build where image_id = image.id
      order by created_at desc, id desc limit 1) build on true
  where image.status <> 'DELETED'`;
const FIRST_PAGE = `${LISTED} order by image.created_at desc, image.id desc limit $1`;
const NEXT_PAGE = `${LISTED} and (image.created_at, image.id) < ($2::timestamptz, $3::uuid)
  order by image.created_at desc, image.id desc limit $1`;

type ListedRow = Omit<ImageRow, 'description' | 'visibility' | 'version' | 'updated_at'> & {
  readonly namespace_id: string;
  readonly namespace_name: string;
  readonly namespace_display_name: string | null;
  readonly build_id: string | null;
  readonly build_status: string;
  readonly build_created_at: Date;
  readonly build_finished_at: Date | null;
};

async function list({ first, after }: { readonly first: number; readonly after: string | null }) {
  const rows = after
    ? await ask<ListedRow>('next page', NEXT_PAGE, [first + 1, ...placeOf(after)])
    : await ask<ListedRow>('first page', FIRST_PAGE, [first + 1]);
  const hasNextPage = rows.length > first;
  if (hasNextPage) rows.pop();
  const [start, end] = [rows[0], rows.at(-1)];
  const pageInfo = {
    hasNextPage,
    hasPreviousPage: after !== null,
    startCursor: start === undefined ? null : cursorOf(start.created_at, start.id),
    endCursor: end === undefined ? null : cursorOf(end.created_at, end.id),
  };
  return { images: { nodes: rows.map(listedImage), pageInfo } };
}

function listedImage(row: ListedRow): object {
  const build = row.build_id !== null && {
    id: toGlobalId('ImageBuild', row.build_id),
    status: row.build_status,
    createdAt: row.build_created_at,
    finishedAt: row.build_finished_at,
  };
  return {
    id: toGlobalId('Image', row.id),
    name: row.name,
    tag: row.tag,
    displayName: row.display_name,
    reference: row.reference,
    status: row.status,
    sizeBytes: row.size_bytes,
    createdAt: row.created_at,
    namespace: {
      id: toGlobalId('Namespace', row.namespace_id),
      name: row.namespace_name,
      displayName: row.namespace_display_name,
    },
    builds: { nodes: build ? [build] : [] },
  };
}

// Counting what is found anyway takes no statement of its own.
const SEARCH = `select id, name, tag, display_name, description, status, size_bytes, created_at, count(*) over () as total
  from image where search_text like $2 and status = any($3::text[]) and status <> 'DELETED'
  order by created_at desc, id desc limit $1`;

type FoundRow = Omit<ImageRow, 'reference' | 'visibility' | 'version' | 'updated_at'> & {
  readonly total: number;
};

interface SearchVariables {
  readonly first: number;
  readonly filter: { readonly search: string; readonly status: readonly string[] };
}

async function search({ first, filter }: SearchVariables): Promise<object> {
  const rows = await ask<FoundRow>('search', SEARCH, [first + 1, patternOf(filter.search), filter.status]);
  const totalCount = rows[0]?.total ?? 0;
  const hasNextPage = rows.length > first;
  if (hasNextPage) rows.pop();
  const end = rows.at(-1);
  const pageInfo = { hasNextPage, endCursor: end === undefined ? null : cursorOf(end.created_at, end.id) };
  return { images: { totalCount, nodes: rows.map(foundImage), pageInfo } };
}

function foundImage(row: FoundRow): object {
  return {
    id: toGlobalId('Image', row.id),
    name: row.name,
    tag: row.tag,
    displayName: row.display_name,
    description: row.description,
    status: row.status,
    sizeBytes: row.size_bytes,
    createdAt: row.created_at,
  };
}

const ANSWERS: Record<string, (variables: never) => Promise<object>> = {
  One: one,
  List: list,
  Search: search,
};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    answer(Buffer.concat(chunks).toString(), response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`serves: http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});

async function answer(request: string, response: ServerResponse): Promise<void> {
  const { operationName, variables } = JSON.parse(request);
  const data = await ANSWERS[operationName]?.(variables as never);
  const body = Buffer.from(JSON.stringify({ data }));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}
