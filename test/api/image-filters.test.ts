import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { deleteImage, globalId, makeImage } from '../support/images.ts';

/** A filter as it is sent. */
interface Filter {
  readonly search?: string | null;
  readonly namespace?: string | null;
  readonly workspaceId?: string | null;
  readonly status?: readonly string[] | null;
  readonly origin?: readonly string[] | null;
  readonly type?: string | null;
  readonly visibility?: string | null;
  readonly serviceType?: readonly string[] | null;
  readonly architecture?: string | null;
  readonly resourceCategories?: readonly string[] | null;
  readonly group?: string | null;
  readonly tag?: string | null;
  readonly labels?: readonly { readonly key: string; readonly value?: string | null }[] | null;
  readonly dependsOn?: string | null;
  readonly createdAfter?: string | null;
  readonly createdBefore?: string | null;
  readonly includeDeleted?: boolean | null;
  readonly and?: readonly Filter[] | null;
  readonly or?: readonly Filter[] | null;
  readonly not?: Filter | null;
}

/** An image as the catalogue has it, as far as filters go. */
interface Facts {
  readonly id: string;
  readonly name: string;
  readonly tag: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly reference: string;
  readonly namespace: { readonly name: string };
  readonly workspace: { readonly id: string };
  readonly status: string;
  readonly origin: string;
  readonly type: string;
  readonly visibility: string;
  readonly serviceType: string;
  readonly architecture: string | null;
  readonly resourceCategories: readonly string[];
  readonly group: string | null;
  readonly labels: readonly { readonly key: string; readonly value: string }[];
  readonly dependencies: readonly { readonly reference: string }[];
  readonly createdAt: string;
}

const FACTS = `id name tag displayName description reference namespace { name } workspace { id } status origin type visibility
  serviceType architecture resourceCategories group labels { key value } dependencies { reference } createdAt`;
const LIST = `query ($filter: ImageFilter) {
  images(first: 100, filter: $filter) { nodes { id } totalCount }
}`;

let slipway: TestApp;
let admin: ApiClient;
/** Reads what is public, and the namespace `open`. */
let member: ApiClient;
let all: readonly Facts[];

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  member = await slipway.user('mia');
  const { createWorkspace } = await admin.run<{ createWorkspace: { workspace: { id: string } } }>(
    'mutation { createWorkspace(input: { name: "other" }) { workspace { id } } }',
  );
  for (let i = 0; i < 24; i += 1) {
    const pick = <T>(...values: readonly T[]): T => values[(i * 7 + (i >> 2)) % values.length] as T;
    await makeImage(admin, {
      reference: `${i % 2 === 0 ? 'open' : 'closed'}/i${i}:${1 + (i % 3)}`,
      displayName: pick('图像识别', '图形', null, 'Plain'),
      description: pick(null, '100% 识别', 'under_score'),
      workspaceId: i % 4 === 0 ? createWorkspace.workspace.id : null,
      origin: pick('CUSTOMIZE', 'IMAGE_SAVE'),
      visibility: i === 1 ? 'PRIVATE' : pick('PRIVATE', 'PUBLIC', 'PRIVATE'),
      serviceType: pick('TRAIN', 'DEV', 'UNKNOWN'),
      architecture: pick('X86_64', null, 'AARCH64'),
      resourceCategories: pick([], ['CPU'], ['CPU', 'GPU'], ['ASCEND']),
      group: pick(null, 'g1', 'g2'),
      labels: pick(
        [],
        [{ key: 'a', value: '1' }],
        [
          { key: 'b', value: '"' },
          { key: 'a', value: '' },
        ],
      ),
      dependencies: i < 4 ? [] : pick([], ['open/i0:1'], ['closed/i1:2', 'open/i0:1']),
    });
  }
  await slipway.database.query(
    `update image set created_at = timestamptz '2024-01-01' + right(reference, 1)::int * interval '1 day',
      type = case when right(name, 1) = '7' then 'BUILD_IN' else type end,
      status = case when right(name, 1) = '5' then 'ERROR' else status end`,
  );
  all = (await admin.run<{ images: { nodes: Facts[] } }>(`{ images(first: 100) { nodes { ${FACTS} } } }`))
    .images.nodes;
  for (const { id, name } of all) if (name.endsWith('9')) await deleteImage(admin, { id });
  all = all.map((image) => (image.name.endsWith('9') ? { ...image, status: 'DELETED' } : image));
  await slipway.database.query(
    `insert into namespace_member (namespace_id, user_id, role)
      select n.id, u.id, 'VIEWER' from namespace n, user_account u where n.name = 'open' and u.name = 'mia'`,
  );
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

