import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import {
  codes,
  countImages,
  deleteImage,
  fillCatalogue,
  type ImagePayload,
  imageOf,
  makeImage,
  readImage,
  registerImage,
  restoreImage,
  updateImage,
} from '../support/images.ts';
import { makeScope } from '../support/scopes.ts';

let slipway: TestApp;
let admin: ApiClient;
let developer: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  developer = await slipway.user('dana', { namespace: 'DEVELOPER' });
  await makeScope(admin, 'namespace', { name: 'hidden' });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const wrong = ({ userErrors }: ImagePayload) => codes(userErrors);
const make = (name: string, dependencies: readonly string[] = [], more: Record<string, unknown> = {}) =>
  makeImage(admin, { reference: `ring/${name}:1`, dependencies, ...more });
const depend = (id: string, dependencies: readonly string[] | null, client = admin) =>
  updateImage(client, { id, dependencies });

/** Each dependency as it was written, and the name of the image that it leads to. */
async function dependenciesOf(id: string, client = admin): Promise<(readonly [string, string | null])[]> {
  const { dependencies } = await readImage<{
    dependencies: { reference: string; image: { name: string; tag: string } | null }[];
  }>(client, id, 'dependencies { reference image { name tag } }');
  return dependencies.map(({ reference, image }) => [reference, image && `${image.name}:${image.tag}`]);
}

describe('the dependencies of an image', () => {
  it('are kept as they were written and in their order, and lead to live images', async () => {
    await makeImage(admin, { reference: 'default/base:latest' });
    await makeImage(admin, { reference: 'dotted/deep/name:1.0', namespace: 'dot.ted' });
    await make('first');
    const written = ['ring/first:1', 'base', 'dot.ted/deep/name:1.0'];
    const { id } = await make('many', written);
    const resolved = [
      ['ring/first:1', 'first:1'],
      ['base', 'base:latest'],
      ['dot.ted/deep/name:1.0', 'deep/name:1.0'],
    ];
    expect(await dependenciesOf(id)).toEqual(resolved);
    imageOf(await depend(id, [...written].reverse()));
    expect(await dependenciesOf(id)).toEqual([...resolved].reverse());
    imageOf(await depend(id, null));
    expect(await dependenciesOf(id)).toEqual([]);
  });

  it('stay where an update says nothing of them, and count as changed where it says other ones', async () => {
    await make('kept-target');
    const { id } = await make('keeps', ['ring/kept-target:1']);
    imageOf(await updateImage(admin, { id, description: 'other' }));
    expect(await dependenciesOf(id)).toEqual([['ring/kept-target:1', 'kept-target:1']]);
    expect(imageOf(await depend(id, ['ring/kept-target:1'])).version).toBe(2);
    expect(imageOf(await depend(id, [])).version).toBe(3);
    const { userErrors } = await updateImage(admin, { id, group: 'g', expectedVersion: 2 });
    expect(userErrors[0]?.details?.['changed']).toEqual(['dependencies']);
  });

  it('are each told of by their place', async () => {
    await make('there');
    const given = ['ring/there:1', 'ring/absent:1', 'Not a name', 'ring/there:1', '', '1', 'host:5000/a/b:1'];
    const expected = [
      'DEPENDENCY_UNRESOLVED dependencies.1',
      'DEPENDENCY_UNRESOLVED dependencies.5',
      'DUPLICATE dependencies.3',
      'REFERENCE_INVALID dependencies.2',
      'REFERENCE_INVALID dependencies.4',
      'REFERENCE_INVALID dependencies.6',
    ];
    const before = await countImages(admin);
    const made = await registerImage(admin, { reference: 'ring/asks:1', dependencies: given });
    expect(wrong(made)).toEqual(expected);
    expect(await countImages(admin)).toBe(before);
    const { id } = await make('asks');
    expect(wrong(await depend(id, given))).toEqual(expected);
    expect(await dependenciesOf(id)).toEqual([]);
    const [error] = (await depend(id, ['ring/absent:1'])).userErrors;
    expect(error?.message).toContain('ring/absent:1');
    expect(error?.details).toEqual({ name: 'ring/absent:1' });
  });

  it('are at most 100', async () => {
    await make('hundredth');
    const given = (count: number) => Array.from({ length: count }, (_, i) => `ring/n${i}:1`);
    expect((await depend((await make('wants')).id, given(101))).userErrors).toMatchObject([
      { code: 'TOO_MANY', path: ['dependencies'], details: { max: 100, current: 101 } },
    ]);
    const all = await registerImage(admin, { reference: 'ring/too:1', dependencies: given(100) });
    expect(all.userErrors).toHaveLength(100);
  });

  it('that the viewer may not see are answered as those that are not there, and nothing is given away', async () => {
    await makeImage(admin, { reference: 'hidden/secret:1' });
    const ask = async (name: string) => {
      const { userErrors } = await registerImage(developer, {
        reference: 'default/curious:1',
        dependencies: [`hidden/${name}:1`],
      });
      return JSON.stringify(userErrors).replaceAll(name, 'X');
    };
    expect(await ask('secret')).toBe(await ask('absent'));
    expect(await ask('secret')).toContain('DEPENDENCY_UNRESOLVED');
    await makeImage(admin, { reference: 'hidden/open:1', visibility: 'PUBLIC' });
    const { id } = await makeImage(developer, {
      reference: 'default/curious:1',
      dependencies: ['hidden/open:1'],
    });
    expect(await dependenciesOf(id, developer)).toEqual([['hidden/open:1', 'open:1']]);
  });

  it('on deleted or failed images are not resolved', async () => {
    const [deleted, failed] = [await make('deleted'), await make('failed')];
    await deleteImage(admin, { id: deleted.id });
    await slipway.database.query("update image set status = 'CREATE_FAILED' where id = $1", [failed.uid]);
    const given = ['ring/deleted:1', 'ring/failed:1'];
    expect(wrong(await registerImage(admin, { reference: 'ring/late:1', dependencies: given }))).toEqual([
      'DEPENDENCY_UNRESOLVED dependencies.0',
      'DEPENDENCY_UNRESOLVED dependencies.1',
    ]);
    imageOf(await restoreImage(admin, { id: deleted.id }));
    expect(await dependenciesOf((await make('late', ['ring/deleted:1'])).id)).toEqual([
      ['ring/deleted:1', 'deleted:1'],
    ]);
  });

  it('on itself are a warning, for a new image as for one that is there', async () => {
    const made = await registerImage(admin, { reference: 'ring/self:1', dependencies: ['ring/self:1'] });
    expect(made.warnings).toEqual(['ring/self:1 depends on itself']);
    const { id } = imageOf(made);
    expect(await dependenciesOf(id)).toEqual([['ring/self:1', 'self:1']]);
    expect((await updateImage(admin, { id, description: 'as before' })).warnings).toEqual([]);
    expect(imageOf(await deleteImage(admin, { id })).status).toBe('DELETED');
    expect(await restoreImage(admin, { id })).toMatchObject({ image: { status: 'ACTIVE' }, warnings: [] });
  });
});

