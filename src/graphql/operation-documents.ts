import {
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  type ParseOptions,
  type ValidationRule,
} from 'graphql';
import { MAX_DOCUMENT_LENGTH, parseOptions, ShapeRule } from './document-shape.rules.ts';
import { KnownDocuments } from './known-documents.ts';
import { type PersistedDocuments, readPersistedDocuments } from './persisted-documents.ts';

/** How a request says which document it means: by its text, or by the id of a persisted one. */
export interface DocumentRequest {
  readonly query?: unknown;
  /** As the draft of persisted documents has it, with or without `sha256:`. */
  readonly documentId?: unknown;
  /** `persistedQuery.sha256Hash` in it, as Apollo's clients send it. */
  readonly extensions?: unknown;
}

/** Which documents may be executed, whichever edge they come in by. */
export interface OperationDocuments {
  /**
   * The text of the document that a request means; `undefined` where it names none, which the reader of the request refuses.
   *
   * @throws GraphQLError with the code GRAPHQL_PARSE_FAILED (longer than documents may be), PERSISTED_QUERY_NOT_FOUND (only
   *   persisted ones are executed, and this is none), or PERSISTED_QUERY_NOT_SUPPORTED (an id, and there are none)
   */
  textOf(request: DocumentRequest): string | undefined;
  readonly parseOptions: ParseOptions;
  /** To be validated besides GraphQL's own rules. */
  readonly validationRules: readonly ValidationRule[];
  /** May nobody learn of the schema? Then errors suggest no names of it either. */
  readonly hidesSchema: boolean;
  /** Those that came before, to either edge, and were found good. */
  readonly known: KnownDocuments;
}

/**
 * @param settings `introspection`: may the schema be asked for; `documentsFile`: the documents that may be executed and no
 *   others, `null`: any
 * @throws PersistedDocumentsError the file is not usable
 */
export async function openOperationDocuments(
  schema: GraphQLSchema,
  settings: { readonly introspection: boolean; readonly documentsFile: string | null },
): Promise<OperationDocuments> {
  const { introspection, documentsFile } = settings;
  const validationRules = [ShapeRule, ...(introspection ? [] : [NoSchemaIntrospectionCustomRule])];
  const persisted =
    documentsFile === null ? null : await readPersistedDocuments(documentsFile, schema, validationRules);
  return {
    textOf: (request) => textOf(request, persisted),
    parseOptions,
    validationRules,
    hidesSchema: !introspection,
    known: new KnownDocuments(),
  };
}

function textOf(
  { query, documentId, extensions }: DocumentRequest,
  persisted: PersistedDocuments | null,
): string | undefined {
  const text = typeof query === 'string' && query !== '' ? query : undefined;
  if (text !== undefined && text.length > MAX_DOCUMENT_LENGTH) throw tooLong(text.length);
  const id = typeof documentId === 'string' ? documentId : apolloId(extensions);
  if (persisted === null) {
    if (text === undefined && id !== undefined) throw NOT_SUPPORTED();
    return text;
  }
  if (id === undefined && text === undefined) return undefined;
  const found = id === undefined ? text : persisted.textOf(id);
  if (found === undefined || !persisted.has(found) || (text ?? found) !== found) throw NOT_FOUND();
  return found;
}

function apolloId(extensions: unknown): string | undefined {
  if (!isObject(extensions) || !isObject(extensions['persistedQuery'])) return undefined;
  const id = extensions['persistedQuery']['sha256Hash'];
  return typeof id === 'string' ? id : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function tooLong(current: number): GraphQLError {
  const message = `The document has ${current} characters; at most ${MAX_DOCUMENT_LENGTH} are allowed: put long texts into variables.`;
  const details = { limit: MAX_DOCUMENT_LENGTH, current };
  return new GraphQLError(message, { extensions: { code: 'GRAPHQL_PARSE_FAILED', details } });
}

// Clients of Apollo know these two messages, and send the whole document after the second.
const NOT_FOUND = () =>
  new GraphQLError('PersistedQueryNotFound', { extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } });
const NOT_SUPPORTED = () =>
  new GraphQLError('PersistedQueryNotSupported', { extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } });
