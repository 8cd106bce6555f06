import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import {
  handleProtocols,
  makeServer,
  type Context as SocketContext,
  type SubscribePayload,
} from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ErrorFormatter } from '../graphql/format-error.ts';
import { checkVariables, parseOptions, validationRules } from '../graphql/limits.ts';
import type { Logger } from '../shared/logger.ts';
import type { RequestFacts } from '../shared/request-facts.ts';
import { tokenOfConnectionParams } from './bearer.ts';

export interface GraphqlOverWebSocketParts<Session, Context extends object> {
  readonly schema: GraphQLSchema;
  readonly authenticate: (token: string | null) => Promise<Session | null>;
  readonly createContext: (
    session: Session,
    kind: 'request' | 'subscription',
    request: RequestFacts,
  ) => Context | Promise<Context>;
  readonly formatError: ErrorFormatter;
  readonly log: Logger;
}

/** GraphQL over WebSocket, protocol `graphql-transport-ws`. */
export interface GraphqlOverWebSocket {
  /** Takes over an HTTP upgrade whose path and origin were found good. */
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, request: RequestFacts): void;
  /** Closes every socket with 1012, upon which clients connect again, to another process; resolves when all are closed. */
  drain(): Promise<void>;
}

const MAX_MESSAGE_BYTES = 1024 * 1024;
const MAX_OPERATIONS_PER_SOCKET = 100;
const INIT_TIMEOUT_MS = 3000;
const PING_INTERVAL_MS = 12_000;
const DRAIN_TIMEOUT_MS = 2000;
// A subscription waits for its last message to leave, so only a hundred of them, or a flood of pings, can pile up this much
// in front of a client that does not read.
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;

// Which codes a client of graphql-ws tries again after: 1012, 1013 and 4403 yes; 4401 no.
const CLOSE_RESTARTING = 1012;
const CLOSE_TRY_AGAIN = 1013;
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_FORBIDDEN = 4403;

interface Extra {
  readonly socket: WebSocket;
  readonly request: RequestFacts;
}
type Connection = SocketContext<Record<string, unknown>, Extra>;