async function found(client: ApiClient, filter: Filter): Promise<string[]> {
  const { images } = await client.run<{ images: { nodes: { id: string }[]; totalCount: number } }>(LIST, {
    filter,
  });
  expect(images.totalCount).toBe(images.nodes.length);
  return images.nodes.map(({ id }) => all.find((image) => image.id === id)?.name ?? id).sort();
}

const mayRead = (image: Facts) => image.visibility === 'PUBLIC' || image.namespace.name === 'open';
const partsOf = ({ and, or, not }: Filter) => [...(and ?? []), ...(or ?? []), ...(not ? [not] : [])];
const meansDeleted = (filter: Filter): boolean =>
  filter.includeDeleted === true ||
  filter.status?.includes('DELETED') === true ||
  partsOf(filter).some(meansDeleted);

/** The filter's meaning, said once more. */
function matches(image: Facts, filter: Filter, readable: readonly Facts[]): boolean {
  const texts = [image.name, image.displayName, image.description, image.reference];
  const given = <T>(value: T | null | undefined, holds: (value: T) => boolean) =>
    value === null || value === undefined || holds(value);
  return (
    given(filter.search, (term) => texts.some((text) => text?.toLowerCase().includes(term.toLowerCase()))) &&
    given(filter.namespace, (name) => image.namespace.name === name) &&
    given(filter.workspaceId, (id) => image.workspace.id === id) &&
    given(filter.status, (values) => values.includes(image.status)) &&
    given(filter.origin, (values) => values.includes(image.origin)) &&
    given(filter.type, (value) => image.type === value) &&
    given(filter.visibility, (value) => image.visibility === value) &&
    given(filter.serviceType, (values) => values.includes(image.serviceType)) &&
    given(filter.architecture, (value) => image.architecture === value) &&
    given(filter.resourceCategories, (values) =>
      values.some((one) => image.resourceCategories.includes(one)),
    ) &&
    given(filter.group, (value) => image.group === value) &&
    given(filter.tag, (value) => image.tag === value) &&
    given(filter.labels, (labels) =>
      labels.every(({ key, value }) =>
        image.labels.some((label) => label.key === key && given(value, (text) => label.value === text)),
      ),
    ) &&
    given(filter.dependsOn, (id) => {
      const target = readable.find((candidate) => candidate.id === id);
      const name = `${target?.namespace.name}/${target?.name}:${target?.tag}`;
      return image.id !== id && image.dependencies.some(({ reference }) => reference === name);
    }) &&
    given(filter.createdAfter, (time) => Date.parse(image.createdAt) > Date.parse(time)) &&
    given(filter.createdBefore, (time) => Date.parse(image.createdAt) < Date.parse(time)) &&
    given(filter.and, (parts) => parts.every((part) => matches(image, part, readable))) &&
    given(filter.or, (parts) => parts.length === 0 || parts.some((part) => matches(image, part, readable))) &&
    given(filter.not, (part) => !matches(image, part, readable))
  );
}

function expected(filter: Filter, readable: readonly Facts[]): string[] {
  return readable
    .filter((image) => image.status !== 'DELETED' || meansDeleted(filter))
    .filter((image) => matches(image, filter, readable))
    .map(({ name }) => name)
    .sort();
}

