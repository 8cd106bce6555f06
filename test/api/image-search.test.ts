import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReadConnections } from '../../src/db/read-connections.ts';
import { CommonGrams } from '../../src/image/filter/common-grams.reads.ts';
import { readSearch } from '../../src/image/filter/image-search.rules.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { errorCode, imageOf, makeImage, updateImage } from '../support/images.ts';

const SEARCH = `query ($search: String, $namespace: String) {
  images(filter: { search: $search, namespace: $namespace }) { nodes { name } totalCount }
}`;

// A server of locale C knows no other letters than ASCII's, nor their case.
describe.each(['C.UTF-8', 'C'] as const)('searching a database of locale %s', (locale) => {
  let database: TestDatabase;
  let slipway: TestApp;
  let admin: ApiClient;

  beforeAll(async () => {
    database = await createTestDatabase(locale);
    slipway = await createTestApp({ worker: false, database });
    admin = slipway.admin;
    const images = [
      { name: 'one', displayName: '普通整片转码', description: '100%_sure \\o/ {"a,b"}' },
      { name: 'two', displayName: 'École Polytechnique', description: '100 sure\nv2.0 ready' },
      { name: 'three', description: 'ＧＰＵ训练 ΟΔΟΣ', reference: 'reg.example/found/deep/path:1' },
      { name: 'four', displayName: '𠮷野家', description: 'Straße, ÅNGSTRÖM, İstanbul, lost/deep' },
      {
        name: 'five',
        algorithm: { name: 'Posterize 抽帧', factory: '某厂商 Acme', type: 'VIDEO' },
      },
    ];
    for (const image of images) {
      await makeImage(admin, { namespace: 'found', reference: `found/${image.name}:1`, ...image });
    }
  });
  afterAll(async () => {
    await slipway[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function found(search: string | null, namespace: string | null = 'found'): Promise<string[]> {
    const { images } = await admin.run<{ images: { nodes: { name: string }[]; totalCount: number } }>(
      SEARCH,
      {
        search,
        namespace,
      },
    );
    expect(images.totalCount).toBe(images.nodes.length);
    return images.nodes.map(({ name }) => name).sort();
  }

  it.each([
    // Names and references, from one letter on, in any case and width.
    ['one', ['one']],
    ['ONE', ['one']],
    ['ｏｎｅ', ['one']],
    ['wo', ['two']],
    ['w', ['two']],
    ['reg.example', ['three']],
    ['deep/path', ['three']],
    ['found/deep', ['three']],
    ['h:1', ['three']],
    // Chinese, from one character on.
    ['整', ['one']],
    ['整片', ['one']],
    ['整片转', ['one']],
    ['普通整片转码', ['one']],
    ['训', ['three']],
    ['gpu训练', ['three']],
    ['GPU训', ['three']],
    ['沒', []],
    ['沒有', []],
    ['整转', []],
    // Algorithm and vendor.
    ['posterize 抽', ['five']],
    ['抽帧', ['five']],
    ['厂商 acme', ['five']],
    ['ACME', ['five']],
    // Letters beyond ASCII in any case and form.
    ['éCOLE', ['two']],
    ['E\u0301cole', ['two']],
    ['É', ['two']],
    ['οδοσ', ['three']],
    ['οΔ', ['three']],
    ['ångström', ['four']],
    ['ö', ['four']],
    ['STRASSE', []],
    // A character that takes two units, and half of it.
    ['𠮷', ['four']],
    ['𠮷野', ['four']],
    ['𠮷野家', ['four']],
    ['吉', []],
    ['\ud842', []],
    // What SQL's patterns and arrays mean by something is a character like others.
    ['%', ['one']],
    ['_', ['one']],
    ['0%_s', ['one']],
    ['100_sure', []],
    ['100%sure', []],
    ['\\', ['one']],
    ['\\o', ['one']],
    ['{', ['one']],
    ['"a,b"', ['one']],
    [',', ['four', 'one']],
    ["' or 1=1 --", []],
    [' ', ['five', 'four', 'one', 'three', 'two']],
    ['100', ['one', 'two']],
    ['v2.', ['two']],
    // Within a text and within a line of it.
    ['e100', []],
    ['surev2', []],
    // The longest, which nothing has.
    ['长'.repeat(512), []],
    ['', ['five', 'four', 'one', 'three', 'two']],
    [null, ['five', 'four', 'one', 'three', 'two']],
  ])('%j finds %j', async (search, expected) => {
    expect(await found(search)).toEqual(expected);
  });

  it('finds what an image says by now, and not what it said before', async () => {
    const image = await makeImage(admin, { reference: 'changing/x:1', displayName: '以前的名字' });
    expect(await found('以前', 'changing')).toEqual(['x']);
    imageOf(await updateImage(admin, { id: image.id, displayName: '现在', description: 'Brand NEW' }));
    expect(await found('以前', 'changing')).toEqual([]);
    for (const term of ['现在', '现', 'brand new', 'NE'])
      expect(await found(term, 'changing')).toEqual(['x']);
  });

  it('is BAD_USER_INPUT by what no line holds, and by more than 512 characters', async () => {
    for (const search of ['\u0000', 'a\nb', 'a\tb', 'a'.repeat(513)]) {
      expect(await errorCode(admin, SEARCH, { search })).toBe('BAD_USER_INPUT');
    }
  });
});

it('what nearly all images have is learnt from them, and terms with it find what they found before', async () => {
  await using database = await createTestDatabase();
  await using slipway = await createTestApp({ worker: false, database });
  const names = Array.from({ length: 24 }, (_, n) => `algorithm-${n}`);
  for (const name of names)
    await makeImage(slipway.admin, { namespace: 'many', name, reference: `many/${name}:1` });
  await using reads = new ReadConnections(database.url);
  await using grams = new CommonGrams(reads, createLogger('silent'));
  const criteria = { search: readSearch('algorithm-17', ['search']) };
  grams.leaveOut(criteria);
  await expect.poll(() => grams.leaveOut(criteria).search?.parts).toEqual(['-17']);
  const found = async () =>
    (await slipway.admin.run<{ images: { totalCount: number } }>(SEARCH, { search: 'algorithm-17' })).images
      .totalCount;
  expect([await found(), await found()]).toEqual([1, 1]);
});
