import { isUtf8 } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ByteAlignment, LOST } from '../../src/engine/docker/classic-alignment.ts';

/** What the builder's JSON leaves of a piece: every byte that is no UTF-8 within this piece is lost. */
function lose(piece: Buffer): Buffer {
  const left = Buffer.from(piece);
  for (let at = 0; at < piece.length; ) {
    const lead = piece[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const isWhole = at + length <= piece.length && isUtf8(piece.subarray(at, at + length));
    if (!isWhole) left[at] = LOST;
    at += isWhole ? length : 1;
  }
  return left;
}

/** The piece as the alignment gives it, once it is known. */
function tell(stream: ByteAlignment, piece: Buffer) {
  const told = lose(piece);
  stream.tell(told);
  return told.includes(LOST) ? stream.exact(told) : { data: piece, whole: true };
}

/** Repeatable numbers from 0 up to `below`. */
function numbers(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const LINES = Buffer.from(Array.from({ length: 400 }, (_, i) => `第 ${i} 行：抽帧完成\n`).join(''));

describe('one stream, seen by the builder and by an attach', () => {
  it('has the bytes of a character that two pieces share', () => {
    const stream = new ByteAlignment();
    stream.quiet();
    const text = Buffer.from('抽帧\n');
    stream.attach(text);
    expect(tell(stream, text.subarray(0, 1))).toEqual({ data: text.subarray(0, 1), whole: true });
    expect(tell(stream, text.subarray(1))).toEqual({ data: text.subarray(1), whole: true });
  });

  it('asks for patience while the attach is behind', () => {
    const stream = new ByteAlignment();
    stream.quiet();
    const told = Buffer.of(LOST);
    stream.tell(told);
    expect(stream.exact(told)).toBeNull();
    stream.attach(Buffer.of(0xff));
    expect(stream.exact(told)).toEqual({ data: Buffer.of(0xff), whole: true });
  });

  it('puts U+FFFD for every byte that was printed before the attach, and has the others', () => {
    const stream = new ByteAlignment();
    expect(tell(stream, Buffer.of(0xe6, 0x8a, 10))).toEqual({
      data: Buffer.from('\uFFFD\uFFFD\n'),
      whole: false,
    });
    stream.quiet();
    stream.attach(Buffer.of(0xfe, 0));
    expect(tell(stream, Buffer.of(0xfe, 0))).toEqual({ data: Buffer.of(0xfe, 0), whole: true });
  });

  it('finds by the text where a late attach began', () => {
    const stream = new ByteAlignment();
    // Both cuts are within a character.
    const [first, second] = [LINES.indexOf('抽', 1_000) + 1, LINES.indexOf('抽', 4_000) + 1];
    stream.attach(LINES.subarray(first + 1));
    const pieces = [LINES.subarray(0, first), LINES.subarray(first, second), LINES.subarray(second)];
    const exact = pieces.map((piece) => tell(stream, piece));
    expect(exact.map((piece) => piece?.whole)).toEqual([false, false, true]);
    expect(exact[1]?.data.subarray(-2_990)).toEqual(pieces[1]?.subarray(-2_990));
    expect(exact[2]?.data).toEqual(pieces[2]);
  });

  it('fills in nothing where the attach may have begun in several places', () => {
    const stream = new ByteAlignment();
    const same = Buffer.from('抽帧\n'.repeat(2_000));
    stream.attach(same.subarray(700));
    tell(stream, same.subarray(0, 10_000));
    expect(tell(stream, same.subarray(10_000, 10_001))).toEqual({
      data: Buffer.from('\uFFFD'),
      whole: false,
    });
  });

  it('gives up at the first difference, and says so once where it had filled in something', () => {
    const stream = new ByteAlignment();
    stream.quiet();
    stream.attach(Buffer.from([0xff, 97, 98, 99]));
    tell(stream, Buffer.of(0xff));
    expect(stream.takeDoubt()).toBe(false);
    expect(tell(stream, Buffer.from([97, 0xff]))).toEqual({ data: Buffer.from('a\uFFFD'), whole: false });
    expect([stream.takeDoubt(), stream.takeDoubt()]).toEqual([true, false]);
  });

  it('gives up at a difference in what came before, which it sees with the next piece', () => {
    const stream = new ByteAlignment();
    stream.quiet();
    stream.attach(Buffer.from([0xff]));
    tell(stream, Buffer.of(0xff));
    expect(tell(stream, Buffer.from('told'))).toEqual({ data: Buffer.from('told'), whole: true });
    stream.attach(Buffer.from('held'));
    expect(tell(stream, Buffer.of(97, 0xff))).toEqual({ data: Buffer.from('a\uFFFD'), whole: false });
    expect(stream.takeDoubt()).toBe(true);
  });

  it.each([1, 7, 100_000])('has every byte of a large piece that the attach brought by %i', (size) => {
    const stream = new ByteAlignment();
    stream.quiet();
    const piece = Buffer.concat([Buffer.alloc(600_000, LINES), Buffer.of(0xff, 10)]);
    for (let at = 0; at < piece.length; at += size) stream.attach(piece.subarray(at, at + size));
    expect(tell(stream, piece)).toEqual({ data: piece, whole: true });
  });

  it('sees at the end that the attach had more or fewer bytes', () => {
    const stream = new ByteAlignment();
    stream.quiet();
    stream.attach(Buffer.from([0xff, 97]));
    tell(stream, Buffer.of(0xff));
    stream.end();
    expect(stream.takeDoubt()).toBe(true);
  });

  it.each(Array.from({ length: 60 }, (_, i) => i))('never gives wrong bytes for right ones (%i)', (seed) => {
    const random = numbers(seed);
    const truth = Buffer.from(
      seed % 2 === 0
        ? Array.from({ length: 6_000 }, () => random(256))
        : LINES.map((byte) => (random(200) === 0 ? random(256) : byte)),
    );
    const start = random(3) === 0 ? 0 : random(3_000);
    const stream = new ByteAlignment();
    if (start === 0) stream.quiet();
    let attached = start;
    const bring = (to: number) => {
      stream.attach(truth.subarray(attached, Math.max(attached, to)));
      attached = Math.max(attached, to);
    };
    let repaired = 0;
    for (let at = 0; at < truth.length; ) {
      const piece = truth.subarray(at, at + 1 + random(900));
      bring(at + random(2_000));
      let exact = tell(stream, piece);
      if (exact === null) {
        bring(at + piece.length);
        exact = stream.exact(lose(piece));
      }
      const { data, whole } = exact ?? { data: Buffer.alloc(0), whole: false };
      if (whole) expect(data.equals(piece)).toBe(true);
      if (whole && lose(piece).includes(LOST)) repaired++;
      at += piece.length;
    }
    bring(truth.length);
    stream.end();
    expect(stream.takeDoubt()).toBe(false);
    if (start === 0) expect(repaired).toBeGreaterThan(0);
  });
});
