import { describe, expect, it } from 'vitest';
import { saveTargetOf } from '../../src/build/request/build-target.rules.ts';
import { Problems } from '../../src/shared/problems.ts';

function problemsOf(input: { readonly name?: string; readonly tag?: string }) {
  const problems = new Problems();
  saveTargetOf({ namespace: 'default', name: 'fine', ...input }, 'registry.test', problems);
  return problems.all;
}

const patternOf = (name: string) => new RegExp(String(problemsOf({ name })[0]?.details?.['pattern']));

describe('the name of a saved image', () => {
  it.each(['a', '0', 'a.b', 'a_b', 'a__b--c', 'a-----b', 'a'.repeat(128)])('may be %s', (name) => {
    expect(problemsOf({ name })).toEqual([]);
  });

  it.each(['', 'A', '-a', 'a-', 'a b', 'a/b', 'a..b', 'a._b', 'a___b', 'a-_b'])(
    'may not be "%s", and is told of a pattern that it does not match',
    (name) => {
      expect(problemsOf({ name })).toMatchObject([{ code: 'PATTERN', path: ['name'] }]);
      expect(name).not.toMatch(patternOf(name));
    },
  );

  it('is too long with more than 128 characters, whatever they are', () => {
    expect(problemsOf({ name: 'A'.repeat(129) })).toMatchObject([
      { code: 'TOO_LONG', details: { max: 128, current: 129 } },
    ]);
  });
});

describe('the tag of a saved image', () => {
  it.each([65, 128, 129, 1000])('with %i characters is too long, and nothing else', (length) => {
    expect(problemsOf({ tag: 'v'.repeat(length) })).toMatchObject([
      { code: 'TOO_LONG', path: ['tag'], details: { max: 64, current: length } },
    ]);
  });

  it('is told of its characters too, where they are wrong as well', () => {
    const codes = (tag: string) => problemsOf({ tag }).map(({ code }) => code);
    expect(codes(`${'v'.repeat(128)},`)).toEqual(['TAG_NOT_OCI', 'TOO_LONG']);
    expect(codes(`.${'v'.repeat(64)}`)).toEqual(['TAG_NOT_OCI', 'TOO_LONG']);
    expect(codes('1,0')).toEqual(['TAG_NOT_OCI']);
  });
});
