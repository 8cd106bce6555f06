import { describe, expect, it } from 'vitest';
import { IMAGE_NAME, MAX_REGISTERED_NAME, OCI_TAG } from '../../src/image/image.rules.ts';
import { catalogueNameOf } from '../../src/image/image-name.rules.ts';
import { InputRefused, type Problem, Problems } from '../../src/shared/problems.ts';

function problemsOf(input: Parameters<typeof catalogueNameOf>[0]): readonly Problem[] {
  const problems = new Problems();
  catalogueNameOf(input, problems);
  try {
    problems.refuseIfAny();
  } catch (error) {
    if (error instanceof InputRefused) return error.problems;
  }
  return [];
}

describe('a catalogue name', () => {
  it.each([
    ['ubuntu', 'default', 'ubuntu', 'latest', 'docker.io', 'ubuntu'],
    ['test1.0:test1.0', 'default', 'test1.0', 'test1.0', 'docker.io', 'test1.0'],
    ['algo/posterize:1.0', 'algo', 'posterize', '1.0', 'docker.io', 'algo/posterize'],
    ['localhost:5000/a/b/c:d', 'a', 'b/c', 'd', 'localhost:5000', 'a/b/c'],
    ['swr.xxx.com/org/pytorch_1_8:t', 'org', 'pytorch_1_8', 't', 'swr.xxx.com', 'org/pytorch_1_8'],
    ['reg.example/single', 'default', 'single', 'latest', 'reg.example', 'single'],
  ])('is read from %s', (reference, namespace, name, tag, registryHost, repository) => {
    expect(catalogueNameOf({ reference }, new Problems())).toMatchObject({
      namespace,
      name,
      tag,
      registryHost,
      repository,
      displayName: null,
      digest: null,
    });
  });

  it('is the given one where it is legal; another text is for people', () => {
    const given = { reference: 'a/b:1', namespace: 'n', name: 'x/y', tag: '2' };
    expect(catalogueNameOf(given, new Problems())).toMatchObject({
      namespace: 'n',
      name: 'x/y',
      tag: '2',
      tagInRegistry: '1',
      displayName: null,
    });
    for (const name of ['普通整片转码', 'Upper Case', 'a--', '-a', 'a//b']) {
      expect(catalogueNameOf({ ...given, name }, new Problems())).toMatchObject({
        name: 'b',
        displayName: name,
      });
    }
  });

  it('takes what is empty for what is not given', () => {
    const empty = { reference: 'a/b', namespace: '', name: '', tag: '' };
    expect(catalogueNameOf(empty, new Problems())).toEqual(
      catalogueNameOf({ reference: 'a/b' }, new Problems()),
    );
    expect(problemsOf(empty)).toEqual([]);
  });

  it('says everything that is wrong', () => {
    const wrong = { reference: 'A b', namespace: 'N', name: 'n'.repeat(300).toUpperCase(), tag: 'a,b' };
    expect(problemsOf(wrong).map(({ code, path }) => `${code} ${path}`)).toEqual([
      'REFERENCE_INVALID reference',
      'PATTERN namespace',
      'TAG_NOT_OCI tag',
      'TOO_LONG name',
    ]);
  });

  it('has a longest length', () => {
    const name = 'n'.repeat(MAX_REGISTERED_NAME);
    expect(problemsOf({ reference: 'a/b', name })).toEqual([]);
    expect(problemsOf({ reference: 'a/b', name: `${name}n` })).toMatchObject([
      { code: 'TOO_LONG', details: { max: 512, current: 513 } },
    ]);
  });
});

describe('the patterns', () => {
  it.each(['a', '0', 'a.b', 'a_b', 'a__b', 'a---b', 'a/b/c', 'a.b/c-d'])('take %s as a name', (name) => {
    expect(IMAGE_NAME.test(name)).toBe(true);
  });
  it.each(['', 'A', '-a', 'a-', 'a..b', 'a___b', 'a._b', '/a', 'a/', 'a\n', '名'])(
    'do not take %j',
    (name) => {
      expect(IMAGE_NAME.test(name)).toBe(false);
    },
  );
  it('end in a moment for a name that nearly fits', () => {
    const started = performance.now();
    expect(IMAGE_NAME.test(`${'a-'.repeat(50_000)}!`)).toBe(false);
    expect(OCI_TAG.test('a'.repeat(1_000_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
