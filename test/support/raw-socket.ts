import { WebSocket } from 'ws';
import { until } from './until.ts';

export interface SocketMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** A socket that says nothing by itself: what an attacker, or a client of somebody's own, may send. */
export interface RawSocket {
  readonly socket: WebSocket;
  /** What has come so far. */
  readonly messages: readonly SocketMessage[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** Sends a text as it is, and anything else as JSON. */
  send(...messages: readonly unknown[]): void;
  /** Waits for the first message of this type, for this operation where one is given. */
  received(type: string, id?: string): Promise<SocketMessage>;
}

export interface RawSocketOptions {
  readonly protocols?: string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers pings of the server's; true where nothing is said. */
  readonly autoPong?: boolean;
}

/** Opens a socket to a server of this HTTP address. */
export async function openSocket(url: string, options: RawSocketOptions = {}): Promise<RawSocket> {
  const { protocols = ['graphql-transport-ws'], headers = {}, autoPong = true } = options;
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocols, { headers, autoPong });
  const messages: SocketMessage[] = [];
  socket.on('message', (data: Buffer) => void messages.push(JSON.parse(data.toString()) as SocketMessage));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => undefined);
  const find = (type: string, id?: string) =>
    messages.find((message) => message.type === type && (id === undefined || message.id === id));
  return {
    socket,
    messages,
    closed,
    send: (...sent) => {
      for (const message of sent)
        socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    },
    received: async (type, id) => {
      await until(`a message ${type} ${id ?? ''}`, () => find(type, id) !== undefined);
      return find(type, id) as SocketMessage;
    },
  };
}

/** Opens a socket and signs in on it. */
export async function openSignedIn(
  url: string,
  token: string,
  options: RawSocketOptions = {},
): Promise<RawSocket> {
  const opened = await openSocket(url, options);
  opened.send(init(token));
  await opened.received('connection_ack');
  return opened;
}

export const init = (token: string): SocketMessage => ({ type: 'connection_init', payload: { token } });

export const subscribe = (
  id: string,
  query: string,
  variables: Record<string, unknown> = {},
): SocketMessage => ({ id, type: 'subscribe', payload: { query, variables } });
