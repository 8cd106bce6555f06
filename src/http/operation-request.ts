import type { OperationDocuments } from '../graphql/operation-documents.ts';
import type { Exchange } from './exchange.ts';

/** What of an HTTP request tells an operation, with the text of its document in it also where the request has only its id. */
export interface OperationRequest {
  readonly search: string;
  readonly body: unknown;
}

/** What an operation is told by; its extensions are ours to read. */
const OPERATION_KEYS: ReadonlySet<string> = new Set(['query', 'operationName', 'variables']);

/**
 * @param readBody for what is posted; what it throws is thrown
 * @throws GraphQLError as {@link OperationDocuments.textOf} does
 */
export async function readOperationRequest(
  { req, url }: Exchange<unknown>,
  documents: OperationDocuments,
  readBody: () => Promise<unknown>,
): Promise<OperationRequest> {
  if (req.method !== 'POST')
    return { search: withText(new URLSearchParams(url.search), documents), body: undefined };
  const body = await readBody();
  if (!isObject(body)) return { search: url.search, body };
  const text = documents.textOf(body);
  return { search: url.search, body: isWhole(body) ? body : withoutOthers(body, text) };
}

/** A request with its text, as nearly all are: nothing has to be left out of it. */
function isWhole(body: Record<string, unknown>): boolean {
  for (const key of Object.keys(body)) if (!OPERATION_KEYS.has(key)) return false;
  return typeof body['query'] === 'string' && body['query'] !== '';
}

function withoutOthers(body: Record<string, unknown>, text: string | undefined): Record<string, unknown> {
  // Nothing else: an operation may run for long, and what it does not know of would be kept as long.
  const known = Object.fromEntries(
    [...OPERATION_KEYS].filter((key) => Object.hasOwn(body, key)).map((key) => [key, body[key]]),
  );
  return {
    ...known,
    ...(text !== undefined && { query: text }),
    // An id is of no use any more, and GraphQL's server has a meaning of its own for it.
    ...(Object.hasOwn(body, 'extensions') && {
      extensions: isObject(body['extensions']) ? {} : body['extensions'],
    }),
  };
}

function withText(params: URLSearchParams, documents: OperationDocuments): string {
  const query = params.get('query');
  const extensions = parsed(params.get('extensions'));
  const text = documents.textOf({ query, documentId: params.get('documentId'), extensions });
  if (isObject(extensions)) params.delete('extensions');
  // Only where it is absent: a parameter that is given twice is refused.
  if (text !== undefined && query === null) params.set('query', text);
  return `?${params.toString()}`;
}

function parsed(json: string | null): unknown {
  try {
    return json === null ? undefined : JSON.parse(json);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
