import { ApolloServer, type ApolloServerPlugin, HeaderMap, type HTTPGraphQLRequest } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { GraphQLError, type GraphQLSchema, OperationTypeNode } from 'graphql';
import type { ErrorFormatter } from '../graphql/format-error.ts';
import { checkVariables, parseOptions, validationRules } from '../graphql/limits.ts';
import type { Logger } from '../shared/logger.ts';
import type { RequestFacts } from '../shared/request-facts.ts';
import { readJsonBody } from './body.ts';
import type { Exchange } from './exchange.ts';

export interface GraphqlOverHttpParts<Session, Context extends object> {
  readonly schema: GraphQLSchema;
  readonly createContext: (
    session: Session,
    kind: 'request',
    request: RequestFacts,
  ) => Context | Promise<Context>;
  readonly formatError: ErrorFormatter;
  readonly log: Logger;
  readonly maxBodyBytes: number;
}

/** GraphQL over HTTP. */
export interface GraphqlOverHttp<Session> {
  /** Answers one request; throws what has to be refused before GraphQL sees it (no viewer, no JSON, too large). */
  handle(exchange: Exchange<Session>): Promise<void>;
  stop(): Promise<void>;
}

const REQUEST_ID = 'x-request-id';

export async function createGraphqlOverHttp<Session, Context extends object>(
  parts: GraphqlOverHttpParts<Session, Context>,
): Promise<GraphqlOverHttp<Session>> {
  // Which request an error belongs to: Apollo formats errors without saying so.
  const requestOfError = new WeakMap<object, string>();
  const apollo = new ApolloServer<Context>({
    schema: parts.schema,
    // Everything below is said outright: its default hangs on the environment (NODE_ENV, APOLLO_KEY) of whoever starts us.
    nodeEnv: 'production',
    includeStacktraceInErrorResponses: false,
    introspection: true,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    stopOnTerminationSignals: false,
    parseOptions,
    validationRules: [...validationRules],
    logger: parts.log,
    formatError: (_formatted, error) => {
      const requestId = error instanceof Error ? requestOfError.get(error) : undefined;
      return parts.formatError(error, { requestId });
    },
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      rememberRequestOfErrors(requestOfError),
      answerJsonClientsWith200,
      refuseDeepVariables,
      sendSubscriptionsToTheSocket,
    ],
  });
  await apollo.start();

  return {
    async handle(exchange) {
      const { req, res, url, requestId, address } = exchange;
      const session = await exchange.session();
      const body = req.method === 'POST' ? await readJsonBody(req, parts.maxBodyBytes) : undefined;
      const context = await parts.createContext(session, 'request', { requestId, address });
      const headers = new HeaderMap();
      for (const [name, value] of Object.entries(req.headers)) {
        if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
      }
      headers.set(REQUEST_ID, requestId);
      const answer = await apollo.executeHTTPGraphQLRequest({
        httpGraphQLRequest: { method: req.method ?? 'GET', headers, search: url.search, body },
        context: async () => context,
      });
      res.statusCode = answer.status ?? 200;
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

const WELL_FORMED_BUT_REFUSED: ReadonlySet<unknown> = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_USER_INPUT',
]);

/**
 * GraphQL over HTTP asks for 200, errors in the body, when a well-formed request cannot be executed and the client accepts only
 * `application/json`: to such a client any other status is a broken server. All others get 400.
 *
 * @see https://graphql.github.io/graphql-over-http/draft/#sec-application-json
 */
const answerJsonClientsWith200: ApolloServerPlugin = {
  requestDidStart: async () => ({
    willSendResponse: async ({ request, response }) => {
      if (response.http.status !== 400 || response.body.kind !== 'single' || !acceptsOnlyJson(request.http))
        return;
      const codes = (response.body.singleResult.errors ?? []).map((error) => error.extensions?.['code']);
      if (codes.every((code) => WELL_FORMED_BUT_REFUSED.has(code))) response.http.status = 200;
    },
  }),
};

const refuseDeepVariables: ApolloServerPlugin = {
  requestDidStart: async () => ({
    didResolveOperation: async ({ request }) => {
      const refused = checkVariables(request.variables);
      if (refused !== null) throw refused;
    },
  }),
};

/** Apollo would execute a subscription as if it were a query, and what comes of that would look like a fault of ours. */
const sendSubscriptionsToTheSocket: ApolloServerPlugin = {
  requestDidStart: async () => ({
    didResolveOperation: async ({ operation }) => {
      if (operation?.operation !== OperationTypeNode.SUBSCRIPTION) return;
      throw new GraphQLError(
        'Subscriptions run over WebSocket at this address, sub-protocol graphql-transport-ws.',
        { extensions: { code: 'BAD_REQUEST', http: { status: 400 } } },
      );
    },
  }),
};

function acceptsOnlyJson(request: HTTPGraphQLRequest | undefined): boolean {
  const accepted = request?.headers
    .get('accept')
    ?.split(',')
    .map((type) => type.split(';')[0]?.trim());
  return accepted?.every((type) => type === 'application/json') ?? false;
}
