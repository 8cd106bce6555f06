import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../src/image/transfer/image-list-json.rules.ts';

function problemOf(text: string) {
  const read = readJson(text);
  return 'problem' in read ? read.problem : null;
}

describe('broken JSON', () => {
  it.each([
    ['{"a": 1,}', 1, 9, 'a key in double quotes is expected'],
    ['{"a" 1}', 1, 6, 'a colon is expected after the key'],
    ['{"a":\n  ]', 2, 3, 'a value is expected'],
    ['[1\n 2]', 2, 2, 'a comma is expected'],
    ['[1, 2', 1, 6, 'a closing ] is expected'],
    ['{"a": 1\n', 2, 1, 'a closing } is expected'],
    ['[1]\n\n[2]', 3, 1, 'the end of the document is expected'],
    ['{a: 1}', 1, 2, '"a" is no JSON'],
    ["['a']", 1, 2, '"\'a\'" is no JSON'],
    ['[NaN]', 1, 2, '"NaN" is no JSON'],
    ['[1.]', 1, 2, '"1." is no number'],
    ['// list\n[]', 1, 1, 'JSON has no comments'],
    ['["ab\\x"]', 1, 5, 'a backslash'],
    ['["ab\\u12"]', 1, 5, 'four hex digits'],
    ['["ab\u0001"]', 1, 5, 'a control character'],
    ['["ab', 1, 2, 'no closing quote'],
    ['{\r\n"a": 1\r\n"b": 2}', 3, 1, 'a comma is expected'],
  ])('%j is told of at line %i, column %i', (text, line, column, message) => {
    expect(problemOf(text)).toEqual({ message: expect.stringContaining(message), line, column });
    expect(problemOf(text)?.message).toContain(`line ${line}, column ${column}`);
  });

  it('is told of in code points', () => {
    expect(problemOf('["名𝒳",\n "名𝒳𝒳" x]')).toMatchObject({ line: 2, column: 8 });
    expect(problemOf('["名𝒳\\x"]')).toMatchObject({ line: 1, column: 5 });
  });

  it("is what the document's own example is, with its ellipsis", () => {
    const text = readFileSync(
      new URL('../fixtures/image-list/load-as-documented.txt', import.meta.url),
      'utf8',
    );
    const problem = problemOf(text);
    expect(problem).toEqual({
      message: expect.stringContaining('line 35, column 9: "……" is no JSON'),
      line: 35,
      column: 9,
    });
  });

  it.each(['', ' \n\t', '\uFEFF', '\uFEFF\n'])('%j is empty', (text) => {
    expect(problemOf(text)).toEqual({ message: 'the document is empty', line: 1, column: 1 });
  });

  it('is found in whatever JSON.parse does not take, and nowhere else', () => {
    const piece = fc.oneof(
      fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '/', ' ', '\n', '-', '.', '1', '0', 'e', '+'),
      fc.constantFrom(
        '"a"',
        '1.5',
        'true',
        'null',
        '"a":',
        '\\u00',
        '//',
        '/*',
        '\u2028',
        '\u00a0',
        'x',
        '\ud800',
      ),
    );
    const near = fc
      .tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.nat({ max: 3 }), fc.array(piece, { maxLength: 2 }))
      .map(([json, at, length, put]) => {
        const start = at % (json.length + 1);
        return json.slice(0, start) + put.join('') + json.slice(start + length);
      });
    const text = fc.oneof(
      near,
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    );
    const isJson = (given: string) => {
      try {
        JSON.parse(given);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(text, (given) => {
        const read = readJson(given);
        expect('value' in read).toBe(isJson(given));
        if ('value' in read) expect(read.value).toEqual(JSON.parse(given));
        else expect(read.problem.column).toBeGreaterThan(0);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('a document', () => {
  it('may begin with a byte order mark', () => {
    expect(readJson('\uFEFF{"a": 1}')).toEqual({ value: { a: 1 }, repeated: [] });
    expect(problemOf('\uFEFF[x]')).toMatchObject({ line: 1, column: 2 });
  });

  it.each([
    ['['.repeat(1_000_000)],
    ['{"a":'.repeat(1_000_000)],
    [`${'['.repeat(200_000)}${']'.repeat(200_000)}`],
  ])('that is nested absurdly deep is refused', (text) => {
    expect(problemOf(text)?.message).toContain('nested more than 100 deep');
  });

  it('may be nested a hundred deep', () => {
    expect(problemOf(`${'['.repeat(100)}${']'.repeat(100)}`)).toBeNull();
    expect(problemOf(`${'['.repeat(101)}${']'.repeat(101)}`)).toMatchObject({ line: 1, column: 101 });
  });

  it('that is nothing but values is refused at the limit', () => {
    expect(problemOf(`[${'1,'.repeat(2_500_000)}1]`)?.message).toContain('more than 2000000 values');
  });

  it('that has a thousand keys twice is refused', () => {
    expect(problemOf(`{${'"a": 1, '.repeat(1002)}"a": 1}`)?.message).toContain(
      'more than 1000 keys are there twice',
    );
  });

  it('tells which keys its objects have twice, and where', () => {
    const text = '{"a": 1, "b": {"c": 1},\n "\\u0061": 2, "d": [{}, {"x": 1,\n"x": 2}]}';
    expect(readJson(text)).toEqual({
      value: { a: 2, b: { c: 1 }, d: [{}, { x: 2 }] },
      repeated: [
        { path: ['a'], line: 2 },
        { path: ['d', 1, 'x'], line: 3 },
      ],
    });
  });
});