describe('a circle of dependencies', () => {
  it('of two is refused, whichever is changed', async () => {
    const a = await make('two-a');
    const b = await make('two-b', ['ring/two-a:1']);
    const { userErrors } = await depend(a.id, ['ring/two-b:1']);
    expect(userErrors).toMatchObject([
      {
        code: 'DEPENDENCY_CYCLE',
        path: ['dependencies', '0'],
        message: 'ring/two-b:1 depends on ring/two-a:1 itself',
        details: { through: 'ring/two-b:1' },
      },
    ]);
    expect(await dependenciesOf(a.id)).toEqual([]);
    imageOf(await depend(b.id, []));
    imageOf(await depend(a.id, ['ring/two-b:1']));
    expect(wrong(await depend(b.id, ['ring/two-a:1']))).toEqual(['DEPENDENCY_CYCLE dependencies.0']);
  });

  it('of three and of ten is refused, with the place of the dependency that leads back', async () => {
    for (const size of [3, 10]) {
      await make(`other-${size}`);
      const first = await make(`of${size}-0`);
      for (let i = 1; i < size; i += 1) await make(`of${size}-${i}`, [`ring/of${size}-${i - 1}:1`]);
      expect(wrong(await depend(first.id, [`ring/other-${size}:1`, `ring/of${size}-${size - 1}:1`]))).toEqual(
        ['DEPENDENCY_CYCLE dependencies.1'],
      );
    }
  });

  it('does not give away the images between that the viewer may not see', async () => {
    await makeScope(admin, 'namespace', { name: 'private-ring' });
    const start = await makeImage(developer, { reference: 'default/start:1' });
    await makeImage(admin, { reference: 'private-ring/between:1', dependencies: ['default/start:1'] });
    await makeImage(admin, {
      reference: 'private-ring/end:1',
      dependencies: ['private-ring/between:1'],
      visibility: 'PUBLIC',
    });
    const { userErrors } = await depend(start.id, ['private-ring/end:1'], developer);
    expect(codes(userErrors)).toEqual(['DEPENDENCY_CYCLE dependencies.0']);
    expect(JSON.stringify(userErrors)).not.toContain('between');
  });

  it('is not made by a new image whose name others have lost', async () => {
    const lost = await make('lost');
    await make('loser', ['ring/lost:1']);
    imageOf(await deleteImage(admin, { id: lost.id, force: true }));
    const again = { reference: 'ring/lost:1', dependencies: ['ring/loser:1'] };
    expect(wrong(await registerImage(admin, again))).toEqual(['DEPENDENCY_CYCLE dependencies.0']);
    expect(wrong(await registerImage(admin, { ...again, validateOnly: true }))).toEqual([
      'DEPENDENCY_CYCLE dependencies.0',
    ]);
  });

  it('is not made by a new name, nor by a new namespace', async () => {
    const wanted = await make('wanted');
    await make('waits', ['ring/wanted:1']);
    imageOf(await deleteImage(admin, { id: wanted.id, force: true }));
    const image = await make('renamed', ['ring/waits:1']);
    expect(wrong(await updateImage(admin, { id: image.id, name: 'wanted' }))).toEqual([
      'DEPENDENCY_CYCLE dependencies.0',
    ]);
    const moved = await makeImage(admin, {
      reference: 'ring/wanted:1',
      namespace: 'default',
      dependencies: ['ring/waits:1'],
    });
    expect(wrong(await updateImage(admin, { id: moved.id, namespace: null }))).toEqual([
      'DEPENDENCY_CYCLE dependencies.0',
    ]);
    // Without the dependency nothing is in the way.
    imageOf(await updateImage(admin, { id: image.id, name: 'wanted', dependencies: [] }));
  });

  it('is not made by bringing a deleted image back', async () => {
    const a = await make('back-a');
    const b = await make('back-b', ['ring/back-a:1']);
    imageOf(await deleteImage(admin, { id: b.id }));
    await make('back-b', []);
    imageOf(await depend(a.id, ['ring/back-b:1']));
    const now = await makeImage(admin, { reference: 'ring/back-c:1' });
    expect(now.status).toBe('ACTIVE');
    const { images } = await admin.run<{ images: { nodes: { id: string }[] } }>(
      '{ images(filter: { namespace: "ring", search: "back-b" }) { nodes { id } } }',
    );
    imageOf(await deleteImage(admin, { id: images.nodes[0]?.id, force: true }));
    const { userErrors } = await restoreImage(admin, { id: b.id });
    expect(userErrors).toMatchObject([{ code: 'DEPENDENCY_CYCLE', path: ['id'] }]);
    expect(await readImage(admin, b.id, 'status')).toEqual({ status: 'DELETED' });
    imageOf(await depend(a.id, []));
    imageOf(await restoreImage(admin, { id: b.id }));
  });
});

