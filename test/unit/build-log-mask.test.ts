import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogMask } from '../../src/build/run/build-log-mask.ts';

/** What a mask makes of an output that comes in these chunks. */
function masked(secrets: readonly string[], chunks: readonly Uint8Array[]): Buffer {
  const mask = new LogMask(secrets);
  const out = chunks.map((chunk) => Buffer.from(mask.mask('STDOUT 1', chunk)));
  return Buffer.concat([...out, mask.release('STDOUT 1')]);
}

const textOf = (secrets: readonly string[], ...chunks: readonly string[]) =>
  masked(
    secrets,
    chunks.map((chunk) => Buffer.from(chunk)),
  ).toString();

describe('what a build prints is masked', () => {
  it.each([
    ['a secret in one chunk', ['hunter2'], ['the password is hunter2.'], 'the password is ***.'],
    ['a secret that comes byte by byte', ['hunter2'], [...'-hunter2-hunter2'], '-***-***'],
    ['the beginning of a secret that does not go on', ['hunter2'], ['hunt', 'er', ' 3'], 'hunter 3'],
    ['a beginning inside of a beginning', ['aab'], ['aa', 'ab'], 'a***'],
    ['the longer one of two', ['abc', 'abcdef'], ['abc', 'def', ' abc'], '*** ***'],
    ['each line of a secret', ['first line\nsecond line\n'], ['second', ' line'], '***'],
    ['secrets that overlap, as one', ['abc', 'bcde'], ['xabcde!', 'ab', 'cde'], 'x***!***'],
    ['base64 with a newline encoded behind it', ['hunter2x'], [btoa('hunter2x\n')], '***K'],
    [
      'base64 with something before it',
      ['hunter2-password'],
      [btoa('robot:hunter2-password')],
      'cm9ib3Q6***',
    ],
    ['base64 of the other alphabet', ['~~~???~~~'], [Buffer.from('~~~???~~~').toString('base64url')], '***'],
    ['the base64 of a secret', ['user:password'], ['dXNlcjpw', 'YXNzd29yZA=='], '***'],
    ['no secret of two characters', ['ab', '', '\n'], ['ab ab'], 'ab ab'],
    ['nothing where there are no secrets', [], ['hunter2'], 'hunter2'],
    ['characters of several bytes', ['密码一二三'], ['密码一', '二三!'], '***!'],
  ])('%s', (_, secrets, chunks, expected) => {
    expect(textOf(secrets, ...chunks)).toBe(expected);
  });

  it('masks the beginning of a secret that is released: what follows it elsewhere could not be masked', () => {
    const mask = new LogMask(['hunter2']);
    mask.mask('a', Buffer.from('hunt'));
    expect(Buffer.from(mask.release('a')).toString()).toBe('***');
    mask.mask('a', Buffer.from('hu'));
    expect(Buffer.from(mask.release('a')).toString()).toBe('hu');
  });

  it('holds nothing back without end, and stays fast with many secrets', () => {
    const mask = new LogMask(['aaa', ...Array.from({ length: 500 }, (_, i) => `secret number ${i}`)]);
    const chunk = Buffer.from('abc\n'.repeat(8192));
    const started = performance.now();
    for (let i = 0; i < 10; i += 1) mask.mask('a', chunk);
    expect(performance.now() - started).toBeLessThan(5000);
    const flood = Buffer.alloc(65_536, 'a');
    for (let i = 0; i < 100; i += 1) expect(mask.mask('b', flood).byteLength).toBeLessThan(100);
    expect(mask.release('b').byteLength).toBeLessThan(10);
  });

  it('keeps the streams of the steps apart', () => {
    const mask = new LogMask(['hunter2']);
    expect(Buffer.from(mask.mask('STDOUT 1', Buffer.from('hunt'))).toString()).toBe('');
    expect(Buffer.from(mask.mask('STDERR 1', Buffer.from('er2'))).toString()).toBe('er2');
    expect(mask.held).toEqual(['STDOUT 1']);
    expect(Buffer.from(mask.mask('STDOUT 1', Buffer.from('er2'))).toString()).toBe('***');
  });

  it('gives the same however the output is cut', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60 }).map((all) => all.join(''));
    const secret = fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 3, maxLength: 6 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(
        letters,
        fc.array(secret, { maxLength: 3 }),
        fc.array(fc.nat(60)),
        (text, secrets, cuts) => {
          const places = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
          const chunks = places.slice(1).map((end, index) => text.slice(places[index], end));
          expect(textOf(secrets, ...chunks)).toBe(textOf(secrets, text));
        },
      ),
    );
  });

  it('changes nothing but the secrets, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        expect(masked(['this is nowhere in it'], chunks)).toEqual(Buffer.concat(chunks));
      }),
    );
  });

  it('never lets a secret through', () => {
    const piece = fc.oneof(
      fc.constant('hunter2'),
      fc.constant('hunt'),
      fc.constant('er2'),
      fc.string({ maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece), (chunks) => {
        expect(textOf(['hunter2'], ...chunks)).not.toContain('hunter2');
      }),
    );
  });
});
