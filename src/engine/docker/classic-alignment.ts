/** In the builder's text, encoded: a byte that its JSON could not carry. No byte of valid UTF-8 has this value. */
export const LOST = 0xff;

const NOTHING = Buffer.alloc(0);
const REPLACEMENT = Buffer.from('\uFFFD');
/** So many bytes in a row must stand in one place only to show where the attach begins; the longer, the more alike lines are. */
const ANCHORS = [64, 512, 4096];
/** So many bytes must agree, from the first that the attach has. */
const MIN_OVERLAP = 512;
/** More than both pipes of the daemon (1 MB each) can make one side run ahead of the other. */
const MAX_HELD_BYTES = 8_000_000;

/** What a piece of output really was; not `whole` where U+FFFD stands for bytes that nobody knows. */
export interface ExactPiece {
  readonly data: Buffer;
  readonly whole: boolean;
}

/**
 * One stream of a container, seen from two sides: the builder's text has all of it but for lost bytes, and an attach has
 * the bytes, but only from some byte on. Lays one over the other. Everything that both know is compared; at the first
 * difference it gives up, and U+FFFD stays in the rest. Holds what only one side has brought so far. PURE.
 */
export class ByteAlignment {
  /** Has it filled in bytes that may turn out wrong? */
  hasRepaired = false;
  private readonly told = new ByteQueue();
  private readonly attached = new ByteQueue();
  private state: 'SEARCHING' | 'ALIGNED' | 'GIVEN_UP' = 'SEARCHING';
  private triedAt = 0;

  /** Bytes of the attach. */
  attach(bytes: Buffer): void {
    if (this.state === 'GIVEN_UP') return;
    this.attached.push(bytes);
    if (this.attached.length > MAX_HELD_BYTES) this.giveUp();
  }

  /** A piece of the builder's text. */
  tell(piece: Buffer): void {
    // Before the piece is there: what is compared is gone, and its bytes may be asked for.
    this.compare();
    if (this.state === 'GIVEN_UP') return;
    this.told.push(piece);
    if (this.state === 'SEARCHING') this.search();
    if (this.told.length > MAX_HELD_BYTES) this.giveUp();
  }

  /** The last piece told, with its lost bytes; `null` where the attach has not brought them yet: ask again. */
  exact(piece: Buffer): ExactPiece | null {
    if (this.state !== 'ALIGNED') return unrepaired(piece);
    const held = this.told.length;
    if (this.attached.length < held) return null;
    const start = Math.max(0, held - piece.length);
    const data = Buffer.from(this.attached.first(held).subarray(start, held));
    if (!this.compare()) return unrepaired(piece);
    this.hasRepaired = true;
    const before = unrepaired(piece.subarray(0, piece.length - data.length));
    return { data: Buffer.concat([before.data, data]), whole: before.whole };
  }

  /**
   * Are these bytes the next that the attach has, behind all that was told? `undefined` where that cannot be known, `null` where
   * the attach has not brought them yet: ask again.
   */
  follows(piece: Buffer): boolean | null | undefined {
    if (!this.compare()) return undefined;
    if (this.told.length > 0) return null;
    const length = Math.min(piece.length, this.attached.length);
    if (!agree(piece, this.attached.first(length), length)) return false;
    return length === piece.length ? true : null;
  }

  /** To be called when neither side has brought anything for a while: then both have brought all that there was. */
  quiet(): void {
    if (this.state !== 'SEARCHING' || this.attached.length > this.told.length) return;
    this.state = 'ALIGNED';
    this.told.drop(this.told.length - this.attached.length);
    this.compare();
  }

  /** To be called after the last byte of both sides. */
  end(): void {
    if (this.state === 'ALIGNED' && this.compare() && this.told.length !== this.attached.length)
      this.giveUp();
  }

  giveUp(): void {
    this.state = 'GIVEN_UP';
    this.told.drop(this.told.length);
    this.attached.drop(this.attached.length);
  }

