import type { IncomingMessage } from 'node:http';
import { HttpError } from './exchange.ts';
import type { HeldMemory } from './held-memory.ts';

/**
 * Reads a body.
 *
 * @param maxBytes reading stops where the body grows over it; at most one chunk more is held in memory
 * @param memory is told what the body says of its length, and grows by what has come
 * @throws HttpError 413 too large; 400 cut short; and what `memory` throws
 */
export async function readBody(req: IncomingMessage, maxBytes: number, memory: HeldMemory): Promise<Buffer> {
  const announced = Number(req.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  memory.announce(announced);
  // Nothing more would be heard of one whose client has gone meanwhile.
  if (req.destroyed) throw cutShort();
  const chunks: Buffer[] = [];
  let size = 0;
  // Not as an iterator, which takes 20 µs for a body that has come in one part.
  return await new Promise((resolve, reject) => {
    // The listeners stay, as long as the request does: taking them away costs as much as reading a small body. What they have gathered
    // does not.
    let isOver = false;
    const end = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      settle();
      chunks.length = 0;
    };
    const onBroken = () => end(() => reject(cutShort()));
    req.on('data', (chunk: Buffer) => {
      if (isOver) return;
      try {
        size += chunk.length;
        if (size > maxBytes) throw tooLarge(maxBytes);
        memory.growTo(size);
        chunks.push(chunk);
      } catch (error) {
        // What is left of it is for `discardBody`.
        req.pause();
        end(() => reject(error));
      }
    });
    req.on('end', () =>
      end(() => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))),
    );
    req.on('error', onBroken).on('close', onBroken);
  });
}

const cutShort = () =>
  new HttpError(400, 'BAD_REQUEST', 'The body ended too early.', { connection: 'close' });

const tooLarge = (maxBytes: number) =>
  new HttpError(413, 'PAYLOAD_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`, {
    connection: 'close',
  });

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** @throws HttpError 400 it is not JSON, or not in UTF-8 */
export function parseJson(text: Buffer): unknown {
  try {
    return JSON.parse(UTF_8.decode(text));
  } catch {
    throw new HttpError(400, 'BAD_REQUEST', 'The body is not valid JSON in UTF-8.');
  }
}

/** @throws HttpError 415 it is not JSON in UTF-8, or compressed */
export function refuseOtherTypes(req: IncomingMessage): void {
  const sent = req.headers['content-type'] ?? '';
  if (sent === 'application/json' && req.headers['content-encoding'] === undefined) return;
  const [type, ...parameters] = sent.toLowerCase().split(';');
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
