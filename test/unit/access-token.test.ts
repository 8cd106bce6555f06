import { describe, expect, it } from 'vitest';
import { generateAccessToken, hasAccessTokenForm, shownPrefixOf } from '../../src/auth/access-token.ts';

describe('a new access token', () => {
  it('is the prefix, 43 digits of base 62, and six of a checksum', () => {
    const token = generateAccessToken();
    expect(token).toMatch(/^slwt_[0-9A-Za-z]{49}$/);
    expect(hasAccessTokenForm(token)).toBe(true);
    expect(shownPrefixOf(token)).toBe(token.slice(0, 11));
  });

  it('has every digit as often as any other', () => {
    const count = 2000;
    const seen = new Map<string, number>();
    for (let i = 0; i < count; i += 1) {
      for (const digit of generateAccessToken().slice('slwt_'.length, -6)) {
        seen.set(digit, (seen.get(digit) ?? 0) + 1);
      }
    }
    expect(seen.size).toBe(62);
    // Each about 1,387 times, give or take 37: eight times that never happens by chance. A byte modulo 62 gives eight of the
    // digits a fourth more than the others: 347.
    const expected = (count * 43) / 62;
    for (const times of seen.values()) expect(Math.abs(times - expected)).toBeLessThan(300);
  });
});

describe('what may be an access token', () => {
  it("has the checksum that Python's zlib works out", () => {
    // 0x18f405fc and 0xc69e3902, in base 62.
    expect(hasAccessTokenForm(`slwt_${'0'.repeat(43)}0SKaom`)).toBe(true);
    expect(hasAccessTokenForm(`slwt_${'0123456789'.repeat(4)}abc3dVoXa`)).toBe(true);
  });

  it('is not what was mistyped anywhere', () => {
    const token = generateAccessToken();
    for (let i = 0; i < token.length; i += 1) {
      const other = token[i] === 'x' ? 'y' : 'x';
      expect(hasAccessTokenForm(`${token.slice(0, i)}${other}${token.slice(i + 1)}`)).toBe(false);
    }
  });

  it.each(['', 'slwt_', 'slw_', 'slw_wrong', 'slwt_short', 'a.b.c', `slwt_${'é'.repeat(49)}`])(
    'is not %j',
    (text) => expect(hasAccessTokenForm(text)).toBe(false),
  );

  it('is not a token with something before or after it', () => {
    const token = generateAccessToken();
    for (const text of [` ${token}`, `${token} `, `${token}\n`, token.slice(1), token.slice(0, -1)]) {
      expect(hasAccessTokenForm(text)).toBe(false);
    }
  });

  it('is also what was made before there was a checksum', () => {
    expect(hasAccessTokenForm(`slw_${'aB3_-'.repeat(8)}xyz`)).toBe(true);
  });
});