export function createGraphqlOverWebSocket<Session, Context extends object>(
  parts: GraphqlOverWebSocketParts<Session, Context>,
): GraphqlOverWebSocket {
  const { schema, formatError, log } = parts;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, handleProtocols });

  /** The viewer behind the connection's token; `null` after it has closed the connection because there is none. */
  async function authenticate({ connectionParams, extra }: Connection): Promise<Session | null> {
    const token = tokenOfConnectionParams(connectionParams);
    const session = await parts.authenticate(token);
    if (session !== null) return session;
    if (token === null)
      extra.socket.close(CLOSE_UNAUTHORIZED, 'Unauthorized: send a token in connectionParams');
    else extra.socket.close(CLOSE_FORBIDDEN, 'Forbidden: the token is not valid');
    return null;
  }

  /** What an operation needs to run, or why it is refused: the same guards as over HTTP. */
  async function prepare(
    connection: Connection,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | GraphQLError[]> {
    if (Object.keys(connection.subscriptions).length > MAX_OPERATIONS_PER_SOCKET) {
      const message = `At most ${MAX_OPERATIONS_PER_SOCKET} operations run on one connection at a time.`;
      return [codedError(message, 'RATE_LIMITED', { limit: MAX_OPERATIONS_PER_SOCKET })];
    }
    // Anew for each operation: a socket may live for days, and its token may be revoked meanwhile.
    const session = await authenticate(connection);
    if (session === null) return [codedError('The token is not valid.', 'UNAUTHENTICATED')];
    const document = checkedDocument(schema, payload.query);
    if (Array.isArray(document)) return document;
    const operation = getOperationAST(document, payload.operationName);
    if (!operation)
      return [codedError('Name one of the operations of the document.', 'OPERATION_RESOLUTION_FAILURE')];
    const refused = checkVariables(payload.variables);
    if (refused !== null) return [refused];
    const kind = operation.operation === 'subscription' ? 'subscription' : 'request';
    return {
      schema,
      document,
      operationName: payload.operationName,
      variableValues: payload.variables,
      rootValue: undefined,
      contextValue: await parts.createContext(session, kind, connection.extra.request),
    };
  }

  const server = makeServer<Record<string, unknown>, Extra>({
    schema,
    connectionInitWaitTimeout: INIT_TIMEOUT_MS,
    onConnect: async (connection) => {
      try {
        return (await authenticate(connection)) !== null;
      } catch (error) {
        log.warn(
          { requestId: connection.extra.request.requestId, err: error },
          'a socket could not be authenticated',
        );
        connection.extra.socket.close(CLOSE_TRY_AGAIN, 'Try again later');
        return false;
      }
    },
    onSubscribe: async (connection, _id, payload) => {
      try {
        return await prepare(connection, payload);
      } catch (error) {
        return [new GraphQLError('The operation could not be started.', { originalError: asError(error) })];
      }
    },
    onNext: ({ extra }, _id, _payload, _args, { data, errors, extensions }) => {
      if (!errors) return undefined;
      return {
        errors: errors.map((error) => formatError(error, { requestId: extra.request.requestId })),
        ...(data !== undefined && { data }),
        ...(extensions && { extensions }),
      };
    },
    onError: ({ extra }, _id, _payload, errors) =>
      errors.map((error) => formatError(error, { requestId: extra.request.requestId })),
  });

  function open(socket: WebSocket, request: RequestFacts): void {
    const { requestId } = request;
    const fault = (error: unknown) => {
      log.warn({ requestId, err: error }, 'a socket failed');
      socket.close(CLOSE_TRY_AGAIN, 'Try again later');
    };
    socket.on('error', (error) =>
      log.info({ requestId, err: error }, 'a socket was closed for a broken message'),
    );
    const closed = server.opened(
      {
        protocol: socket.protocol,
        close: (code, reason) => socket.close(code, reason),
        send: (data) => send(socket, data),
        onMessage: (handle) =>
          socket.on('message', (data) => {
            handle(data.toString()).catch(fault);
          }),
      },
      { socket, request },
    );
    const stopPinging = keepAlive(socket);
    socket.once('close', (code, reason) => {
      stopPinging();
      Promise.resolve(closed(code, reason.toString())).catch(fault);
      log.debug({ requestId, code }, 'socket closed');
    });
  }

  return {
    handleUpgrade: (req, socket, head, request) =>
      sockets.handleUpgrade(req, socket, head, (opened) => open(opened, request)),
    drain: async () => {
      const closing = [...sockets.clients].map(
        (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
      );
      for (const socket of sockets.clients) socket.close(CLOSE_RESTARTING, 'Service restart');
      const timeUp = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate();
      }, DRAIN_TIMEOUT_MS);
      await Promise.all(closing);
      clearTimeout(timeUp);
    },
  };
}

function checkedDocument(schema: GraphQLSchema, query: string): DocumentNode | GraphQLError[] {
  let document: DocumentNode;
  try {
    document = parse(query, parseOptions);
  } catch (error) {
    return [recoded(error, 'GRAPHQL_PARSE_FAILED')];
  }
  const errors = validate(schema, document, [...specifiedRules, ...validationRules]);
  return errors.length > 0 ? errors.map((error) => recoded(error, 'GRAPHQL_VALIDATION_FAILED')) : document;
}

function recoded(error: unknown, code: string): GraphQLError {
  if (!(error instanceof GraphQLError)) throw error;
  const { nodes = null, source = null, positions = null, extensions } = error;
  return new GraphQLError(error.message, { nodes, source, positions, extensions: { ...extensions, code } });
}

function codedError(message: string, code: string, details = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { code, details } });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Resolves when the message has left for the network: a subscription asks its source for no more until then. */
function send(socket: WebSocket, data: string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.terminate();
  return new Promise((resolve) => {
    // A send fails only because the socket is closing, which 'close' reports and cleans up after.
    socket.send(data, () => resolve());
  });
}

/** Drops a client that has not answered a ping by the time of the next one: it is gone or reads too slowly, and may resume. */
function keepAlive(socket: WebSocket): () => void {
  let alive = true;
  socket.on('pong', () => {
    alive = true;
  });
  const timer = setInterval(() => {
    if (!alive) return socket.terminate();
    alive = false;
    socket.ping();
  }, PING_INTERVAL_MS);
  return () => clearInterval(timer);
}
