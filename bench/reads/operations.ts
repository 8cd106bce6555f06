import type pg from 'pg';
import { toGlobalId } from '../../src/shared/global-id.ts';
import { printCursor } from '../../src/shared/keyset.ts';

/** What is asked of every server. */
export interface Operation {
  /** On the command line and in the tables. */
  readonly name: 'q1' | 'q2' | 'q3';
  readonly title: string;
  readonly query: string;
  /** Each asks for something else; they are sent in turns. */
  readonly variables: readonly Variables[];
}

export type Variables = Readonly<Record<string, unknown>>;

const IDS = 4000;
const CURSORS = 200;
/** How far apart the cursors are, in images. */
const STRIDE = 47;
const TERMS = 200;
export const PAGE = 50;
export const FOUND = 20;

const ONE = `query One($id: ID!) {
  image(id: $id) {
    id name tag displayName description reference status visibility sizeBytes version createdAt updatedAt
  }
}`;

const LIST = `query List($first: Int!, $after: String) {
  images(first: $first, after: $after) {
    nodes {
      id name tag displayName reference status sizeBytes createdAt
      namespace { id name displayName }
      builds(first: 1) { nodes { id status createdAt finishedAt } }
    }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;

const SEARCH = `query Search($first: Int!, $filter: ImageFilter!) {
  images(first: $first, filter: $filter) {
    totalCount
    nodes { id name tag displayName description status sizeBytes createdAt }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** The three operations, about what is in a seeded catalogue. */
export async function readOperations(client: pg.Client): Promise<readonly Operation[]> {
  const ids = await client.query<{ id: string }>(
    `select id from image where status <> 'DELETED' order by md5(id::text) limit ${IDS}`,
  );
  const places = await client.query<{ at: Date; id: string }>(
    `select created_at as at, id from (
        select created_at, id, row_number() over (order by created_at desc, id desc) as place
          from image where status <> 'DELETED') placed
      where place % ${STRIDE} = 0 order by place limit ${CURSORS}`,
  );
  const cursors = places.rows.map(({ at, id }) =>
    printCursor('images CREATED_AT DESC', { value: at.toISOString(), id }),
  );
  return [
    {
      name: 'q1',
      title: 'one image by id, 12 fields',
      query: ONE,
      variables: ids.rows.map(({ id }) => ({ id: toGlobalId('Image', id) })),
    },
    {
      name: 'q2',
      title: `a page of ${PAGE} images, each with its namespace and its latest build`,
      query: LIST,
      variables: [null, ...cursors].map((after) => ({ first: PAGE, after })),
    },
    {
      name: 'q3',
      title: `a text search that finds 0.2 to 0.4 %, page of ${FOUND}, and how many there are`,
      query: SEARCH,
      variables: searchTerms().map((search) => ({ first: FOUND, filter: { search, status: ['ACTIVE'] } })),
    },
  ];
}

/** Names of algorithms, each of which 0.2 % of the images have, and beginnings of releases, 0.4 %. */
function searchTerms(): string[] {
  return Array.from({ length: TERMS }, (_, index) =>
    index % 2 === 0
      ? `algorithm-${100 + ((index * 37) % 400)}`
      : `release ${((index * 29) % 256).toString(16).padStart(2, '0')}`,
  );
}
