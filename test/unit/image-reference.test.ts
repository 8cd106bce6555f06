import { describe, expect, it } from 'vitest';
import { parseImageReference, printImageReference } from '../../src/shared/image-reference.ts';

const SHA = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('a reference that is well formed', () => {
  it.each([
    ['ubuntu', { host: null, path: 'ubuntu', tag: null, digest: null }],
    ['ubuntu:18.04', { host: null, path: 'ubuntu', tag: '18.04', digest: null }],
    ['team/torch:2', { host: null, path: 'team/torch', tag: '2', digest: null }],
    ['localhost/a', { host: 'localhost', path: 'a', tag: null, digest: null }],
    ['localhost:5000/a/b:c', { host: 'localhost:5000', path: 'a/b', tag: 'c', digest: null }],
    ['reg.example/a__b/c-d.e:V_1', { host: 'reg.example', path: 'a__b/c-d.e', tag: 'V_1', digest: null }],
    ['[::1]:5000/a', { host: '[::1]:5000', path: 'a', tag: null, digest: null }],
    ['EXAMPLE/a', { host: 'EXAMPLE', path: 'a', tag: null, digest: null }],
    [`a@${SHA}`, { host: null, path: 'a', tag: null, digest: SHA }],
    [`r.io/a:b@${SHA}`, { host: 'r.io', path: 'a', tag: 'b', digest: SHA }],
  ])('reads %s', (text, expected) => {
    expect(parseImageReference(text)).toEqual(expected);
  });
});

describe('a reference that is not', () => {
  it.each([
    ['', /empty/],
    ['ubuntu:18:04', /"18:04" is not a tag/],
    ['ubuntu:', /"" is not a tag/],
    ['Ubuntu', /lowercase/],
    ['a//b', /not a repository name/],
    ['a/-b', /not a repository name/],
    ['a___b', /not a repository name/],
    ['reg.example/', /names no repository/],
    ['http://reg.example/a', /not a registry host/],
    ['reg..example/a', /not a registry host/],
    ['a@sha256:12', /not a digest/],
    [`a@${SHA.toUpperCase().replace('SHA', 'sha')}`, /not a digest/],
    [`a@${SHA}@${SHA}`, /more than one @/],
    [`a:${'x'.repeat(129)}`, /is not a tag/],
    ['a b', /not a repository name/],
    ['a\n', /not a repository name/],
  ])('refuses %j', (text, problem) => {
    expect(parseImageReference(text)).toEqual({ problem: expect.stringMatching(problem) });
  });

  it('counts host and path together', () => {
    const path = 'a'.repeat(255 - 'reg.example/'.length);
    expect(parseImageReference(`reg.example/${path}`)).toMatchObject({ path });
    expect(parseImageReference(`reg.example/${path}a`)).toEqual({ problem: expect.stringMatching(/255/) });
  });
});

describe('printing', () => {
  it('gives back what was read, and never takes a print for something else', () => {
    const random = randomNumbers(7);
    const pick = <T>(choices: readonly T[]): T => choices[random() % choices.length] as T;
    for (let i = 0; i < 2000; i += 1) {
      const reference = {
        host: pick([null, 'localhost', 'reg.example', '127.0.0.1:5000', 'Host', '[::1]:1']),
        // A first component with a dot would be read as the host.
        path: [
          'x',
          ...Array.from({ length: random() % 3 }, () => pick(['a.b', 'a_b', 'a__b', 'a--b', '0', 'x-1'])),
        ].join('/'),
        tag: pick([null, 'latest', '1.0', '_x', 'A-b.C']),
        digest: pick([null, SHA]),
      };
      expect(parseImageReference(printImageReference(reference))).toEqual(reference);
    }
  });

  it('never throws on noise', () => {
    const random = randomNumbers(11);
    const letters = 'aA0.:/@_-[] \n$抽é';
    for (let i = 0; i < 5000; i += 1) {
      const text = Array.from({ length: random() % 12 }, () => letters[random() % letters.length]).join('');
      const parsed = parseImageReference(text);
      if (!('problem' in parsed)) expect(printImageReference(parsed)).toBe(text);
    }
  });
});

/** Numbers that look random and are the same in every run (a linear congruential generator). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state >> 8;
  };
}
