import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

/**
 * Streams a body at the pace of the client. A client that leaves is no fault.
 *
 * @throws what the source throws, after the connection was broken: half a document must not look whole
 */
export async function sendStream(
  res: ServerResponse,
  source: AsyncIterable<Uint8Array | string>,
): Promise<void> {
  try {
    await pipeline(source, res);
  } catch (error) {
    if (!res.destroyed || !isClosedEarly(error)) throw error;
  }
}

const isClosedEarly = (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
