import { toGlobalId } from '../../src/shared/global-id.ts';
import { readCursor } from '../../src/shared/keyset.ts';
import type { Operation, Variables } from './operations.ts';

// PostGraphile makes its schema of the tables, so the operations are asked in its words, and its answers told in Slipway's. It has
// all of their fields; ids and cursors are its own.

const QUERIES = {
  q1: `query One($id: ID!) {
  image(id: $id) {
    id name tag displayName description reference status visibility sizeBytes version createdAt updatedAt
  }
}`,
  q2: `query List($first: Int!, $after: Cursor) {
  allImages(first: $first, after: $after, orderBy: [CREATED_AT_DESC, ROW_ID_DESC], filter: { status: { notEqualTo: "DELETED" } }) {
    nodes {
      id name tag displayName reference status sizeBytes createdAt
      namespaceByNamespaceId { id name displayName }
      imageBuildsByImageId(first: 1, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]) { nodes { id status createdAt finishedAt } }
    }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`,
  q3: `query Search($first: Int!, $filter: ImageFilter!) {
  allImages(first: $first, orderBy: [CREATED_AT_DESC, ROW_ID_DESC], filter: $filter) {
    totalCount
    nodes { id name tag displayName description status sizeBytes createdAt }
    pageInfo { hasNextPage endCursor }
  }
}`,
} as const;

/** How the server at `url` is asked the same. */
export async function toPostgraphile(
  { name }: Operation,
  url: string,
): Promise<(variables: Variables) => string> {
  const body = (variables: object) => JSON.stringify({ query: QUERIES[name], variables });
  switch (name) {
    case 'q1':
      return ({ id }) => body({ id: nodeIdOf(String(id)) });
    case 'q2': {
      const order = await orderOf(url, body({ first: 1 }));
      return ({ first, after }) =>
        body({ first, after: after === null ? null : cursorOf(order, String(after)) });
    }
    case 'q3':
      return ({ first, filter }) => {
        const { search, status } = filter as { search: string; status: string[] };
        return body({ first, filter: { searchText: { like: `%${search}%` }, status: { in: status } } });
      };
  }
}

const encode = (parts: readonly unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64');
const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64').toString()) as string[];

function nodeIdOf(id: string): string {
  return encode(Buffer.from(id, 'base64url').toString().split(':'));
}

/** What its cursors of this order begin with. */
async function orderOf(url: string, body: string): Promise<string> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body,
  });
  const { data } = (await response.json()) as { data: { allImages: { pageInfo: { endCursor: string } } } };
  return decode(data.allImages.pageInfo.endCursor)[0] as string;
}

function cursorOf(order: string, after: string): string {
  const { value, id } = readCursor('images CREATED_AT DESC', 'timestamptz', after, 'after');
  return encode([order, String(value).replace('Z', '000+00:00'), id]);
}

/** Its names for fields that are called something else in Slipway. */
const NAMES: Readonly<Record<string, string>> = {
  allImages: 'images',
  namespaceByNamespaceId: 'namespace',
  imageBuildsByImageId: 'builds',
};
const TYPES = { Image: 'Image', Namespace: 'Namespace', ImageBuild: 'ImageBuild' } as const;

/** Its answer in Slipway's words, but for cursors. */
export function fromPostgraphile(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data), (key, value: unknown) => {
    if (value === null) return null;
    if (key === 'id') {
      const [type, uid] = decode(String(value)) as [keyof typeof TYPES, string];
      return toGlobalId(TYPES[type], uid);
    }
    if (key === 'sizeBytes') return Number(value);
    if (key.endsWith('At')) return new Date(String(value)).toISOString();
    if (typeof value !== 'object' || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [NAMES[name] ?? name, inner]));
  });
}
