import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { Rounds } from '../shared/rounds.ts';

// A subscription waits for its last message to leave, so only a hundred of them, or a flood of pings, can pile up this much
// in front of a client that does not read.
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
const PING_INTERVAL_MS = 12_000;
const pings = new Rounds(PING_INTERVAL_MS);

/** Resolves when the message has left for the network: a subscription asks its source for no more until then. */
export function send(socket: WebSocket, data: string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.terminate();
  return new Promise((resolve) => {
    // A send fails only because the socket is closing, which 'close' reports and cleans up after.
    socket.send(data, () => resolve());
  });
}

/**
 * Sends a message of two parts as two fragments, which the client puts together: so that of what many get, however slowly they take
 * it, there is one copy in memory, and none is made for each of them.
 *
 * @param connection that the socket runs over: both parts leave in one call of the system
 */
export function sendInParts(
  socket: WebSocket,
  connection: Duplex,
  head: string,
  rest: Buffer,
): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.terminate();
  return new Promise((resolve) => {
    connection.cork();
    socket.send(head, { fin: false });
    socket.send(rest, { binary: false }, () => resolve());
    connection.uncork();
  });
}

/** Drops a client that has not answered a ping by the time of the next one: it is gone or reads too slowly, and may resume. */
export function keepAlive(socket: WebSocket): Disposable {
  let alive = true;
  socket.on('pong', () => {
    alive = true;
  });
  return pings.join(() => {
    if (!alive) return socket.terminate();
    alive = false;
    socket.ping();
  });
}
