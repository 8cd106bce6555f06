import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** A client that takes nothing at all for this long is gone, or keeps memory and a connection for nothing. */
const STALLED_MS = 60_000;

/**
 * Streams a body at the pace of the client. A client that leaves is no fault, and neither is one that stops reading: its
 * connection is broken as `breakOffStalled` has it. A body that waits for its next part may take any time.
 *
 * @throws what the source throws, after the connection was broken: half a document must not look whole
 */
export async function sendStream(
  res: ServerResponse,
  source: AsyncIterable<Uint8Array | string>,
  stalledMs = STALLED_MS,
): Promise<void> {
  breakOffStalled(res, stalledMs);
  try {
    await pipeline(source, res);
  } catch (error) {
    if (!res.destroyed || !isClosedEarly(error)) throw error;
  }
}

/**
 * Breaks the connection of a client that stops reading, which would keep its answer in memory.
 *
 * @param stalledMs how long a write may get nowhere; who stops in the middle of one is given up to twice as long
 */
export function breakOffStalled(res: ServerResponse, stalledMs = STALLED_MS): void {
  // The socket's own timer is pushed back by every write and by every part of one that the client takes.
  res.setTimeout(stalledMs, () => {
    if (res.socket !== null && res.socket.writableLength > 0) res.destroy();
  });
  // The timer is the socket's, and whoever answers the next request on it may take longer. Before Node's own listener, which takes the socket away.
  res.prependOnceListener('finish', () => res.socket?.setTimeout(0));
}

const isClosedEarly = (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
