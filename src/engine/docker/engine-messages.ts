import type { Readable } from 'node:stream';
import { type BuildKitTrace, decodeTrace } from './buildkit-trace.ts';

/**
 * In `stream`: a byte that was no UTF-8 by itself, so that the engine's JSON could not carry it. The engine writes the
 * escape of U+FFFD in its place, and a U+FFFD that was really printed as it is. Alone it is no character, and is
 * encoded as U+FFFD; the halves of a real character never stand alone.
 */
export const LOST_BYTE = '\uDFFF';

/** One line of what the engine answers to a build or a push; only what is used of it, and only where it has the right type. */
export interface EngineMessage {
  readonly stream: string | null;
  readonly status: string | null;
  /** Names what `status` or `aux` is about: a layer, or the kind of a BuildKit message. */
  readonly id: string | null;
  readonly current: number | null;
  readonly total: number | null;
  readonly aux: unknown;
  /** What `aux` says where it is BuildKit's trace. */
  readonly trace: BuildKitTrace | null;
  readonly error: { readonly message: string; readonly code: number | null } | null;
}

/** A line that is longer is no message; the largest that an engine sends is a pipe's 32 KiB, escaped and with a frame around it. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * The lines of a stream, each without its end: all that a piece of it ends at once, since what prints a lot sends thousands. Holds one
 * piece at a time, whatever the stream's length.
 */
async function* readPieces(stream: Readable): AsyncIterable<readonly string[]> {
  let begun: Buffer[] = [];
  let held = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      if (begun.length === 0) lines.push(chunk.toString('utf8', from, end));
      else lines.push(Buffer.concat([...begun, chunk.subarray(from, end)]).toString('utf8'));
      begun = [];
      held = 0;
      from = end + 1;
    }
    if (lines.length > 0) yield lines;
    if (from === chunk.length) continue;
    begun.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > MAX_LINE_BYTES)
      throw new Error(`a line of the engine's answer is longer than ${MAX_LINE_BYTES} bytes`);
  }
  if (held > 0) yield [Buffer.concat(begun).toString('utf8')];
}

/** The lines of a stream, one by one. */
export async function* readLines(stream: Readable): AsyncIterable<string> {
  for await (const lines of readPieces(stream)) yield* lines;
}

/** The messages of an answer, as many at once as came together. Lines that are not JSON objects are left out. */
export async function* readMessageGroups(stream: Readable): AsyncIterable<readonly EngineMessage[]> {
  for await (const lines of readPieces(stream))
    yield lines.map(parseMessage).filter((message) => message !== null);
}

/** The messages of an answer, one by one. */
export async function* readMessages(stream: Readable): AsyncIterable<EngineMessage> {
  for await (const messages of readMessageGroups(stream)) yield* messages;
}

/** One line as a message; `null` where it is none. */
export function parseMessage(line: string): EngineMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  const detail = isObject(value['errorDetail']) ? value['errorDetail'] : {};
  const progress = isObject(value['progressDetail']) ? value['progressDetail'] : {};
  const error = text(detail['message']) ?? text(value['error']);
  const { aux } = value;
  return {
    stream: line.includes(ESCAPED) ? markLost(line) : text(value['stream']),
    status: text(value['status']),
    id: text(value['id']),
    current: number(progress['current']),
    total: number(progress['total']),
    aux,
    trace: value['id'] === 'moby.buildkit.trace' && typeof aux === 'string' ? decodeTrace(aux) : null,
    error: error === null ? null : { message: error, code: number(detail['code']) },
  };
}

const ESCAPED = '\\ufffd';

function markLost(line: string): string | null {
  // Behind an even number of backslashes: two of them are one that was printed.
  const marked = line.replace(/(?<!\\)((?:\\\\)*)\\ufffd/g, String.raw`$1\udfff`);
  const value: unknown = JSON.parse(marked);
  return isObject(value) ? text(value['stream']) : null;
}

/** A field of `aux`, which has another shape in every kind of message. */
export function auxField(aux: unknown, name: string): string | null {
  return isObject(aux) ? text(aux[name]) : null;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
