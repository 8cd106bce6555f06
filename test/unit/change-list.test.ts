import { describe, expect, it } from 'vitest';
import { ChangeList } from '../../src/engine/docker/change-list.ts';

/** In pieces of `size` bytes, as they come over a connection, until no more is wanted. */
function read(answer: string, size = 65_536) {
  const bytes = Buffer.from(answer);
  const list = new ChangeList();
  for (let at = 0; at < bytes.length; at += size) if (!list.add(bytes.subarray(at, at + size))) break;
  return list.read();
}

describe('what has changed in a container', () => {
  it('is what was added or changed, not what was deleted', () => {
    const changes = [
      { Path: '/etc', Kind: 0 },
      { Path: '/new', Kind: 1 },
      { Path: '/old', Kind: 2 },
    ];
    expect(read(JSON.stringify(changes))).toEqual({ paths: ['/etc', '/new'], complete: true });
  });

  it('may be nothing', () => {
    expect(read('null\n')).toEqual({ paths: [], complete: true });
    expect(read('[]')).toEqual({ paths: [], complete: true });
  });

  it('has any name whole, wherever the answer is split', () => {
    const names = ['/a "b" \\c', '/},{"Path":"/x","Kind":1}', '/抽帧\u2028😀', '/tab\t\n'];
    const answer = `${JSON.stringify(names.map((Path) => ({ Kind: 1, Path })))}\n`;
    for (const size of [1, 2, 3, 7, 1_000])
      expect(read(answer, size)).toEqual({ paths: names, complete: true });
    expect(read('[{"Path":"/\\u003cb\\u003e","Kind":1}]').paths).toEqual(['/<b>']);
  });

  it('is cut behind the last whole entry where there is too much of it', () => {
    const names = Array.from(
      { length: 100_000 },
      (_, i) => `/home/抽帧/"quoted" \\ }{ ${i}/${'x'.repeat(i % 100)}`,
    );
    const { paths, complete } = read(JSON.stringify(names.map((Path) => ({ Path, Kind: 1 }))));
    expect(complete).toBe(false);
    expect(paths.length).toBeGreaterThan(50_000);
    expect(paths).toEqual(names.slice(0, paths.length));
  });

  it('is nothing where even the first entry does not fit', () => {
    expect(read(JSON.stringify([{ Path: `/${'x'.repeat(9 * 2 ** 20)}`, Kind: 1 }]))).toEqual({
      paths: [],
      complete: false,
    });
  });
});
