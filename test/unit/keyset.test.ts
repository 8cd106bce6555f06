import { describe, expect, it, vi } from 'vitest';
import { BadInputError } from '../../src/shared/errors.ts';
import { type PlaceType, printCursor, readCursor, readWindow, toPage } from '../../src/shared/keyset.ts';
import { forgeCursor } from '../support/cursors.ts';

const ID = '11111111-2222-4333-8444-555555555555';
const count = async () => 0;

describe('a cursor', () => {
  it.each<[PlaceType, string | number]>([
    ['timestamptz', '2024-01-01T00:00:00.000Z'],
    ['text', '名'],
    ['text', '"quoted\\'],
    ['text', ''],
    ['float8', -1],
    ['float8', 2 ** 53 - 1],
  ])('brings back the place it was made of: %s %j', (type, value) => {
    const cursor = printCursor('images', { value, id: ID });
    expect(readCursor('images', type, cursor, 'after')).toEqual({ value, id: ID });
  });

  it.each<[PlaceType, string]>([
    ['text', 'no JSON'],
    ['text', 'null'],
    ['text', '{}'],
    ['text', '["a"]'],
    ['text', `["a","${ID}","${ID}"]`],
    ['text', '["a","1"]'],
    ['text', '["a",1]'],
    ['text', `[1,"${ID}"]`],
    ['text', `[{},"${ID}"]`],
    ['text', `["\\u0000","${ID}"]`],
    ['float8', `["1","${ID}"]`],
    ['float8', `[1e999,"${ID}"]`],
    ['float8', `[null,"${ID}"]`],
    ['timestamptz', `[1,"${ID}"]`],
    ['timestamptz', `["today","${ID}"]`],
    ['timestamptz', `["2024-02-31T00:00:00.000Z","${ID}"]`],
    ['timestamptz', `["0000-01-01T00:00:00.000Z","${ID}"]`],
    ['timestamptz', `["+275760-09-13T00:00:00.000Z","${ID}"]`],
  ])('is not a forged one with the right checksum: %s %s', (type, body) => {
    expect(() => readCursor('images', type, forgeCursor('images', body), 'after')).toThrow(BadInputError);
  });

  it('is for one list in one order', () => {
    const cursor = printCursor('images NAME ASC', { value: 'a', id: ID });
    expect(() => readCursor('images NAME DESC', 'text', cursor, 'after')).toThrow(BadInputError);
  });

  it('stays one word that a URL takes', () => {
    expect(printCursor('images', { value: '名/?+', id: ID })).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it.each(['', 'a', '====', 'ÿ', 'null'])('is not %j', (text) => {
    expect(() => readCursor('images', 'text', text, 'before')).toThrow(
      expect.objectContaining({ code: 'BAD_USER_INPUT', details: { path: ['before'] } }),
    );
  });

  it('is not one with another padding, spelling or end', () => {
    const cursor = printCursor('images', { value: 'a', id: ID });
    for (const other of [`${cursor}=`, `${cursor} `, `${cursor}A`, cursor.slice(0, -1)]) {
      expect(() => readCursor('images', 'text', other, 'after')).toThrow(BadInputError);
    }
  });
});

describe('paging arguments', () => {
  it('ask for 20 where nothing is said', () => {
    expect(readWindow('x', 'float8', {})).toEqual({ limit: 20, backward: false, after: null, before: null });
    expect(readWindow('x', 'float8', { first: null, last: null, after: null, before: null })).toEqual(
      readWindow('x', 'float8', {}),
    );
  });

  it('may be nothing at all, and no more than the most', () => {
    expect(readWindow('x', 'float8', { first: 0 }).limit).toBe(0);
    expect(readWindow('x', 'float8', { last: 100 })).toMatchObject({ limit: 100, backward: true });
    expect(readWindow('x', 'float8', {}, 5).limit).toBe(5);
    const tooMany = expect.objectContaining({ details: { path: ['last'], max: 5, current: 6 } });
    expect(() => readWindow('x', 'float8', { last: 6 }, 5)).toThrow(tooMany);
    expect(() => readWindow('x', 'float8', { first: 1, last: 1 })).toThrow(BadInputError);
  });
});

describe('a page', () => {
  const read = async (args: Parameters<typeof readWindow>[2], rows: readonly number[]) => {
    const window = readWindow('x', 'float8', args);
    return await toPage(
      'x',
      window,
      async () => rows,
      (value) => ({ value, id: ID }),
      count,
    ).rows();
  };

  it('knows of more in the direction it was read', async () => {
    expect(await read({ first: 2 }, [1, 2, 3])).toMatchObject({
      nodes: [1, 2],
      hasNextPage: true,
      hasPreviousPage: false,
    });
    expect(await read({ first: 2 }, [1, 2])).toMatchObject({ nodes: [1, 2], hasNextPage: false });
    expect(await read({ last: 2 }, [9, 8, 7])).toMatchObject({
      nodes: [8, 9],
      hasNextPage: false,
      hasPreviousPage: true,
    });
  });

  it('has a cursor for each row, with which reading goes on', async () => {
    const page = await read({ first: 2 }, [1, 2, 3]);
    const after = page.cursorOf(2);
    expect(readWindow('x', 'float8', { after }).after).toEqual({ value: 2, id: ID });
    expect(await read({ first: 2, after }, [3])).toMatchObject({
      nodes: [3],
      hasNextPage: false,
      hasPreviousPage: true,
    });
  });

  it('reads its rows and counts its list when it is first asked, and once', async () => {
    const [rows, total] = [vi.fn(async () => [1, 2]), vi.fn(async () => 2)];
    const page = toPage('x', readWindow('x', 'float8', {}), rows, (value) => ({ value, id: ID }), total);
    expect([rows, total].map((asked) => asked.mock.calls.length)).toEqual([0, 0]);
    expect(await Promise.all([page.rows(), page.rows()])).toMatchObject([
      { nodes: [1, 2] },
      { nodes: [1, 2] },
    ]);
    expect([rows, total].map((asked) => asked.mock.calls.length)).toEqual([1, 0]);
    expect([await page.count(), await page.count()]).toEqual([2, 2]);
    expect([rows, total].map((asked) => asked.mock.calls.length)).toEqual([1, 1]);
  });
});