/** Any filter of at most three levels about what the images have. */
function anyFilter(): fc.Arbitrary<Filter> {
  const one = <T>(...values: readonly T[]) => fc.constantFrom(...values, null);
  const some = (...values: readonly string[]) => fc.option(fc.subarray([...values]));
  const conditions = {
    search: one('图', '识别', 'i1', 'i2', '100%', 'r_s', 'PLAIN', 'nowhere', ''),
    namespace: one('open', 'closed', 'nowhere'),
    workspaceId: fc.integer({ min: 0, max: all.length - 1 }).map((i) => (all[i] as Facts).workspace.id),
    status: some('ACTIVE', 'ERROR', 'DELETED'),
    origin: some('CUSTOMIZE', 'IMAGE_SAVE', 'BUILD'),
    type: one('BUILD_IN', 'DEDICATED'),
    visibility: one('PRIVATE', 'PUBLIC'),
    serviceType: some('TRAIN', 'DEV', 'UNKNOWN'),
    architecture: one('X86_64', 'AARCH64'),
    resourceCategories: some('CPU', 'GPU', 'ASCEND'),
    group: one('g1', 'g2', 'g3'),
    tag: one('1', '2', '4'),
    labels: fc.option(
      fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), value: one('1', '', '"') }), {
        maxLength: 2,
      }),
    ),
    dependsOn: fc
      .constantFrom('i0', 'i1', 'i2')
      .map((name) => (all.find((i) => i.name === name) as Facts).id),
    createdAfter: one('2024-01-02T00:00:00Z', '2024-01-03T12:00:00Z'),
    createdBefore: one('2024-01-03T00:00:00Z', '2024-01-04T00:00:00.001Z'),
  };
  // One or two conditions to a filter, so that something is left to be found.
  const flat = fc
    .subarray(Object.keys(conditions) as (keyof typeof conditions)[], { minLength: 0, maxLength: 2 })
    .chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, conditions[key]]))));
  const composed = (part: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> =>
    fc
      .tuple(
        flat,
        fc.record(
          {
            and: fc.array(part, { maxLength: 2 }),
            or: fc.array(part, { maxLength: 3 }),
            not: fc.option(part),
          },
          { requiredKeys: [] },
        ),
      )
      .map(([own, nested]) => ({ ...own, ...nested }) as Filter);
  return fc
    .tuple(composed(composed(flat as fc.Arbitrary<Filter>)), fc.constantFrom(undefined, null, false, true))
    .map(([filter, includeDeleted]) =>
      includeDeleted === undefined ? filter : { ...filter, includeDeleted },
    );
}

describe('any filter, nested as it may be', () => {
  it('finds what it says, for an administrator', async () => {
    await fc.assert(
      fc.asyncProperty(anyFilter(), async (filter) => {
        expect(await found(admin, filter)).toEqual(expected(filter, all));
      }),
      { numRuns: 200 },
    );
  });

  it('finds nothing that the viewer may not see', async () => {
    const readable = all.filter(mayRead);
    await fc.assert(
      fc.asyncProperty(anyFilter(), async (filter) => {
        expect(await found(member, filter)).toEqual(expected(filter, readable));
      }),
      { numRuns: 100 },
    );
  });
});

