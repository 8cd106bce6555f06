import fc from 'fast-check';
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
    [`a@blake3:${'0'.repeat(1024)}`, /longer than 1024/],
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

describe('any reference', () => {
  const alphanumeric = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const component = fc
    .tuple(
      alphanumeric,
      fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '---'), alphanumeric), { maxLength: 3 }),
    )
    .map(([first, rest]) => first + rest.flat().join(''));
  const name = fc.oneof(
    fc.constantFrom('localhost', '[::1]', '127.0.0.1', 'Host', 'a-b.C--d.example'),
    fc.array(alphanumeric, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.')),
  );
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: null });
  const host = fc.tuple(name, port).map(([text, number]) => (number === null ? text : `${text}:${number}`));
  const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((components) => components.join('/'));
  const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
  const reference = fc
    .record({
      host: fc.option(host),
      path,
      tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/)),
      digest: fc.option(
        fc.oneof(
          hex(64).map((digits) => `sha256:${digits}`),
          hex(128).map((digits) => `sha512:${digits}`),
          hex(40).map((digits) => `multihash+base58:${digits}`),
        ),
      ),
    })
    // Without a host, a first component that looks like one is read as the host.
    .filter((parts) => parts.host !== null || !/^(?:[^/]*\.[^/]*|localhost)\//.test(parts.path));

  it('is read as it was written', () => {
    fc.assert(
      fc.property(reference, (parts) => {
        expect(parseImageReference(printImageReference(parts))).toEqual(parts);
      }),
      { numRuns: 1000 },
    );
  });

  it('is what any text is, or the text is told why it is none', () => {
    const noise = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({
        unit: fc.constantFrom('a', 'A', '0', '.', ':', '/', '@', '_', '-', '[', ']', ' ', '\n', '抽'),
      }),
      // What nearly is one: a character put into it, or taken out.
      fc
        .tuple(reference, fc.nat(), fc.nat({ max: 1 }), fc.string({ maxLength: 1 }))
        .map(([parts, place, removed, added]) => {
          const characters = [...printImageReference(parts)];
          characters.splice(place % characters.length, removed, added);
          return characters.join('');
        }),
    );
    fc.assert(
      fc.property(noise, (text) => {
        const parsed = parseImageReference(text);
        if ('problem' in parsed) expect(parsed.problem).not.toBe('');
        else expect(printImageReference(parsed)).toBe(text);
      }),
      { numRuns: 1500 },
    );
  });
});