it('a circle is looked for among those who need an image, not among all that it needs', async () => {
  await fillCatalogue(slipway.database, 'deep-', 3000);
  await slipway.database.query(`insert into image_dependency (image_id, position, reference, namespace, name, tag)
    select image.id, back, '', namespace.name, 'deep-' || lpad((right(image.name, 4)::int - back)::text, 4, '0'), image.tag
      from image join namespace on namespace.id = image.namespace_id, generate_series(1, 10) back
      where image.name like 'deep-%' and right(image.name, 4)::int > back`);
  await slipway.database.query('analyze');
  const [top] = await slipway.database.query<{ name: string }>(
    `select namespace.name || '/' || image.name || ':' || image.tag as name
      from image join namespace on namespace.id = namespace_id where image.name = 'deep-3000'`,
  );
  const { id } = await make('surface');
  const statements = await slipway.statementsOf(async () => imageOf(await depend(id, [top?.name ?? ''])));
  const walks = statements.filter(({ text }) => text.includes('recursive'));
  expect(walks.length).toBeGreaterThan(0);
  for (const { text, values } of walks) {
    const [answer] = await slipway.database.query<{ 'QUERY PLAN': unknown }>(
      `explain (analyze, format json) ${text}`,
      values,
    );
    const rows = JSON.stringify(answer).matchAll(/"Actual Rows":([\d.]+)/g);
    expect(Math.max(...[...rows].map(([, count]) => Number(count)))).toBeLessThan(10);
  }
});

