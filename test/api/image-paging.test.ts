import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { fillCatalogue } from '../support/images.ts';

interface Page {
  readonly nodes: readonly { readonly name: string }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

const LIST = `query ($orderBy: ImageOrder, $first: Int, $after: String, $last: Int, $before: String, $filter: ImageFilter) {
  images(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;
const STAYING = 120;

let slipway: TestApp;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  await fillCatalogue(slipway.database, 'stays-', STAYING);
  await scatter('stays-');
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

/** Spreads rows over every order: names, times and sizes anywhere among the others', some of them the same. */
async function scatter(prefix: string): Promise<void> {
  await slipway.database.query(
    `update image set name = substr(md5(random()::text), 1, 2) || '-' || name,
        created_at = timestamptz '2024-01-01' + floor(random() * 100) * interval '1 ms',
        updated_at = timestamptz '2024-01-01' + floor(random() * 100) * interval '1 ms',
        size_bytes = nullif(floor(random() * 20)::bigint, 0)
      where name like $1 || '%'`,
    [prefix],
  );
}

/** Inserts rows and deletes others for as long as the list is read; some of those that go are where a cursor points. */
async function disturb(while_: () => boolean): Promise<number> {
  let rounds = 0;
  for (; while_(); rounds += 1) {
    await fillCatalogue(slipway.database, `comes${rounds}-`, 10);
    await scatter(`comes${rounds}-`);
    await slipway.database.query(
      "delete from image where name like '%-comes%' and right(name, 4)::int > floor(random() * 10)",
    );
  }
  return rounds;
}

async function read(variables: Record<string, unknown>): Promise<Page> {
  return (await slipway.admin.run<{ images: Page }>(LIST, variables)).images;
}

/** Reads the whole list, page by page. @returns the names in the order of the list */
async function walk(
  orderBy: { readonly field: string; readonly direction: string },
  forward: boolean,
  sizes: readonly number[],
): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | null = null;
  for (let pages = 0; ; pages += 1) {
    const size = sizes[pages % sizes.length];
    const { nodes, pageInfo } = await read({
      orderBy,
      ...(forward ? { first: size, after: cursor } : { last: size, before: cursor }),
    });
    const here = nodes.map(({ name }) => name);
    names.splice(forward ? names.length : 0, 0, ...here);
    if (!(forward ? pageInfo.hasNextPage : pageInfo.hasPreviousPage)) return names;
    cursor = forward ? pageInfo.endCursor : pageInfo.startCursor;
  }
}

const isStaying = (name: string) => name.includes('-stays-');

describe('a list whose rows come and go while it is read', () => {
  it('shows each row that was there the whole time once, in its order, forwards and backwards', async () => {
    const orders = fc.record({
      field: fc.constantFrom('CREATED_AT', 'UPDATED_AT', 'NAME', 'SIZE'),
      direction: fc.constantFrom('ASC', 'DESC'),
    });
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(orders, fc.boolean(), sizes, async (orderBy, forward, pageSizes) => {
        const calm = (await walk(orderBy, true, [100])).filter(isStaying);
        expect(calm).toHaveLength(STAYING);
        let reading = true;
        const [seen] = await Promise.all([
          walk(orderBy, forward, pageSizes).finally(() => {
            reading = false;
          }),
          disturb(() => reading),
        ]);
        expect(seen.filter(isStaying)).toEqual(calm);
        expect(new Set(seen).size).toBe(seen.length);
        await slipway.database.query("delete from image where name like '%-comes%'");
      }),
      { numRuns: 24 },
    );
  }, 60_000);

  it('goes on from where a row was that is gone', async () => {
    const orderBy = { field: 'NAME', direction: 'ASC' };
    const all = (await walk(orderBy, true, [100])).filter(isStaying);
    const filter = { search: 'stays-' };
    const { pageInfo } = await read({ filter, orderBy, first: 10 });
    await slipway.database.query('delete from image where name = any($1)', [all.slice(5, 15)]);
    const rest = await read({ filter, orderBy, first: 5, after: pageInfo.endCursor });
    expect(rest.nodes.map(({ name }) => name)).toEqual(all.slice(15, 20));
  });
});