  /** Bytes were filled in, and a difference was found later. Answers true once. */
  takeDoubt(): boolean {
    const isDoubtful = this.state === 'GIVEN_UP' && this.hasRepaired;
    if (isDoubtful) this.hasRepaired = false;
    return isDoubtful;
  }

  /** Looks for the attach's first bytes in what the builder told. */
  private search(): void {
    const held = this.told.length + this.attached.length;
    if (this.attached.length < MIN_OVERLAP || held < 1.1 * this.triedAt) return;
    this.triedAt = held;
    const start = findStart(this.told.first(this.told.length), this.attached.first(this.attached.length));
    if (start === null) return;
    this.state = 'ALIGNED';
    this.told.drop(start);
  }

  private compare(): boolean {
    if (this.state !== 'ALIGNED') return false;
    while (this.told.length > 0 && this.attached.length > 0) {
      const [told, attached] = [this.told.head, this.attached.head];
      const length = Math.min(told.length, attached.length);
      if (!agree(told, attached, length)) {
        this.giveUp();
        return false;
      }
      this.told.drop(length);
      this.attached.drop(length);
    }
    return true;
  }
}

/** The builder's bytes with U+FFFD for each that it lost. */
export function unrepaired(piece: Buffer): ExactPiece {
  if (!piece.includes(LOST)) return { data: piece, whole: true };
  const data = Buffer.allocUnsafe(REPLACEMENT.length * piece.length);
  let length = 0;
  for (const byte of piece) {
    if (byte === LOST) length += REPLACEMENT.copy(data, length);
    else data[length++] = byte;
  }
  return { data: Buffer.from(data.subarray(0, length)), whole: false };
}

/** Where in `told` the bytes of `attached` begin; `null` where no place or more than one will do. */
function findStart(told: Buffer, attached: Buffer): number | null {
  for (const size of ANCHORS) {
    // A few anchors one after the other, since bytes may have been lost within one.
    for (let at = 0; at + size <= attached.length && at < 8 * size; at += size) {
      const anchor = attached.subarray(at, at + size);
      const found = told.indexOf(anchor);
      if (found < at || told.includes(anchor, found + 1)) continue;
      const rest = told.subarray(found - at);
      const overlap = Math.min(rest.length, attached.length);
      if (overlap >= MIN_OVERLAP && agree(rest, attached, overlap)) return found - at;
    }
  }
  return null;
}

/** Are the first `length` bytes the same, but for those that were lost? ASCII is never lost. */
function agree(told: Buffer, attached: Buffer, length: number): boolean {
  const part = told.subarray(0, length);
  if (!part.includes(LOST)) return part.compare(attached, 0, length) === 0;
  // Byte by byte (1 ns each): of binary output every other byte is lost.
  return part.every((byte, i) => byte === attached[i] || (byte === LOST && (attached[i] ?? 0) >= 0x80));
}

/** Bytes that come at the end and go at the start. */
class ByteQueue {
  length = 0;
  private chunks: Buffer[] = [];
  /** So many of them are gone: a long array is not shifted for each. */
  private gone = 0;

  push(bytes: Buffer): void {
    if (bytes.length > 0) this.chunks.push(bytes);
    this.length += bytes.length;
  }

  /** Bytes from the start on, as many as came together. */
  get head(): Buffer {
    return this.chunks[this.gone] ?? NOTHING;
  }

  /** The first `count` bytes in one piece, with more behind them maybe. */
  first(count: number): Buffer {
    this.forget();
    let covered = 0;
    let chunks = 0;
    while (covered < count) covered += this.chunks[chunks++]?.length ?? count;
    if (chunks > 1) this.chunks.unshift(Buffer.concat(this.chunks.splice(0, chunks)));
    return this.head;
  }

  drop(count: number): void {
    this.length -= count;
    for (let left = count; left > 0; ) {
      const { head } = this;
      if (head.length > left) this.chunks[this.gone] = head.subarray(left);
      else this.chunks[this.gone++] = NOTHING;
      left -= head.length;
    }
    if (2 * this.gone >= this.chunks.length) this.forget();
  }

  private forget(): void {
    this.chunks.splice(0, this.gone);
    this.gone = 0;
  }
}
