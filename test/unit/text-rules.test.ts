import { describe, expect, it } from 'vitest';
import { InputRefused, Problems, refuse } from '../../src/shared/problems.ts';
import { checkLabels, checkStorable, checkText } from '../../src/shared/text.rules.ts';

function codesOf(check: (problems: Problems) => void): string[] {
  const problems = new Problems();
  check(problems);
  try {
    problems.refuseIfAny();
  } catch (error) {
    if (error instanceof InputRefused) {
      return error.problems.map(({ code, path }) => `${code} ${path.join('.')}`);
    }
  }
  return [];
}

describe('a text', () => {
  it.each([
    ['', []],
    ['tab\tand\r\nlines', []],
    ['🚀'.repeat(5), []],
    ['🚀'.repeat(6), ['TOO_LONG text']],
    ['\u0000', ['INVALID text']],
    ['\u001b[1m', ['INVALID text']],
    ['\u0085', ['INVALID text']],
    ['\ud83d', ['INVALID text']],
    ['a\ude80', ['INVALID text']],
  ])('%j of at most 12 UTF-16 units and 5 characters: %j', (text, expected) => {
    const max = text.includes('🚀') ? 5 : 20;
    expect(codesOf((problems) => checkText(problems, ['text'], text, max))).toEqual(expected);
  });

  it('may be absent or null', () => {
    expect(codesOf((problems) => checkText(problems, [], null, 1))).toEqual([]);
    expect(codesOf((problems) => checkText(problems, [], undefined, 1))).toEqual([]);
  });

  it('is kept as it is but for what no database takes', () => {
    expect(codesOf((problems) => checkStorable(problems, ['x'], '\u0001\u001b🚀'))).toEqual([]);
    expect(codesOf((problems) => checkStorable(problems, ['x'], '\u0000\ud83d'))).toEqual([
      'INVALID x',
      'INVALID x',
    ]);
  });
});

describe('labels', () => {
  const labels = (...keys: string[]) => keys.map((key) => ({ key, value: '' }));
  it.each([
    [labels('a', 'b'), []],
    [labels('a', 'b', 'a'), ['DUPLICATE l.2.key']],
    [labels('__proto__', 'constructor'), []],
    [labels(''), ['REQUIRED l.0.key']],
    [labels('k'.repeat(129)), ['TOO_LONG l.0.key']],
    [[{ key: 'k', value: 'v'.repeat(257) }], ['TOO_LONG l.0.value']],
    [labels(...Array.from({ length: 20 }, (_, i) => `${i}`)), []],
    [labels(...Array.from({ length: 21 }, (_, i) => `${i}`)), ['TOO_MANY l']],
  ])('%#: %j', (given, expected) => {
    expect(codesOf((problems) => checkLabels(problems, ['l'], given))).toEqual(expected);
  });
});

describe('a refusal', () => {
  it('carries one problem or all of them', () => {
    expect(() => refuse('IN_USE', ['id'], 'used')).toThrow(
      expect.objectContaining({
        problems: [{ code: 'IN_USE', path: ['id'], message: 'used', details: null }],
      }),
    );
    expect(new Problems().any).toBe(false);
  });
});
