/** What stands in a log for a secret. */
const MASK = Buffer.from('***');
/** What is shorter is everywhere by chance, and masking it would leave nothing of a log. */
const MIN_BYTES = 3;
/** Longer lines count as several secrets, so that no more than this is ever held back. */
const PIECE_BYTES = 1024;
/** Secrets up to this size are looked for in base64 too, which is how credentials travel. */
const MAX_ENCODED_BYTES = 4096;
/** The width at which `base64` breaks its lines. */
const BASE64_LINE = 76;
const MIN_BASE64 = 4;
/** A match that may be the beginning of a longer one waits for it up to this size. */
const MAX_HELD_BYTES = 4096;

interface Match {
  readonly from: number;
  readonly to: number;
}

/**
 * Masks secrets in what a build prints, wherever one stream of a step is cut into chunks: what may be the beginning of
 * a secret is held back until more has come. PURE.
 *
 * Each line of a secret counts as one, and so does its base64, in both alphabets and at whatever place it stands in
 * something longer.
 */
export class LogMask {
  readonly #patterns: readonly Pattern[];
  readonly #held = new Map<string, Uint8Array>();

  constructor(secrets: Iterable<string>) {
    const pieces = [...secrets].flatMap((secret) => [...linesOf(secret), ...encodedForms(secret)]);
    this.#patterns = [...new Set(pieces.map((piece) => piece.toString('latin1')))].map(
      (piece) => new Pattern(Buffer.from(piece, 'latin1')),
    );
  }

  /** @param stream which stream of which step: each has its own memory */
  mask(stream: string, chunk: Uint8Array): Uint8Array {
    if (this.#patterns.length === 0) return chunk;
    const held = this.#held.get(stream);
    const data =
      held === undefined
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        : Buffer.concat([held, chunk]);
    const { out, rest } = this.#replace(data, true);
    if (rest.byteLength === 0) this.#held.delete(stream);
    // A copy: the chunk's memory may be the engine connection's.
    else this.#held.set(stream, Uint8Array.from(rest));
    return out;
  }

  /**
   * What was held back: nothing more comes of this stream, or not here. The beginning of a secret is masked like a whole one,
   * since what follows it elsewhere could not be.
   */
  release(stream: string): Uint8Array {
    const held = Buffer.from(this.#held.get(stream) ?? []);
    this.#held.delete(stream);
    if (held.byteLength >= MIN_BYTES) return MASK;
    return held;
  }

  /** The streams of which something is held back. */
  get held(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** A text of our own, such as an engine's message. */
  maskText(text: string): string {
    return Buffer.from(this.#replace(Buffer.from(text), false).out).toString();
  }

  /** @param goesOn keep what may be the beginning of a secret, from the first such byte on, as the rest */
  #replace(data: Buffer, goesOn: boolean): { out: Uint8Array; rest: Uint8Array } {
    const all = this.#patterns.map((pattern) => new Search(pattern, data));
    const found = all.filter((search) => search.from(0) >= 0);
    const begun = goesOn ? all.filter((search) => search.open(0) < data.byteLength) : [];
    const out: Uint8Array[] = [];
    for (let from = 0; ; ) {
      const match = nextMatch(found, from);
      const open = openPlace(begun, from, data.byteLength);
      // A match that another secret may overlap waits for it, but not in a flood of nothing else.
      const waits = match !== null && match.to > open && data.byteLength - match.from <= MAX_HELD_BYTES;
      if (match === null || match.from >= open || waits) {
        const end = Math.min(match?.from ?? open, open);
        out.push(data.subarray(from, end));
        return {
          out: out.length === 1 ? (out[0] as Uint8Array) : Buffer.concat(out),
          rest: data.subarray(end),
        };
      }
      out.push(data.subarray(from, match.from), MASK);
      from = match.to;
    }
  }
}

/** A secret's bytes, and of each beginning of them the longest one that it ends with (Knuth, Morris and Pratt's table). */
class Pattern {
  readonly borders: Int16Array;

  constructor(readonly bytes: Buffer) {
    this.borders = new Int16Array(bytes.byteLength);
    for (let i = 1, length = 0; i < bytes.byteLength; i += 1) {
      length = this.extend(length, bytes[i]);
      this.borders[i] = length;
    }
  }

  /** How many of the first bytes stand at the end of a text when it goes on with `byte`; `length` of them did before. */
  extend(length: number, byte: number | undefined): number {
    let matched = length;
    while (matched > 0 && this.bytes[matched] !== byte) matched = this.shorter(matched);
    return this.bytes[matched] === byte ? matched + 1 : 0;
  }

  shorter(length: number): number {
    return this.borders[length - 1] as number;
  }
}

/** Where one pattern stands in one piece of data, asked from the front to the back. */
class Search {
  #at = -2;
  #openBytes: number | null = null;

  constructor(
    private readonly pattern: Pattern,
    private readonly data: Buffer,
  ) {}

  /** The first match at `place` or behind it, -1 where there is none. */
  from(place: number): number {
    if (this.#at !== -1 && this.#at < place) this.#at = this.data.indexOf(this.pattern.bytes, place);
    return this.#at;
  }

  end(at: number): number {
    return at + this.pattern.bytes.byteLength;
  }

  /** The first place at `place` or behind it where the pattern may begin that goes on behind the data; the data's end: nowhere. */
  open(place: number): number {
    const { data, pattern } = this;
    this.#openBytes ??= this.#longestBeginningAtEnd();
    let bytes = this.#openBytes;
    while (bytes > data.byteLength - place) bytes = pattern.shorter(bytes);
    return data.byteLength - bytes;
  }

  #longestBeginningAtEnd(): number {
    const { data, pattern } = this;
    let length = 0;
    for (let i = Math.max(0, data.byteLength - pattern.bytes.byteLength + 1); i < data.byteLength; i += 1)
      length = pattern.extend(length, data[i]);
    return length;
  }
}

/** The first match from a place on, together with all that overlap it. */
function nextMatch(searches: readonly Search[], place: number): Match | null {
  let from = -1;
  let to = -1;
  for (const search of searches) {
    const at = search.from(place);
    if (at < 0 || (from >= 0 && (at > from || (at === from && search.end(at) <= to)))) continue;
    from = at;
    to = search.end(at);
  }
  if (from < 0) return null;
  for (let hasGrown = true; hasGrown; ) {
    hasGrown = false;
    for (const search of searches) {
      for (let at = search.from(from + 1); at >= 0 && at < to; at = search.from(at + 1)) {
        if (search.end(at) <= to) continue;
        to = search.end(at);
        hasGrown = true;
      }
    }
  }
  return { from, to };
}

/** The first place from which on the data may be the beginning of a secret; `end` where there is none. */
function openPlace(searches: readonly Search[], place: number, end: number): number {
  return searches.reduce((first, search) => Math.min(first, search.open(place)), end);
}

/** A secret's lines, in pieces. */
function linesOf(secret: string): Buffer[] {
  return secret
    .split(/\r?\n/)
    .map((line) => Buffer.from(line.trim()))
    .flatMap((line) => piecesOf(line, PIECE_BYTES))
    .filter(({ byteLength }) => byteLength >= MIN_BYTES);
}

/**
 * A secret in base64, whatever stands before and behind it in what is encoded: three ways to fall on the groups of three
 * bytes, and of each the characters that the secret alone decides.
 */
function encodedForms(secret: string): Buffer[] {
  const bytes = Buffer.from(secret.trim());
  if (bytes.byteLength < MIN_BYTES || bytes.byteLength > MAX_ENCODED_BYTES) return [];
  return [0, 1, 2].flatMap((shift) => {
    const shifted = Buffer.concat([Buffer.alloc(shift), bytes]);
    const first = Math.ceil((shift * 8) / 6);
    const last = Math.floor((shifted.byteLength * 8) / 6);
    return (
      (['base64', 'base64url'] as const)
        .map((alphabet) => shifted.toString(alphabet))
        // Behind the last of those characters something else may stand, or nothing and the padding.
        .flatMap((text) => [text.slice(first, last), text.slice(first)])
        .map((text) => Buffer.from(text))
        .flatMap((text) => piecesOf(text, BASE64_LINE))
        .filter(({ byteLength }) => byteLength >= MIN_BASE64)
    );
  });
}

function piecesOf(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.byteLength / size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}
