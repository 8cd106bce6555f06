import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** What the head of a server's frame takes at the most. */
const MAX_HEAD = 10;
/** Of the end of a message, as many bytes are kept as its last field takes. */
const END_BYTES = 64;

/** A WebSocket client that costs next to nothing: it looks at the end of each message and at none of the rest. */
export interface FrameReader {
  send(text: string): void;
  close(): void;
}

/**
 * Connects, and calls `onMessage` with each message's end and length.
 *
 * @param onMessage `end` is overwritten by the next message
 */
export async function openFrameReader(
  { port, path }: { readonly port: number; readonly path: string },
  onMessage: (end: Buffer, bytes: number) => void,
): Promise<FrameReader> {
  const frames = new Frames(onMessage);
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: shared,
      callback: (bytes, buffer) => {
        frames.read(buffer as Buffer, bytes);
        return true;
      },
    },
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    frames.onOpen = resolve;
    socket.on('close', () => reject(new Error('the server has closed the connection')));
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n` +
        'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
    );
  });
  frames.onPing = () => sendFrame(socket, 0x8a, Buffer.alloc(0));
  return {
    send: (text) => sendFrame(socket, 0x81, Buffer.from(text)),
    close: () => socket.destroy(),
  };
}

/** All sockets of the process read into it, one after another. */
const shared = Buffer.allocUnsafe(256 * 1024);

/** Sends one frame, masked with zeros, so that nothing has to be masked. */
function sendFrame(socket: Socket, first: number, data: Buffer): void {
  const long = data.length > 125;
  const head = Buffer.alloc(long ? 8 : 6);
  head[0] = first;
  head[1] = 0x80 | (long ? 126 : data.length);
  if (long) head.writeUInt16BE(data.length, 2);
  socket.write(Buffer.concat([head, data]));
}

/** Cuts what comes into messages. */
class Frames {
  onOpen: (() => void) | null = null;
  onPing: () => void = () => undefined;
  readonly #head = Buffer.alloc(MAX_HEAD);
  readonly #end = Buffer.alloc(END_BYTES);
  #headBytes = 0;
  #left = 0;
  #endBytes = 0;
  #messageBytes = 0;
  #isOpen = false;
  #opening = '';

  constructor(private readonly onMessage: (end: Buffer, bytes: number) => void) {}

  read(data: Buffer, length: number): void {
    let at = 0;
    if (!this.#isOpen) {
      this.#opening += data.toString('latin1', 0, length);
      const end = this.#opening.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!this.#opening.startsWith('HTTP/1.1 101')) throw new Error(this.#opening);
      this.#isOpen = true;
      this.onOpen?.();
      at = length - (this.#opening.length - end - 4);
    }
    while (at < length) {
      if (this.#left === 0) {
        at = this.#readHead(data, at, length);
        if (this.#left === 0) continue;
      }
      const taken = Math.min(this.#left, length - at);
      this.#keepEnd(data, at, taken);
      at += taken;
      this.#left -= taken;
      if (this.#left === 0) this.#finish();
    }
  }

  #readHead(data: Buffer, from: number, length: number): number {
    let at = from;
    while (at < length) {
      this.#head[this.#headBytes] = data[at] as number;
      at += 1;
      this.#headBytes += 1;
      const short = (this.#head[1] as number) & 0x7f;
      const needed = this.#headBytes < 2 ? 2 : short === 126 ? 4 : short === 127 ? 10 : 2;
      if (this.#headBytes < needed) continue;
      this.#left =
        short === 126 ? this.#head.readUInt16BE(2) : short === 127 ? this.#head.readUIntBE(4, 6) : short;
      if (this.#left === 0) this.#finish();
      break;
    }
    return at;
  }

  #keepEnd(data: Buffer, from: number, count: number): void {
    this.#messageBytes += count;
    const kept = Math.min(count, END_BYTES);
    const stays = Math.min(this.#endBytes, END_BYTES - kept);
    this.#end.copyWithin(0, this.#endBytes - stays, this.#endBytes);
    data.copy(this.#end, stays, from + count - kept, from + count);
    this.#endBytes = stays + kept;
  }

  #finish(): void {
    const first = this.#head[0] as number;
    this.#headBytes = 0;
    const opcode = first & 0x0f;
    if (opcode === 0x9) this.onPing();
    if (opcode === 0x8)
      throw new Error(`the server closes: ${this.#end.toString('latin1', 0, this.#endBytes)}`);
    const isMessage = opcode <= 0x2;
    // The rest of the message comes in another frame.
    if (isMessage && (first & 0x80) === 0) return;
    if (isMessage) this.onMessage(this.#end.subarray(0, this.#endBytes), this.#messageBytes);
    this.#messageBytes = 0;
    this.#endBytes = 0;
  }
}
