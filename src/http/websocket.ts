import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecutionArgs, GraphQLError } from 'graphql';
import {
  handleProtocols,
  MessageType,
  makeServer,
  type Context as SocketContext,
  type SubscribePayload,
} from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { createExecutePlanned } from '../graphql/execute-planned.ts';
import type { ErrorFormatter } from '../graphql/format-error.ts';
import type { OperationCost } from '../graphql/operation-guard.ts';
import { SharedAnswers } from '../graphql/shared-answers.ts';
import { AccessEndedError, RateLimitedError, UnauthenticatedError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { RequestFacts } from '../shared/request-facts.ts';
import { Rounds } from '../shared/rounds.ts';
import { tokenOfConnectionParams } from './bearer.ts';
import { networkOf } from './client-address.ts';
import type { EdgeParts } from './edge-parts.ts';
import { HttpError } from './exchange.ts';
import { refuseOnSocket } from './refusal.ts';
import type { SignIn } from './sign-in.ts';
import { CLOSE_TIMEOUT_MS, CLOSINGS, closeSocket } from './socket-closings.ts';
import { type AdmittedArgs, execute, subscribe } from './socket-execution.ts';
import { keepAlive, send, sendInParts } from './socket-flow.ts';
import { MessageMeter, MessageMeters, OF_STRANGER, type SocketPlace, SocketPlaces } from './socket-limits.ts';
import { codedError, createAdmission, errorsOf } from './socket-operation.ts';

export interface GraphqlOverWebSocketParts<Session, Context extends object>
  extends EdgeParts<Session, Context> {
  readonly authenticate: SignIn<Session>;
  /** The same for who is in already: whatever others do at their address, a token that has ended is seen to have ended. */
  readonly renew: (token: string | null) => Promise<Session | null>;
  /** What tells one viewer from another. */
  readonly viewerOf: (session: Session) => string;
  /** Sockets that each viewer may have open at once. */
  readonly maxSockets: number;
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
/** Sockets of one address on which nobody has signed in yet: a proxy's clients may all come again at once. */
const MAX_HANDSHAKES = 1000;
const INIT_TIMEOUT_MS = 3000;
/**
 * How often a socket's token is looked up. What runs on it asks more often by itself, and each new operation asks at once; so this is
 * for sockets that do nothing, and a thousand of them cost a hundred look-ups a second.
 */
const RENEWAL_MS = 10_000;

/** An operation that runs or is about to. */
interface RunningOperation {
  /** What it holds until it has ended. */
  readonly held: DisposableStack;
  /** What its answer says it cost; `null`: it gives more than one answer, or has not been let in. */
  cost: OperationCost | null;
}

interface Extra {
  readonly socket: WebSocket;
  /** What the socket runs over. */
  readonly connection: Duplex;
  readonly request: RequestFacts;
  /** By id. One is in here until it has really ended, also when its client has left it or the socket has closed. */
  readonly operations: Map<string, RunningOperation>;
  /** What is given back when the socket has closed. */
  readonly whileOpen: DisposableStack;
  /** Among the viewer's; `null` until somebody has signed in. */
  place: SocketPlace | null;
  meter: MessageMeter;
  /** Bytes of the message that is being handled. */
  messageBytes: number;
  /** The operation that has begun with it. */
  begun: string | null;
}
type Connection = SocketContext<Record<string, unknown>, Extra>;

export function createGraphqlOverWebSocket<Session, Context extends object>(
  parts: GraphqlOverWebSocketParts<Session, Context>,
): GraphqlOverWebSocket {
  const { viewerOf, formatError, log } = parts;
  const admit = createAdmission(parts);
  const executeEvent = createExecutePlanned(parts.schema);
  const answers = new SharedAnswers(executeEvent);
  const places = new SocketPlaces(parts.maxSockets);
  const handshakes = new SocketPlaces(MAX_HANDSHAKES);
  const meters = new MessageMeters();
  const renewals = new Rounds(RENEWAL_MS);
  const limits = { maxPayload: MAX_MESSAGE_BYTES, closeTimeout: CLOSE_TIMEOUT_MS };
  const sockets = new WebSocketServer({ noServer: true, handleProtocols, ...limits });
  sockets.on('wsClientError', ({ message }, socket) =>
    refuseOnSocket(socket, new HttpError(400, 'BAD_REQUEST', `This is no WebSocket handshake: ${message}.`)),
  );

  const signIn = ({ connectionParams, extra }: Connection): Promise<Session | null> =>
    parts.authenticate(tokenOfConnectionParams(connectionParams), extra.request.address);

  /** Tells every operation of a socket, but for the one that knows, that its token has ended, and closes it. */
  function endAccess({ subscriptions, extra }: Connection, told?: string): void {
    const { socket, request } = extra;
    const error = new UnauthenticatedError('The access token is no longer good.');
    const payload = [formatError(error, { requestId: request.requestId })];
    for (const id of Object.keys(subscriptions)) {
      if (id !== told) void send(socket, JSON.stringify({ id, type: MessageType.Error, payload }));
    }
    closeSocket(socket, CLOSINGS.badToken);
  }

  /** Looks now and then whether the token of a socket is still good. */
  function keepLooking(connection: Connection): void {
    const { whileOpen } = connection.extra;
    const look = async () =>
      await parts.renew(tokenOfConnectionParams(connection.connectionParams)).then(
        (session) => {
          if (session === null) endAccess(connection);
        },
        // Nobody's rights end because they cannot be looked up for a moment.
        () => undefined,
      );
    whileOpen.use(renewals.join(look));
  }

  /** Lets a socket in; what it may not have, it is closed for. */
  async function connect(connection: Connection, handshake: SocketPlace): Promise<boolean> {
    const { extra } = connection;
    const { socket, whileOpen } = extra;
    const session = await signIn(connection);
    if (socket.readyState !== socket.OPEN) return false;
    if (session === null) {
      const hasToken = tokenOfConnectionParams(connection.connectionParams) !== null;
      closeSocket(socket, hasToken ? CLOSINGS.badToken : CLOSINGS.noToken);
      return false;
    }
    const place = places.take(viewerOf(session));
    if (place === null) {
      closeSocket(socket, CLOSINGS.tooManySockets);
      return false;
    }
    handshake[Symbol.dispose]();
    extra.place = whileOpen.use(place);
    extra.meter = meters.of(viewerOf(session));
    keepLooking(connection);
    return true;
  }

  /** What an operation needs to run, or why it is refused. */
  async function prepare(
    connection: Connection,
    id: string,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | GraphQLError[]> {
    const { operations, place, messageBytes, request } = connection.extra;
    // Its client has left it, but it still runs: graphql-ws would take its end for that of the new one.
    if (operations.has(id))
      return [codedError('What ran under this id has not ended yet; use another id.', 'BAD_REQUEST')];
    if (operations.size >= MAX_OPERATIONS_PER_SOCKET) {
      const message = `At most ${MAX_OPERATIONS_PER_SOCKET} operations run on one connection at a time.`;
      return [codedError(message, 'RATE_LIMITED', { limit: MAX_OPERATIONS_PER_SOCKET })];
    }
    const memory = place?.hold(messageBytes) ?? null;
    if (memory === null)
      return [codedError('Your operations that run are too large together; end some.', 'RATE_LIMITED')];
    const running: RunningOperation = { held: new DisposableStack(), cost: null };
    running.held.use(memory);
    operations.set(id, running);
    connection.extra.begun = id;
    try {
      // Anew for each operation: a socket may live for days, and its token may be revoked meanwhile.
      const session = await signIn(connection);
      if (session === null) endAccess(connection);
      // Its client has left it, or the socket is closing: nobody will hear what this says.
      if (session === null || !(id in connection.subscriptions)) throw new UnauthenticatedError();
      const { args, admitted, isSubscription } = await admit(session, payload, request);
      running.held.use(admitted);
      if (!isSubscription) running.cost = admitted.cost;
      const sendShared = (answer: Buffer) => sendNext(connection, id, answer);
      return { ...args, sendShared } satisfies AdmittedArgs as ExecutionArgs;
    } catch (error) {
      end(connection, id);
      return errorsOf(error);
    }
  }

  function sendNext(
    { extra: { socket, connection } }: Connection,
    id: string,
    payload: Buffer,
  ): Promise<void> {
    const head = `{"id":${JSON.stringify(id)},"type":"${MessageType.Next}","payload":`;
    return sendInParts(socket, connection, head, payload);
  }

  function end({ extra: { operations } }: Pick<Connection, 'extra'>, id: string): void {
    operations.get(id)?.held.dispose();
    operations.delete(id);
  }

  const server = makeServer<Record<string, unknown>, Extra & { readonly handshake: SocketPlace }>({
    schema: parts.schema,
    connectionInitWaitTimeout: INIT_TIMEOUT_MS,
    onConnect: async (connection) => {
      const { socket, request, handshake } = connection.extra;
      try {
        return await connect(connection, handshake);
      } catch (error) {
        // Whoever tries tokens must not fill the log as well.
        if (!(error instanceof RateLimitedError)) {
          log.warn({ requestId: request.requestId, err: error }, 'a socket could not be authenticated');
        }
        closeSocket(socket, CLOSINGS.tryAgain);
        return false;
      }
    },
    onSubscribe: prepare,
    // What is run is what `prepare` has given.
    execute: (args) => execute(args as AdmittedArgs),
    subscribe: (args) => subscribe(args as AdmittedArgs, answers, executeEvent),
    onNext: ({ extra }, id, _payload, _args, { data, errors, extensions }) => {
      const cost = extra.operations.get(id)?.cost ?? null;
      if (!errors && cost === null) return undefined;
      const { requestId } = extra.request;
      return {
        ...(errors && { errors: errors.map((error) => formatError(error, { requestId })) }),
        ...(data !== undefined && { data }),
        ...((extensions || cost) && { extensions: { ...extensions, ...(cost && { cost }) } }),
      };
    },
    onError: (connection, id, _payload, errors) => {
      const { socket, request } = connection.extra;
      const ended = errors.map((error) => error.originalError).find((e) => e instanceof AccessEndedError);
      if (ended) {
        // When the error, which is sent at the end of this turn, is on its way.
        setImmediate(() => {
          if (ended.code === 'UNAUTHENTICATED') endAccess(connection, id);
          else closeSocket(socket, CLOSINGS.rightsEnded);
        });
      }
      return errors.map((error) => formatError(error, { requestId: request.requestId }));
    },
    onComplete: end,
  });

  /** Counts a message, and closes the socket for one too many. */
  function mayCome({ socket, meter }: Extra, bytes: number): boolean {
    if (socket.readyState !== socket.OPEN) return false;
    if (!meter.isTooMuch(bytes)) return true;
    closeSocket(socket, CLOSINGS.tooManyMessages);
    return false;
  }

  function open(socket: WebSocket, connection: Duplex, request: RequestFacts): void {
    const { requestId } = request;
    socket.on('error', (error) =>
      log.info({ requestId, err: error }, 'a socket was closed for a broken message'),
    );
    const handshake = handshakes.take(request.address === null ? 'unknown' : networkOf(request.address));
    if (handshake === null) {
      closeSocket(socket, CLOSINGS.tooManyHandshakes);
      return;
    }
    const whileOpen = new DisposableStack();
    whileOpen.use(handshake);
    whileOpen.use(keepAlive(socket));
    const extra = {
      socket,
      connection,
      request,
      handshake,
      operations: new Map<string, RunningOperation>(),
      whileOpen,
      place: null,
      meter: new MessageMeter(OF_STRANGER),
      messageBytes: 0,
      begun: null as string | null,
    };
    const fault = (error: unknown, id: string | null = null) => {
      if (isUnexpectedType(error)) return closeSocket(socket, CLOSINGS.badMessage);
      log.warn({ requestId, err: error }, 'a socket failed');
      closeSocket(socket, CLOSINGS.tryAgain);
      // An operation that began with it has ended without `onComplete`.
      if (id !== null) end({ extra }, id);
    };
    const closed = server.opened(
      {
        protocol: socket.protocol,
        close: (code = 1000, reason = '') => closeSocket(socket, { code, reason }),
        send: (data) => send(socket, data),
        onMessage: (handle) =>
          socket.on('message', (data: Buffer, isBinary) => {
            if (!mayCome(extra, data.length)) return;
            if (isBinary) return closeSocket(socket, CLOSINGS.badMessage);
            extra.messageBytes = data.length;
            extra.begun = null;
            const handled = handle(data.toString());
            // A message is read, and its operation begins, in this turn.
            const { begun } = extra;
            handled.catch((error: unknown) => fault(error, begun));
          }),
      },
      extra,
    );
    socket.on('ping', (data) => void mayCome(extra, data.length));
    socket.on('pong', (data) => void mayCome(extra, data.length));
    socket.once('close', (code, reason) => {
      whileOpen.dispose();
      Promise.resolve(closed(code, reason.toString())).catch(fault);
      log.debug({ requestId, code }, 'socket closed');
    });
  }

  return {
    handleUpgrade: (req, socket, head, request) =>
      sockets.handleUpgrade(req, socket, head, (opened) => open(opened, socket, request)),
    drain: async () => {
      const closing = [...sockets.clients].map(
        (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
      );
      for (const socket of sockets.clients) closeSocket(socket, CLOSINGS.restart);
      await Promise.all(closing);
    },
  };
}

/** Is it graphql-ws's error for a message that only servers send? It answers every other message that it does not take itself. */
function isUnexpectedType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Unexpected message of type');
}
