/** What stands in a log for a secret. */
const MASK = Buffer.from('***');
/** What is shorter is everywhere by chance, and masking it would leave nothing of a log. */
const MIN_BYTES = 3;

/**
 * Masks secrets in what a build prints, wherever one stream of a step is cut into chunks: what may be the beginning of
 * a secret is held back until more has come. PURE.
 *
 * Each line of a secret counts as one, and so does its base64, which is how credentials travel.
 */
export class LogMask {
  readonly #patterns: readonly Buffer[];
  readonly #held = new Map<string, Uint8Array>();

  constructor(secrets: Iterable<string>) {
    const texts = [...secrets].flatMap((secret) => [
      ...secret.split(/\r?\n/).map((line) => line.trim()),
      Buffer.from(secret).toString('base64'),
    ]);
    this.#patterns = [...new Set(texts)]
      .map((text) => Buffer.from(text))
      .filter(({ byteLength }) => byteLength >= MIN_BYTES)
      // Of two that begin at the same place the longer one.
      .sort((a, b) => b.byteLength - a.byteLength);
  }

  /** @param stream which stream of which step: each has its own memory */
  mask(stream: string, chunk: Uint8Array): Uint8Array {
    if (this.#patterns.length === 0) return chunk;
    const held = this.#held.get(stream);
    const data = held === undefined ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    const { out, rest } = this.#replace(data, true);
    this.#hold(stream, rest);
    return out;
  }

  /** What was held back, masked: nothing more comes of this stream, or not for now. */
  release(stream: string): Uint8Array {
    const held = Buffer.from(this.#held.get(stream) ?? []);
    this.#held.delete(stream);
    return this.#replace(held, false).out;
  }

  /** The streams of which something is held back. */
  get held(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** A text of our own, such as an engine's message. */
  maskText(text: string): string {
    const masked = this.mask('', Buffer.from(text));
    return Buffer.concat([masked, this.release('')]).toString();
  }

  /** @param goesOn keep what may be the beginning of a secret, from the first such byte on, as the rest */
  #replace(data: Buffer, goesOn: boolean): { out: Uint8Array; rest: Uint8Array } {
    const out: Uint8Array[] = [];
    for (let from = 0; ; ) {
      const next = this.#find(data, from);
      const open = goesOn ? data.byteLength - this.#beginningAtEnd(data.subarray(from)) : data.byteLength;
      if (next === null || next.at >= open) {
        out.push(data.subarray(from, open));
        return {
          out: out.length === 1 ? (out[0] as Uint8Array) : Buffer.concat(out),
          rest: data.subarray(open),
        };
      }
      out.push(data.subarray(from, next.at), MASK);
      from = next.at + next.length;
    }
  }

  #hold(stream: string, rest: Uint8Array): void {
    if (rest.byteLength === 0) this.#held.delete(stream);
    // A copy: the chunk's memory may be the engine connection's.
    else this.#held.set(stream, Uint8Array.from(rest));
  }

  #find(data: Buffer, from: number): { at: number; length: number } | null {
    let first: { at: number; length: number } | null = null;
    for (const pattern of this.#patterns) {
      const at = data.indexOf(pattern, from);
      if (at >= 0 && (first === null || at < first.at)) first = { at, length: pattern.byteLength };
    }
    return first;
  }

  /** How many bytes at the end may be the beginning of a secret. */
  #beginningAtEnd(data: Buffer): number {
    let longest = 0;
    for (const pattern of this.#patterns) {
      const most = Math.min(pattern.byteLength - 1, data.byteLength);
      const first = pattern[0] as number;
      let at = data.indexOf(first, data.byteLength - most);
      while (at >= 0 && data.byteLength - at > longest) {
        if (data.compare(pattern, 0, data.byteLength - at, at) === 0) longest = data.byteLength - at;
        at = data.indexOf(first, at + 1);
      }
    }
    return longest;
  }
}
