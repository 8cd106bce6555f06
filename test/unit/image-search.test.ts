import { describe, expect, it } from 'vitest';
import {
  foldForSearch,
  gramsOf,
  readSearch,
  searchTextOf,
  withoutCommon,
} from '../../src/image/filter/image-search.rules.ts';

const PATH = ['filter', 'search'];

describe('folding', () => {
  it.each([
    ['PyTorch', 'pytorch'],
    ['École', 'école'],
    ['E\u0301cole', 'école'],
    ['ＧＰＵ１', 'gpu1'],
    ['ﬁle', 'file'],
    ['ΟΔΟΣ', 'οδοσ'],
    ['οδος', 'οδοσ'],
    ['𠮷野家', '𠮷野家'],
    ['普通整片转码', '普通整片转码'],
  ])('makes %j and what is the same to a reader one: %j', (text, folded) => {
    expect(foldForSearch(text)).toBe(folded);
    expect(foldForSearch(folded)).toBe(folded);
  });
});

it('looks through name, display name, description, reference, algorithm and vendor, each on a line of its own', () => {
  const algorithm = { name: '目标检测', factory: 'Factory' } as Parameters<
    typeof searchTextOf
  >[0]['algorithm'];
  const image = { name: 'n', displayName: '', description: 'D', reference: 'r/n:1', algorithm };
  expect(searchTextOf(image)).toBe('n\nd\nr/n:1\n目标检测\nfactory');
  expect(searchTextOf({ ...image, displayName: null, description: null, algorithm: null })).toBe('n\nr/n:1');
});

it('takes every character and every pair of neighbours of a line as a gram', () => {
  expect(gramsOf('aab\n𠮷c')).toEqual(['a', 'aa', 'b', 'ab', '𠮷', 'c', '𠮷c']);
  expect(gramsOf('')).toEqual([]);
});

describe('a term to search by', () => {
  it.each([null, undefined, ''])('is none where it is %j', (term) => {
    expect(readSearch(term, PATH)).toBeNull();
  });

  it.each([
    ['posterize', null],
    ['a-b.com', null],
    ['100%', null],
    ['z', ['z']],
    ['v2', ['v2']],
    ['v2.0', ['v2', '2.', '.0']],
    ['%', ['%']],
    ['图', ['图']],
    ['抽帧', ['抽帧']],
    ['整片转', ['整片', '片转']],
    ['哈哈哈', ['哈哈']],
    ['gpu训', ['gp', 'pu', 'u训']],
    ['𠮷', ['𠮷']],
    ['𠮷a', ['𠮷a']],
    ['café', ['ca', 'af', 'fé']],
  ])('is found by trigrams where all of it has them, else by its grams: %j %j', (term, grams) => {
    expect(readSearch(term, PATH)).toEqual({ term, grams });
  });

  it('has no grams that the text of a match might not have', () => {
    const text = searchTextOf({
      name: 'n',
      displayName: '普通整片转码',
      description: 'Ünïcode ﬁles',
      reference: 'r',
      algorithm: null,
    });
    const all = new Set(gramsOf(text));
    const characters = [...'普通整片转码'];
    for (let from = 0; from < characters.length; from += 1) {
      for (let to = from + 1; to <= characters.length; to += 1) {
        const { grams } = readSearch(characters.slice(from, to).join(''), PATH) ?? {};
        expect(grams?.filter((gram) => !all.has(gram))).toEqual([]);
      }
    }
  });

  it('is looked up by a few grams where it is long', () => {
    const term = Array.from({ length: 512 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
    expect(readSearch(term, PATH)?.grams).toHaveLength(16);
  });

  it('has at most 512 characters, however many units they take', () => {
    expect(readSearch('𠮷'.repeat(512), PATH)?.term).toHaveLength(1024);
    expect(() => readSearch('a'.repeat(513), PATH)).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT', details: { path: PATH, max: 512, current: 513 } }),
    );
  });

  it.each(['\u0000', 'a\nb', 'a\tb', '\u0085'])('has no control characters: %j', (term) => {
    expect(() => readSearch(term, PATH)).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT', details: { path: PATH } }),
    );
  });
});

describe('a search without what nearly all images have', () => {
  const without = (term: string, ...common: string[]) => {
    const search = readSearch(term, PATH);
    return search && withoutCommon(search, new Set(common));
  };

  it.each([
    // Where a word begins or ends, its trigrams have a blank.
    ['image-137', ['ima', 'mag', 'age', 'ge '], ['-137']],
    ['image-137', ['ima', 'mag', 'age', 'ge ', ' 13'], ['137']],
    ['release 1d', ['rel', 'ele', 'lea', 'eas', 'ase', 'se '], [' 1d']],
    ['a1b2 image c3', ['ima', 'mag', 'age', 'ge ', ' im'], ['a1b2 ', ' c3']],
    // All of its parts are one.
    ['posterize', ['ste'], ['posterize']],
    ['posterize', [], ['posterize']],
  ])('is looked up by the parts that are left: %j without %j', (term, common, parts) => {
    expect(without(term, ...common)).toEqual({ term, grams: null, parts });
  });

  it.each([
    ['抽帧图', ['抽帧'], ['帧图']],
    ['抽帧图', ['抽', '帧', '图'], ['抽帧', '帧图']],
  ])('is looked up by the grams that are left: %j without %j', (term, common, grams) => {
    expect(without(term, ...common)).toEqual({ term, grams });
  });

  it.each([
    ['image', ['ima', 'mag', 'age']],
    // PostgreSQL makes no trigram of the end of this one.
    ['image -', ['ima', 'mag', 'age', 'ge ']],
    ['抽帧', ['抽帧']],
    ['图', ['图']],
  ])('stays as it is where nothing else is in it: %j without %j', (term, common) => {
    expect(without(term, ...common)).toEqual(readSearch(term, PATH));
  });
});
