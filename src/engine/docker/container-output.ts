import type { Readable } from 'node:stream';
import type Docker from 'dockerode';

type OutputStream = 'STDOUT' | 'STDERR';

/** What the engine puts for every byte that is not UTF-8 in the frame it is in. */
const REPLACEMENT = Buffer.from('\uFFFD', 'utf8');
/** How far the second reading may run ahead of the first before it is held back. */
const MAX_AHEAD_BYTES = 4 * 1024 * 1024;
/** How long a frame waits for bytes that the second reading has not brought yet. */
const MAX_WAIT_MS = 2_000;

/**
 * The classic builder's stream is JSON, so a character that two frames share, or a byte that is not UTF-8, arrives as
 * U+FFFD: 180 times in 3 MB of Chinese text, measured. This reads the same container's output a second time, raw, and
 * puts the bytes back. The JSON stays in the lead: it says the order, and what is in no raw stream stays as it is.
 */
export class ContainerOutput {
  private readonly held = { STDOUT: new Heap(), STDERR: new Heap() };
  private readonly closing = new AbortController();
  private changed = Promise.withResolvers<void>();
  private drained = Promise.withResolvers<void>();
  private isOver = false;

  /** Begins to read; the container need not run yet. */
  constructor(docker: Docker, containerId: string) {
    this.read(docker, containerId).then(
      () => this.end(),
      () => this.end(),
    );
  }

  /** The bytes of a frame that holds `data`; `data` itself where they cannot be had. */
  async exact(stream: OutputStream, data: Uint8Array): Promise<Uint8Array> {
    const frame = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const heap = this.held[stream];
    if (!frame.includes(REPLACEMENT)) {
      heap.skip(frame.length);
      this.wake();
      return data;
    }
    const deadline = Date.now() + MAX_WAIT_MS;
    for (;;) {
      const found = heap.match(frame);
      if (found !== 'MORE') {
        if (found === null) this.close();
        this.wake();
        return found ?? data;
      }
      const left = deadline - Date.now();
      if (this.isOver || left <= 0) {
        this.close();
        return data;
      }
      await within(this.changed.promise, left);
    }
  }

  close(): void {
    this.closing.abort();
    this.wake();
  }

  private wake(): void {
    this.drained.resolve();
    this.drained = Promise.withResolvers();
  }

  private end(): void {
    this.isOver = true;
    this.changed.resolve();
  }

  private async read(docker: Docker, containerId: string): Promise<void> {
    const container = docker.getContainer(containerId);
    const options = { stream: true, stdout: true, stderr: true, abortSignal: this.closing.signal };
    const raw: Readable = Object.assign(await container.attach(options));
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of raw as AsyncIterable<Buffer>) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      // Each piece has a header of eight bytes: the stream's number, three zeros, the length.
      while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
        const end = 8 + rest.readUInt32BE(4);
        this.held[rest[0] === 2 ? 'STDERR' : 'STDOUT'].add(rest.subarray(8, end));
        rest = rest.subarray(end);
      }
      this.changed.resolve();
      this.changed = Promise.withResolvers();
      while (
        this.held.STDOUT.size + this.held.STDERR.size > MAX_AHEAD_BYTES &&
        !this.closing.signal.aborted
      ) {
        await this.drained.promise;
      }
    }
  }
}

/** The raw bytes of one stream that no frame has used yet. */
class Heap {
  private chunks: Buffer[] = [];
  private owed = 0;
  size = 0;

  add(chunk: Buffer): void {
    const used = Math.min(this.owed, chunk.length);
    this.owed -= used;
    if (used === chunk.length) return;
    this.chunks.push(chunk.subarray(used));
    this.size += chunk.length - used;
  }

  /** Drops the next bytes, also those that have not come yet. */
  skip(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const first = this.chunks[0];
      if (!first) {
        this.owed += left;
        return;
      }
      const used = Math.min(left, first.length);
      this.size -= used;
      left -= used;
      if (used === first.length) this.chunks.shift();
      else this.chunks[0] = first.subarray(used);
    }
  }

  /** The bytes that the engine wrote as `frame`; `null` where the next bytes are others, `MORE` where too few are here. */
  match(frame: Buffer): Buffer | null | 'MORE' {
    if (this.owed > 0) return 'MORE';
    if (this.chunks.length > 1) this.chunks = [Buffer.concat(this.chunks)];
    const raw = this.chunks[0] ?? Buffer.alloc(0);
    let from = 0;
    for (let i = 0; i < frame.length; from += 1) {
      if (from >= raw.length) return 'MORE';
      if (isReplacement(frame, i)) {
        if (isReplacement(raw, from)) from += 2;
        i += 3;
      } else if (frame[i] === raw[from]) i += 1;
      else return null;
    }
    const bytes = Buffer.from(raw.subarray(0, from));
    this.skip(from);
    return bytes;
  }
}

const isReplacement = (bytes: Buffer, at: number): boolean =>
  bytes[at] === REPLACEMENT[0] && bytes[at + 1] === REPLACEMENT[1] && bytes[at + 2] === REPLACEMENT[2];

async function within(promise: Promise<void>, ms: number): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const timeout = setTimeout(timer.resolve, ms);
  await Promise.race([promise, timer.promise]);
  clearTimeout(timeout);
}
