import type { Readable } from 'node:stream';
import { ByteAlignment } from './classic-alignment.ts';
import type { EngineConnection } from './engine-connection.ts';

/** A step counts as quiet after two ticks without output: one alone may only have been a pause of this process. */
const TICK_MS = 50;
const QUIET_TICKS = 2;

/** What the container of a step prints, byte for byte, as long as it can be had: a step may print before the attach is in place. */
export class ClassicAttach {
  readonly streams = { STDOUT: new ByteAlignment(), STDERR: new ByteAlignment() };
  private readonly stop = new AbortController();
  private readonly timer = setInterval(() => this.tick(), TICK_MS);
  private news = Promise.withResolvers<void>();
  private hasAnswered = false;
  private hasEnded = false;
  private isListening = false;
  private quietTicks = 0;

  constructor(
    engine: EngineConnection,
    readonly containerId: string,
    signal: AbortSignal,
  ) {
    this.timer.unref();
    void this.read(engine, AbortSignal.any([signal, this.stop.signal]));
  }

  /** Is anybody waiting for what the builder says next? While its words are not taken, its silence means nothing. */
  setListening(isListening: boolean): void {
    this.isListening = isListening;
    this.quietTicks = 0;
  }

  /** Waits until more has come; `false` where nothing can come any more, or `patience` is over. */
  async more(patience: AbortSignal): Promise<boolean> {
    if (this.hasEnded || patience.aborted) return false;
    const over = Promise.withResolvers<void>();
    const end = () => over.resolve();
    patience.addEventListener('abort', end, { once: true });
    await Promise.race([this.news.promise, over.promise]);
    patience.removeEventListener('abort', end);
    return !patience.aborted;
  }

  close(): void {
    this.stop.abort();
    clearInterval(this.timer);
  }

  private async read(engine: EngineConnection, signal: AbortSignal): Promise<void> {
    try {
      const stream = await engine.post({
        path: `/containers/${this.containerId}/attach`,
        query: { stream: true, stdout: true, stderr: true },
        signal,
      });
      this.hasAnswered = true;
      this.quietTicks = 0;
      for await (const { stream: name, data } of readFrames(stream)) {
        this.quietTicks = 0;
        this.streams[name].attach(data);
        this.tellNews();
      }
    } catch {
      // The bytes cannot be had, e.g. since the container has ended already: the builder's text stays as it is.
      for (const stream of Object.values(this.streams)) stream.giveUp();
    } finally {
      this.hasEnded = true;
      clearInterval(this.timer);
      this.tellNews();
    }
  }

  private tellNews(): void {
    this.news.resolve();
    this.news = Promise.withResolvers();
  }

  private tick(): void {
    if (!this.hasAnswered || !this.isListening || ++this.quietTicks !== QUIET_TICKS) return;
    for (const stream of Object.values(this.streams)) stream.quiet();
  }
}

/** The frames of an attach: a byte that says which stream, three of nothing, the length in four, and the bytes. */
export async function* readFrames(
  stream: Readable,
): AsyncIterable<{ readonly stream: 'STDOUT' | 'STDERR'; readonly data: Buffer }> {
  let header = Buffer.alloc(0);
  let left = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    while (from < chunk.length) {
      if (left === 0) {
        const part = chunk.subarray(from, from + 8 - header.length);
        header = Buffer.concat([header, part]);
        from += part.length;
        if (header.length < 8) break;
        left = header.readUInt32BE(4);
        if (left > 0) continue;
      } else {
        const data = chunk.subarray(from, from + left);
        from += data.length;
        left -= data.length;
        yield { stream: header[0] === 2 ? 'STDERR' : 'STDOUT', data };
      }
      if (left === 0) header = Buffer.alloc(0);
    }
  }
}
