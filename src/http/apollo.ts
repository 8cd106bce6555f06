import {
  ApolloServer,
  type ApolloServerPlugin,
  type GraphQLRequestContext,
  HeaderMap,
  type HTTPGraphQLRequest,
} from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import type { ErrorFormatter } from '../graphql/format-error.ts';
import type { KnownDocuments } from '../graphql/known-documents.ts';
import type { Logger } from '../shared/logger.ts';
import type { EdgeParts } from './edge-parts.ts';
import type { Exchange } from './exchange.ts';
import { GuardedOperation } from './guarded-operation.ts';
import { KnownQueries } from './known-queries.ts';
import { createReadOperationBody } from './operation-body.ts';
import { type OperationRequest, readOperationRequest } from './operation-request.ts';

export interface GraphqlOverHttpParts<Session, Context extends object> extends EdgeParts<Session, Context> {
  /** What tells one viewer from another. */
  readonly viewerOf: (session: Session) => string;
  readonly formatError: ErrorFormatter;
  readonly log: Logger;
  readonly maxBodyBytes: number;
}

/** GraphQL over HTTP. */
export interface GraphqlOverHttp<Session> {
  /** Answers one request; throws what has to be refused before GraphQL sees it (no viewer, no JSON, too large, too often). */
  handle(exchange: Exchange<Session>): Promise<void>;
  stop(): Promise<void>;
}

const REQUEST_ID = 'x-request-id';
/** How old the rights may be that a request is answered with: a body may take two minutes, and whoever sends it is asked anew. */
const MAX_SIGN_IN_AGE_MS = 1000;

export async function createGraphqlOverHttp<Session, Context extends object>(
  parts: GraphqlOverHttpParts<Session, Context>,
): Promise<GraphqlOverHttp<Session>> {
  // Which request an error belongs to: Apollo formats errors without saying so.
  const requestOfError = new WeakMap<object, string>();
  const operations = new WeakMap<HTTPGraphQLRequest, GuardedOperation<Session>>();
  const { documents, guard, formatError } = parts;
  const readBody = createReadOperationBody(parts);
  const knownQueries = new KnownQueries(parts.schema, documents.known);
  const apollo = new ApolloServer<Context>({
    schema: parts.schema,
    // Everything below is said outright: its default hangs on the environment (NODE_ENV, APOLLO_KEY) of whoever starts us.
    nodeEnv: 'production',
    includeStacktraceInErrorResponses: false,
    // Switched off, it is refused by our own rules, which the socket has as well; so are persisted queries by our own list.
    introspection: true,
    persistedQueries: false,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    stopOnTerminationSignals: false,
    parseOptions: documents.parseOptions,
    validationRules: [...documents.validationRules],
    logger: parts.log,
    formatError: (_formatted, error) => {
      const requestId = error instanceof Error ? requestOfError.get(error) : undefined;
      return formatError(error, { requestId });
    },
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      rememberRequestOfErrors(requestOfError),
      guardOperations(operations, documents.known),
    ],
  });
  await apollo.start();

  async function read(exchange: Exchange<Session>, sender: Session): Promise<OperationRequest> {
    try {
      return await readOperationRequest(exchange, documents, () => readBody(exchange, sender));
    } catch (error) {
      guard.countRefused(sender);
      throw error;
    }
  }

  return {
    async handle(exchange) {
      const { req, res, requestId, address } = exchange;
      // Before the body is read: strangers must not make us keep one.
      const sender = await exchange.session();
      const signedInAt = performance.now();
      guard.assertMayAsk(sender);
      const { search, body } = await read(exchange, sender);
      const isOld = performance.now() - signedInAt > MAX_SIGN_IN_AGE_MS;
      const session = isOld ? await exchange.session() : sender;
      const format = (error: unknown) => formatError(error, { requestId });
      const operation = exchange.held.use(new GuardedOperation(guard, session, format));
      const context = await parts.createContext(session, 'request', { requestId, address });
      const { accept } = req.headers;
      if (await knownQueries.answer({ method: req.method, accept, body }, operation, context, res)) return;
      const headers = new HeaderMap();
      for (const [name, value] of Object.entries(req.headers)) {
        if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
      }
      headers.set(REQUEST_ID, requestId);
      const httpGraphQLRequest = { method: req.method ?? 'GET', headers, search, body };
      operations.set(httpGraphQLRequest, operation);
      const answer = await apollo.executeHTTPGraphQLRequest({
        httpGraphQLRequest,
        context: async () => context,
      });
      res.statusCode = answer.status ?? 200;
      const contentType = answer.headers.get('content-type');
      if (res.statusCode === 200 && contentType !== undefined) knownQueries.rememberType(accept, contentType);
      for (const [name, value] of answer.headers) res.setHeader(name, value);
      res.setHeader('cache-control', 'no-store');
      if (answer.body.kind === 'complete') {
        res.setHeader('content-length', Buffer.byteLength(answer.body.string));
        res.end(answer.body.string);
        return;
      }
      for await (const chunk of answer.body.asyncIterator) res.write(chunk);
      res.end();
    },
    stop: () => apollo.stop(),
  };
}

function rememberRequestOfErrors(requestOfError: WeakMap<object, string>): ApolloServerPlugin {
  return {
    requestDidStart: async () => ({
      didEncounterErrors: async ({ errors, request }) => {
        const requestId = request.http?.headers.get(REQUEST_ID);
        for (const error of errors) if (requestId !== undefined) requestOfError.set(error, requestId);
      },
    }),
  };
}

function guardOperations(
  operations: WeakMap<HTTPGraphQLRequest, GuardedOperation<unknown>>,
  known: KnownDocuments,
): ApolloServerPlugin<object> {
  return {
    requestDidStart: async ({ request: { http } }) => {
      const operation = http && operations.get(http);
      if (!operation) throw new Error('Apollo runs an operation that came in by no request of ours');
      return {
        didResolveOperation: async ({ source, document, operation: definition, request: { variables } }) => {
          known.add(source, document);
          if (definition) operation.admit({ document, operation: definition, variables });
        },
        willSendResponse: async (request) => {
          operation.complete(request);
          answerJsonClientsWith200(request);
        },
      };
    },
  };
}

const WELL_FORMED_BUT_REFUSED: ReadonlySet<unknown> = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_USER_INPUT',
  'QUERY_TOO_COSTLY',
]);

/**
 * GraphQL over HTTP asks for 200, errors in the body, when a well-formed request cannot be executed and the client accepts only
 * `application/json`: to such a client any other status is a broken server. All others get 400. That somebody may not do this
 * (403) or asks too often (429) is not about the document, and every client gets those.
 *
 * @see https://graphql.github.io/graphql-over-http/draft/#sec-application-json
 */
function answerJsonClientsWith200({ request, response }: GraphQLRequestContext<object>): void {
  if (response.http.status !== 400 || response.body?.kind !== 'single' || !acceptsOnlyJson(request.http))
    return;
  const codes = (response.body.singleResult.errors ?? []).map((error) => error.extensions?.['code']);
  if (codes.every((code) => WELL_FORMED_BUT_REFUSED.has(code))) response.http.status = 200;
}

function acceptsOnlyJson(request: HTTPGraphQLRequest | undefined): boolean {
  const accepted = request?.headers
    .get('accept')
    ?.split(',')
    .map((type) => type.split(';')[0]?.trim());
  return accepted?.every((type) => type === 'application/json') ?? false;
}
