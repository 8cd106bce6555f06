import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  areAllPlainAscii,
  isPlainAscii,
  plainText,
  readableBytes,
  readableText,
} from '../../src/build/log/build-log-text.rules.ts';

const ESC = '\u001b';
const BEL = '\u0007';
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const CONTROLS = /[\x01-\x08\x0a-\x0c\x0e-\x1f\x7f-\x9f]/g;

describe('a line without its terminal codes', () => {
  it.each([
    ['', ''],
    ['nothing\tto take\rout \0 普通 🚀', 'nothing\tto take\rout \0 普通 🚀'],
    [`${ESC}[1;31mred${ESC}[0m`, 'red'],
    [`${ESC}[2J${ESC}[H${ESC}[?25lgone`, 'gone'],
    [`10 %\r${ESC}[K20 %`, '10 %\r20 %'],
    [`${ESC}]0;title${BEL}text`, 'text'],
    [`${ESC}]8;;https://x.example/${ESC}\\link${ESC}]8;;${ESC}\\`, 'link'],
    [`a${ESC}P1$r0m${ESC}\\b${ESC}_apc${ESC}\\c${ESC}^pm${ESC}\\d${ESC}Xsos${ESC}\\e`, 'abcde'],
    [`${ESC}(B${ESC})0${ESC}c${ESC}7${ESC}=text`, 'text'],
    ['\u009b31mred\u009d0;title\u009ctext\u0085', 'redtext'],
    [`bell${BEL} back\b form\f del\u007f`, 'bell back form del'],
    [`a text that never ends ${ESC}]0;hides nothing`, 'a text that never ends 0;hides nothing'],
    [`cut ${ESC}[3`, 'cut '],
    [`cut ${ESC}`, 'cut '],
    [`${ESC}${ESC}[${ESC}[31m${ESC}`, ''],
    [`[31m is text`, '[31m is text'],
  ])('%j is %j', (line, expected) => expect(plainText(line)).toBe(expected));

  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      ESC,
      BEL,
      '[',
      ']',
      '\\',
      'P',
      '31m',
      '\u009b',
      '\u009c',
      '\u009d',
      '\r',
      '\0',
      '\t',
      'é',
    ),
  );
  const line = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));

  it('never holds a control character but TAB, CR and NUL, and has nothing left to take out', () => {
    fc.assert(
      fc.property(line, (text) => {
        const plain = plainText(text);
        expect(plain.search(CONTROLS)).toBe(-1);
        expect(plainText(plain)).toBe(plain);
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves everything else as it is', () => {
    fc.assert(
      fc.property(line, (text) => {
        const clean = text.replace(CONTROLS, '');
        expect(plainText(clean)).toBe(clean);
      }),
    );
  });

  it.each([`${ESC}]`, `${ESC}[`, `${ESC}P`, ESC, '\u009d', '\u009b', `${ESC}[0`, '\u0090a'])(
    'takes no longer for a line of %j alone',
    (code) => {
      const start = performance.now();
      plainText(code.repeat(500_000));
      expect(performance.now() - start).toBeLessThan(2000);
    },
  );
});

describe('the bytes of a line', () => {
  it('are read as UTF-8, what is none as U+FFFD, a mark of the byte order as it is', () => {
    expect(readableText(Buffer.from([0x61, 0xff, 0xe6, 0x99, 0x62]))).toBe('a\ufffd\ufffdb');
    expect(readableText(Buffer.from('\ufeffmark'))).toBe('\ufeffmark');
    expect(readableText(Buffer.from(`\u009b1m普通`))).toBe('普通');
  });

  it('come back as the same text, without a copy where they are plain ASCII', () => {
    const ascii = Buffer.from('plain\ttext\0\r');
    expect(readableBytes(ascii)).toBe(ascii);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(Buffer.from(readableBytes(bytes)).toString()).toBe(readableText(bytes));
      }),
    );
  });

  it.each(Array.from({ length: 256 }, (_, byte) => byte))(
    'are plain ASCII or not by the same rule for one line and for many: byte %d',
    (byte) => {
      const data = Buffer.from([0x61, byte, 0x62]);
      expect(areAllPlainAscii(data)).toBe(isPlainAscii(data));
    },
  );
});