describe('a filter', () => {
  const namesOf = (holds: (image: Facts) => boolean) =>
    all
      .filter((image) => image.status !== 'DELETED')
      .filter(holds)
      .map(({ name }) => name)
      .sort();

  it('by categories takes what runs on one of them, and by labels what has all of them', async () => {
    const either = await found(admin, { resourceCategories: ['GPU', 'ASCEND'] });
    expect(either).toEqual(
      namesOf(({ resourceCategories: has }) => has.includes('GPU') || has.includes('ASCEND')),
    );
    const both = await found(admin, { labels: [{ key: 'a' }, { key: 'b', value: '"' }] });
    expect(both).toEqual(namesOf(({ labels }) => labels.length === 2));
    expect(both.length).toBeGreaterThan(0);
  });

  it('that negates leaves in what has nothing there', async () => {
    const others = await found(admin, { not: { architecture: 'X86_64' } });
    expect(others).toEqual(namesOf(({ architecture }) => architecture !== 'X86_64'));
    expect(await found(admin, { not: { not: { group: 'g1' } } })).toEqual(namesOf((i) => i.group === 'g1'));
    expect(await found(admin, { not: {} })).toEqual([]);
  });

  it('does not narrow by empty lists of filters and of labels', async () => {
    const everything = namesOf(() => true);
    for (const filter of [{ and: [] }, { or: [] }, { or: [{}] }, { labels: [] }, { not: null }]) {
      expect(await found(admin, filter)).toEqual(everything);
    }
  });

  it('by an image that the viewer may not see names nothing', async () => {
    const hidden = all.find(({ name }) => name === 'i1') as Facts;
    expect(mayRead(hidden)).toBe(false);
    expect((await found(admin, { dependsOn: hidden.id })).length).toBeGreaterThan(0);
    expect(await found(member, { dependsOn: hidden.id })).toEqual([]);
    for (const id of [globalId('Image'), globalId('Workspace')]) {
      expect(await found(admin, { dependsOn: id })).toEqual([]);
    }
  });

  it('by half a character finds nothing, as nothing has it', async () => {
    for (const text of ['\ud842', 'a\udfb7']) {
      for (const filter of [
        { labels: [{ key: text }] },
        { labels: [{ key: 'a', value: text }] },
        { group: text },
      ]) {
        expect(await found(admin, filter)).toEqual([]);
      }
    }
  });

  const refused = async (filter: object) => (await admin.ask(LIST, { filter })).errors?.[0]?.extensions;

  it.each<[string, Filter, object]>([
    ['a malformed id', { and: [{}, { workspaceId: '0' }] }, { path: ['filter', 'and', '1', 'workspaceId'] }],
    ['another', { not: { or: [{ dependsOn: 'x' }] } }, { path: ['filter', 'not', 'or', '0', 'dependsOn'] }],
    ['a term of two lines', { or: [{ search: 'a\nb' }] }, { path: ['filter', 'or', '0', 'search'] }],
    [
      'includeDeleted further in',
      { or: [{ includeDeleted: true }] },
      { path: ['filter', 'or', '0', 'includeDeleted'] },
    ],
    ['six levels', { not: { not: { not: { not: { not: {} } } } } }, { path: ['filter'], max: 5, current: 6 }],
    [
      '51 conditions',
      { or: Array.from({ length: 51 }, () => ({ tag: '1' })) },
      { path: ['filter'], max: 50, current: 51 },
    ],
  ])('is BAD_USER_INPUT with the place of what is wrong: %s', async (_what, filter, details) => {
    expect(await refused(filter)).toEqual({ code: 'BAD_USER_INPUT', details });
  });

  it('is BAD_USER_INPUT where it nests without end', async () => {
    for (const depth of [100, 1000, 50_000]) {
      const filter = `${'{"not":'.repeat(depth)}{}${'}'.repeat(depth)}`;
      const response = await fetch(`${slipway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${admin.token}` },
        body: `{"query":${JSON.stringify(LIST)},"variables":{"filter":${filter}}}`,
      });
      const { errors } = (await response.json()) as { errors: { extensions: unknown }[] };
      expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
    }
    const inline = `{ images(filter: ${'{not:'.repeat(900)}{}${'}'.repeat(900)}) { totalCount } }`;
    expect((await admin.ask(inline)).errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' });
    const deep = JSON.parse(`${'{"not":'.repeat(100)}{}${'}'.repeat(100)}`) as Filter;
    await expect(admin.subscribe(LIST, { filter: deep }).next()).rejects.toThrow('BAD_USER_INPUT');
  });

  it('of as many conditions as there may be is answered', async () => {
    const or = Array.from({ length: 50 }, (_, i) => ({ search: `图${i}` }));
    expect(await found(admin, { or })).toEqual([]);
  });
});
