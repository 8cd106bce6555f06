import type { WebSocket } from 'ws';

// A subscription waits for its last message to leave, so only a hundred of them, or a flood of pings, can pile up this much
// in front of a client that does not read.
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
const PING_INTERVAL_MS = 12_000;

/** Resolves when the message has left for the network: a subscription asks its source for no more until then. */
export function send(socket: WebSocket, data: string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.terminate();
  return new Promise((resolve) => {
    // A send fails only because the socket is closing, which 'close' reports and cleans up after.
    socket.send(data, () => resolve());
  });
}

/** Drops a client that has not answered a ping by the time of the next one: it is gone or reads too slowly, and may resume. */
export function keepAlive(socket: WebSocket): () => void {
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
