import type { ServerResponse } from 'node:http';
import { type GraphQLSchema, OperationTypeNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import { createExecutePlanned } from '../graphql/execute-planned.ts';
import type { KnownDocuments } from '../graphql/known-documents.ts';
import type { GuardedOperation } from './guarded-operation.ts';
import { asBody } from './utf8.ts';

/** What a client says that it accepts, as far as anybody's says it. */
const MAX_ACCEPTED = 100;
const MAX_ACCEPT_LENGTH = 300;

/** A request that was read, as far as it is well formed. */
export interface QueryRequest {
  readonly method: string | undefined;
  readonly accept: string | undefined;
  readonly body: unknown;
}

/**
 * Answers queries that have come before without Apollo's pipeline, which takes 60 to 200 µs: their documents are known to be good,
 * their selections are planned, and what Apollo answers to clients who accept the same is known. Identity, limits, cost and masking are
 * not Apollo's, and the same here. Everything else is left to Apollo: what is asked for the first time, mutations, GET, and whatever is
 * refused.
 */
export class KnownQueries {
  readonly #documents: KnownDocuments;
  readonly #execute: ReturnType<typeof createExecutePlanned>;
  readonly #contentTypes = new LRUCache<string, string>({ max: MAX_ACCEPTED });

  constructor(schema: GraphQLSchema, documents: KnownDocuments) {
    this.#documents = documents;
    this.#execute = createExecutePlanned(schema);
  }

  /** Keeps in mind in which form Apollo has answered to a client who accepts this. */
  rememberType(accept: string | undefined, contentType: string): void {
    const key = accept ?? '';
    if (key.length <= MAX_ACCEPT_LENGTH) this.#contentTypes.set(key, contentType);
  }

  /** @returns whether it was answered; where not, nothing was done but that the operation may be admitted or refused */
  async answer(
    { method, accept, body }: QueryRequest,
    operation: GuardedOperation<unknown>,
    contextValue: object,
    res: ServerResponse,
  ): Promise<boolean> {
    const contentType = this.#contentTypes.get(accept ?? '');
    if (method !== 'POST' || contentType === undefined || !isWellFormed(body)) return false;
    const { query, operationName, variables } = body;
    const known = this.#documents.operationOf(query, operationName);
    if (known?.operation.operation !== OperationTypeNode.QUERY) return false;
    try {
      operation.admit({ ...known, variables });
    } catch {
      return false;
    }
    const result = await this.#execute({ ...known, variableValues: variables, contextValue });
    // Its variables are not what they should be.
    if (result.data === undefined) return false;
    const text = `${JSON.stringify(operation.answerOf(result))}\n`;
    res.setHeader('content-type', contentType);
    res.setHeader('cache-control', 'no-store');
    res.end(asBody(text));
    return true;
  }
}

interface WellFormed {
  readonly query: string;
  readonly operationName?: string | null;
  readonly variables?: Readonly<Record<string, unknown>> | null;
  readonly extensions?: object | null;
}

/** Is it of the types that GraphQL over HTTP has for it? Apollo knows what to say where it is not. */
function isWellFormed(body: unknown): body is WellFormed {
  if (!isObject(body) || typeof body['query'] !== 'string') return false;
  const { operationName = null, variables = null, extensions = null } = body;
  return (
    (operationName === null || (typeof operationName === 'string' && operationName !== '')) &&
    (variables === null || isObject(variables)) &&
    (extensions === null || isObject(extensions))
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