describe('an image that has lost a dependency', () => {
  it('can be changed, renamed and brought back, and hears of it where it comes back', async () => {
    const target = await make('fleeting');
    const { id } = await make('holder', ['ring/fleeting:1']);
    imageOf(await deleteImage(admin, { id: target.id, force: true }));
    expect(await dependenciesOf(id)).toEqual([['ring/fleeting:1', null]]);
    imageOf(await updateImage(admin, { id, name: 'holder-renamed', description: 'still there' }));
    expect(wrong(await depend(id, ['ring/fleeting:1', 'ring/holder-renamed:1']))).toEqual([
      'DEPENDENCY_UNRESOLVED dependencies.0',
    ]);
    imageOf(await deleteImage(admin, { id }));
    expect((await restoreImage(admin, { id })).warnings).toEqual([
      'it depends on ring/fleeting:1, which is no live image that you may see',
    ]);
    await make('fleeting');
    expect(await dependenciesOf(id)).toEqual([['ring/fleeting:1', 'fleeting:1']]);
  });

  it('by a new name of its own has to say so', async () => {
    const { id } = await make('narcissus', ['ring/narcissus:1']);
    const { userErrors } = await updateImage(admin, { id, name: 'echo' });
    expect(userErrors).toMatchObject([
      {
        code: 'DEPENDENCY_UNRESOLVED',
        path: ['dependencies', '0'],
        message: expect.stringContaining('to lose'),
      },
    ]);
    expect(wrong(await updateImage(admin, { id, name: 'echo', dependencies: ['ring/narcissus:1'] }))).toEqual(
      ['DEPENDENCY_UNRESOLVED dependencies.0'],
    );
    const both = await updateImage(admin, { id, name: 'echo', dependencies: ['ring/echo:1'] });
    expect(both.warnings).toEqual(['ring/echo:1 depends on itself']);
    expect(await dependenciesOf(id)).toEqual([['ring/echo:1', 'echo:1']]);
  });
});

describe('deleting what others depend on', () => {
  it('is refused, and names those whom the viewer may see and counts the others', async () => {
    const target = await makeImage(developer, { reference: 'default/needed:1' });
    const seen = await makeImage(developer, {
      reference: 'default/needs:1',
      dependencies: ['needed:1'],
    });
    await makeImage(admin, { reference: 'hidden/needs:1', dependencies: ['default/needed:1'] });
    await makeImage(admin, { reference: 'hidden/needs:2', dependencies: ['default/needed:1'] });
    const { userErrors, image } = await deleteImage(developer, { id: target.id });
    expect(image).toBeNull();
    expect(userErrors).toEqual([
      {
        code: 'IN_USE',
        path: ['id'],
        message: 'default/needs:1, 2 more depend on it; delete those first, or set force',
        details: { count: 3, dependents: [{ id: seen.id, name: 'default/needs:1' }] },
      },
    ]);
    const forced = await deleteImage(developer, { id: target.id, force: true });
    expect(imageOf(forced).status).toBe('DELETED');
    expect(forced.warnings).toEqual(['default/needs:1, 2 more depend on it; they have lost it']);
  });

  it('names ten of them at most', async () => {
    const target = await make('popular');
    for (let i = 0; i < 12; i += 1) await make(`fan-${String(i).padStart(2, '0')}`, ['ring/popular:1']);
    const [error] = (await deleteImage(admin, { id: target.id })).userErrors;
    expect(error?.details?.['count']).toBe(12);
    expect(error?.details?.['dependents']).toHaveLength(10);
    expect(error?.message).toContain('ring/fan-09:1, 2 more depend');
  });

  it('is not refused for deleted dependents, nor for an image that was never made', async () => {
    const target = await make('alone');
    const dependent = await make('gone-before', ['ring/alone:1']);
    const failed = await make('never-made');
    await make('needs-its-name', ['ring/never-made:1']);
    await slipway.database.query("update image set status = 'CREATE_FAILED' where id = $1", [failed.uid]);
    imageOf(await deleteImage(admin, { id: dependent.id }));
    imageOf(await deleteImage(admin, { id: target.id }));
    imageOf(await deleteImage(admin, { id: failed.id }));
  });
});
