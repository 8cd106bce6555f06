import { describe, expect, it } from 'vitest';
import { changedContent, contentOf } from '../../src/image/content/image-content.rules.ts';
import type { ContentChanges, ImageContent } from '../../src/image/content/image-content.ts';
import { NO_CONTENT, NO_RUNTIME } from '../../src/image/content/image-content.ts';
import { Problems } from '../../src/shared/problems.ts';
import { BARE, FIELDS, only, valueAt, WHOLE, withValue } from '../support/image-content.ts';
import { codesOf } from '../support/problems.ts';

/** What the rules keep of it: the lists' kinds go without saying, and the origin is no part of it. */
const keptOf = ({ origin: _, ...content }: typeof WHOLE | typeof BARE): ImageContent => {
  const plain = structuredClone(content) as unknown as ImageContent;
  const withoutKind = (list: ImageContent['inputs']) =>
    list.map((parameter) =>
      Object.fromEntries(Object.entries(parameter).filter(([name]) => name !== 'kind')),
    ) as unknown as ImageContent['inputs'];
  return {
    ...plain,
    inputs: withoutKind(plain.inputs),
    outputs: withoutKind(plain.outputs),
    configs: withoutKind(plain.configs),
  };
};
const [whole, bare] = [keptOf(WHOLE), keptOf(BARE)];
const fields = FIELDS.filter((field) => field !== 'origin');

function changed(base: ImageContent, changes: ContentChanges): ImageContent {
  const problems = new Problems();
  const content = changedContent(base, changes, problems);
  expect(problems.all).toEqual([]);
  return content;
}
const wrongWith = (changes: ContentChanges, base = NO_CONTENT) =>
  codesOf((problems) => changedContent(base, changes, problems)).sort();

describe('a change', () => {
  it('of nothing keeps everything', () => {
    expect(changed(NO_CONTENT, {})).toEqual(NO_CONTENT);
    expect(changed(whole, {})).toEqual(whole);
    expect(changed(whole, { runtime: {}, algorithm: {} })).toEqual(whole);
  });

  it.each(fields)('of %s changes that alone', (field) => {
    const value = valueAt(whole, field);
    expect(changed(bare, only(field, valueAt(WHOLE, field)))).toEqual(withValue(bare, field, value));
    expect(changed(whole, only(field, valueAt(WHOLE, field)))).toEqual(whole);
  });

  it.each(fields)('to null clears %s alone', (field) => {
    const needed = ['algorithm.factory', 'algorithm.name', 'algorithm.type'];
    if (needed.includes(field)) {
      expect(wrongWith(only(field, null), whole)).toEqual([`REQUIRED ${field}`]);
    } else {
      expect(changed(whole, only(field, null))).toEqual(withValue(whole, field, valueAt(bare, field)));
    }
  });

  it('to null of the whole runtime or algorithm clears it', () => {
    expect(changed(whole, { runtime: null, algorithm: null })).toMatchObject({
      runtime: NO_RUNTIME,
      algorithm: null,
    });
  });

  it('leaves what it is made from as it was', () => {
    const before = structuredClone(whole);
    changed(whole, { runtime: { args: ['other'] }, labels: [], algorithm: { description: 'other' } });
    expect(whole).toEqual(before);
  });
});

describe('text forms', () => {
  it('stand for the lists', () => {
    const { runtime } = changed(whole, {
      runtime: { portsText: 'a:1:2,b:3', envText: 'A:b:c', mountsText: '', configFilesText: null },
    });
    expect(runtime).toEqual({
      ...whole.runtime,
      ports: [
        { name: 'a', containerPort: 1, nodePort: 2 },
        { name: 'b', containerPort: 3, nodePort: null },
      ],
      env: [{ name: 'A', value: 'b:c' }],
      mounts: [],
      configFiles: [],
    });
  });

  it('beside the list are one thing too many', () => {
    expect(wrongWith({ runtime: { ports: [], portsText: 'a:1' } })).toEqual([
      'NOT_ALLOWED runtime.portsText',
    ]);
    expect(wrongWith({ runtime: { env: null, envText: null } })).toEqual([]);
  });

  it('are told of by their own names, the lists by theirs', () => {
    expect(wrongWith({ runtime: { portsText: 'a:0,b', mounts: ['x'] } })).toEqual([
      'INVALID runtime.mounts.0',
      'INVALID runtime.portsText.1',
      'OUT_OF_RANGE runtime.portsText.0.containerPort',
    ]);
    expect(
      wrongWith({ runtime: { subPathsText: '/a:/b,/c:/b', hostPaths: [{ source: '', destination: '/' }] } }),
    ).toEqual(['DUPLICATE runtime.subPathsText.1.destination', 'REQUIRED runtime.hostPaths.0.source']);
  });
});

describe('a price', () => {
  it.each([
    ['0', '0'],
    ['00', '0'],
    ['0.50', '0.50'],
    ['007', '7'],
    ['00.10', '0.10'],
    ['100', '100'],
  ])('of %s is kept as the database gives it back: %s', (price, kept) => {
    expect(changed(NO_CONTENT, { price }).price).toBe(kept);
  });

  it('is not negative and has at most 15 digits', () => {
    expect(wrongWith({ price: '-1' })).toEqual(['OUT_OF_RANGE price']);
    expect(wrongWith({ price: '1.000000000000000' })).toEqual(['OUT_OF_RANGE price']);
    expect(wrongWith({ price: '1.00000000000000' })).toEqual([]);
  });
});

describe('everything together', () => {
  it('may take 256 KB', () => {
    const command = (count: number) => ({
      runtime: { args: Array.from({ length: count }, () => 'x'.repeat(32_000)) },
    });
    expect(wrongWith(command(7))).toEqual([]);
    expect(wrongWith(command(9))).toEqual(['TOO_LONG ']);
  });
});

describe('the content of a row', () => {
  it('is what people say, and nothing else of it', () => {
    expect(contentOf({ ...whole, id: 'x', status: 'ACTIVE' } as ImageContent)).toEqual(whole);
  });
});
