import type { IncomingMessage } from 'node:http';
import { HttpError } from './exchange.ts';

/**
 * Reads a JSON body.
 *
 * @param maxBytes reading stops where the body grows over it; at most one chunk more is held in memory
 * @throws HttpError 415 the content type is not JSON in UTF-8, or compressed; 413 too large; 400 not JSON or cut short
 */
export async function readJsonBody(req: IncomingMessage, maxBytes: number): Promise<unknown> {
  refuseOtherTypes(req);
  const tooLarge = new HttpError(413, 'PAYLOAD_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`, {
    connection: 'close',
  });
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Without destroyOnReturn a refusal would cut the connection before its answer is out.
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) throw tooLarge;
    }
  } catch (error) {
    if (error === tooLarge) throw error;
    throw new HttpError(400, 'BAD_REQUEST', 'The body ended too early.', { connection: 'close' });
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw new HttpError(400, 'BAD_REQUEST', 'The body is not valid JSON in UTF-8.');
  }
}

function refuseOtherTypes(req: IncomingMessage): void {
  const [type, ...parameters] = (req.headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((p) => p.trim()).find((p) => p.startsWith('charset='));
  if (type?.trim() !== 'application/json' || (charset && !/^charset="?utf-?8"?$/.test(charset))) {
    throw new HttpError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the request as application/json in UTF-8.', {
      accept: 'application/json',
    });
  }
  if ((req.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new HttpError(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the body without a content encoding.', {
      'accept-encoding': 'identity',
    });
  }
}

const DISCARD_MAX_BYTES = 64 * 1024 * 1024;
const DISCARD_MAX_MS = 3000;

/**
 * Reads what is left of a refused request and throws it away, within limits: a client that is still sending would otherwise see
 * its connection reset instead of the answer.
 */
export async function discardBody(req: IncomingMessage): Promise<void> {
  if (req.complete || req.destroyed) return;
  let size = 0;
  const timeUp = AbortSignal.timeout(DISCARD_MAX_MS);
  await new Promise<void>((resolve) => {
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > DISCARD_MAX_BYTES) resolve();
    });
    for (const event of ['end', 'close', 'error']) req.once(event, () => resolve());
    timeUp.addEventListener('abort', () => resolve(), { once: true });
    req.resume();
  });
}
