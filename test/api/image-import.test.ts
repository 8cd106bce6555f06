import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSchema } from '../../src/graphql/schema.ts';
import { imageExportRoute } from '../../src/image/transfer/image-export.route.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { listen } from '../support/http-server.ts';
import { makeImage, readImage, updateImage } from '../support/images.ts';
import { countsOf, errorsOf, importImages, record } from '../support/imports.ts';
import { whileLocked } from '../support/locks.ts';
import { makeScope, setQuota } from '../support/scopes.ts';

let slipway: TestApp;
let admin: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false, env: { SLIPWAY_MAX_BODY_BYTES: '67108864' } });
  admin = slipway.admin;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const needing = (name: string, ...needs: string[]) =>
  record(name, { dependencyServiceId: needs.map((one) => `${one}:1.0`).join(',') });
const make = (name: string, ...needs: string[]) =>
  makeImage(admin, { reference: `${name}:1.0`, dependencies: needs.map((one) => `${one}:1.0`) });
const partial = { mode: 'PARTIAL' };

async function dependenciesOf(id: string): Promise<string[]> {
  const { dependencies } = await readImage<{ dependencies: { reference: string }[] }>(
    admin,
    id,
    'dependencies { reference }',
  );
  return dependencies.map(({ reference }) => reference);
}

/** The dependencies of live images that name no live image. */
async function dangling(namespace: string): Promise<unknown[]> {
  return await slipway.database.query(
    `select holder.name, dependency.reference from image_dependency dependency
      join image holder on holder.id = dependency.image_id and holder.status <> 'DELETED'
      join namespace on namespace.id = holder.namespace_id and namespace.name = $1
      where not exists (select from image target join namespace there on there.id = target.namespace_id
        where there.name = dependency.namespace and target.name = dependency.name and target.tag = dependency.tag
          and target.status <> 'DELETED')`,
    [namespace],
  );
}

describe('an import of many dependencies', () => {
  it('of 4,000 rows that each need 20 others takes no minutes, and others are answered meanwhile', async () => {
    const rows = Array.from({ length: 4000 }, (_, n) =>
      needing(
        `web/image-${n}`,
        ...Array.from({ length: Math.min(20, n) }, (_, back) => `web/image-${n - back - 1}`),
      ),
    );
    let isDone = false;
    const importing = importImages(admin, rows).finally(() => {
      isDone = true;
    });
    let answered = 0;
    while (!isDone) {
      await admin.run('{ viewer { isAdmin } }');
      answered += 1;
    }
    expect(countsOf(await importing)).toEqual([4000, 0, 0, 0]);
    expect(answered).toBeGreaterThan(10);
    const changed = rows.with(0, needing('web/image-0', 'web/image-3999'));
    expect(await importImages(admin, changed)).toMatchObject({ failed: 1, updated: 0 });
  }, 60_000);

  it('in a chain fails as a whole where its end fails and only good rows are written', async () => {
    const rows = Array.from({ length: 4000 }, (_, n) => needing(`chain/image-${n}`, `chain/image-${n + 1}`));
    const answer = await importImages(admin, [...rows, record('chain/other')], partial);
    expect(countsOf(answer)).toEqual([1, 0, 0, 4000]);
    expect(new Set(answer.rowErrors.map(({ code }) => code))).toEqual(new Set(['DEPENDENCY_UNRESOLVED']));
  }, 30_000);

  it('warns a hundred times and counts the rest', async () => {
    const rows = Array.from({ length: 130 }, (_, n) => needing(`mirror/image-${n}`, `mirror/image-${n}`));
    const { warnings } = await importImages(admin, rows, { validateOnly: true });
    expect(warnings).toHaveLength(101);
    expect(warnings.at(-1)).toBe('30 more warnings');
  });

  it('makes many namespaces, also those that others make at once', async () => {
    const rows = Array.from({ length: 300 }, (_, n) => record(`fresh-${n}/image`));
    const others = Array.from({ length: 300 }, (_, n) => record(`fresh-${n}/other`)).reverse();
    const answers = await Promise.all([importImages(admin, rows), importImages(admin, others)]);
    expect(answers.map(countsOf)).toEqual([
      [300, 0, 0, 0],
      [300, 0, 0, 0],
    ]);
    const made = await slipway.database.query("select 1 from namespace where name like 'fresh-%'");
    expect(made).toHaveLength(300);
  });
});

describe('a new name for an image that is there', () => {
  it('is refused while images need the old one, who may be changed in the same document', async () => {
    const target = await make('in-use/target');
    const needs = await make('in-use/needs', 'in-use/target');
    const renamed = { [target.uid]: record('in-use/renamed') };
    const refused = await importImages(admin, renamed);
    expect(errorsOf(refused)).toEqual(['0 imageName IN_USE']);
    expect(refused.rowErrors[0]?.message).toBe(
      'in-use/needs:1.0 depends on it; change what they depend on before its name, or in this document',
    );
    const alsoNamed = { ...renamed, [needs.uid]: needing('in-use/needs', 'in-use/target') };
    expect(errorsOf(await importImages(admin, alsoNamed))).toEqual(['0 imageName IN_USE']);
    const both = { ...renamed, [needs.uid]: needing('in-use/needs', 'in-use/renamed') };
    expect(countsOf(await importImages(admin, both))).toEqual([0, 2, 0, 0]);
    expect(await dependenciesOf(needs.id)).toEqual(['in-use/renamed:1.0']);
  });

  it('is not taken where only good rows are written and who needs the old one is no good row', async () => {
    const target = await make('stays/target');
    const needs = await make('stays/needs', 'stays/target');
    const rows = {
      [target.uid]: record('stays/renamed'),
      [needs.uid]: needing('stays/needs', 'stays/renamed', 'stays/nothing'),
    };
    expect(errorsOf(await importImages(admin, rows, partial))).toEqual([
      '0 imageName IN_USE',
      '1 dependencyServiceId DEPENDENCY_UNRESOLVED',
    ]);
    expect(await dangling('stays')).toEqual([]);
  });

  it('closes no circle, although the row says nothing new of dependencies', async () => {
    const lost = await make('closes/wanted');
    await make('closes/waits', 'closes/wanted');
    await slipway.database.query("update image set status = 'DELETED' where id = $1", [lost.uid]);
    const image = await make('closes/other', 'closes/waits');
    const answer = await importImages(admin, { [image.uid]: needing('closes/wanted', 'closes/waits') });
    expect(errorsOf(answer)).toEqual(['0 dependencyServiceId DEPENDENCY_CYCLE']);
  });

  it('takes the old one away from the other rows', async () => {
    const target = await make('away/old');
    const rows = { [target.uid]: record('away/new'), [randomUUID()]: needing('away/needs', 'away/old') };
    const answer = await importImages(admin, rows);
    expect(errorsOf(answer)).toEqual(['1 dependencyServiceId DEPENDENCY_UNRESOLVED']);
    expect(answer.rowErrors[0]?.message).toContain('the name that row 0 takes away');
    const swapped = { [target.uid]: record('away/new'), [randomUUID()]: needing('away/needs', 'away/new') };
    expect(countsOf(await importImages(admin, swapped))).toEqual([1, 1, 0, 0]);
  });

  it('keeps what the image has lost already, but not its own old name', async () => {
    const lost = await make('keeps/lost');
    const image = await make('keeps/image', 'keeps/lost');
    await slipway.database.query("update image set status = 'DELETED' where id = $1", [lost.uid]);
    expect(
      countsOf(await importImages(admin, { [image.uid]: needing('keeps/renamed', 'keeps/lost') })),
    ).toEqual([0, 1, 0, 0]);
    const self = { [image.uid]: needing('keeps/self', 'keeps/self') };
    expect(countsOf(await importImages(admin, self))).toEqual([0, 1, 0, 0]);
    const again = { [image.uid]: needing('keeps/again', 'keeps/self') };
    expect(errorsOf(await importImages(admin, again))).toEqual([
      '0 dependencyServiceId DEPENDENCY_UNRESOLVED',
    ]);
  });

  it('and another row about its old one are told to be about one image', async () => {
    const image = await make('twice/old');
    const rows = { [image.uid]: record('twice/new'), [randomUUID()]: record('twice/old') };
    expect(errorsOf(await importImages(admin, rows))).toEqual(['1 imageName DUPLICATE']);
  });
});

describe('where only good rows are written', () => {
  it('a row that finds no room is missing to those that need it', async () => {
    const { id } = await makeScope(admin, 'namespace', { name: 'narrow' });
    await setQuota(admin, 'namespace', id, { images: 1 });
    const rows = [needing('narrow/b', 'narrow/a'), record('narrow/a')];
    const answer = await importImages(admin, rows, partial);
    expect(errorsOf(answer)).toEqual([
      '0 dependencyServiceId DEPENDENCY_UNRESOLVED',
      '1 null QUOTA_EXCEEDED',
    ]);
    expect(await dangling('narrow')).toEqual([]);
    const missing = [needing('narrow/c', 'narrow/nothing'), record('narrow/d')];
    expect(countsOf(await importImages(admin, missing, partial))).toEqual([1, 0, 0, 1]);
  });

  it('a row takes no room from another that may still fail to leave it', async () => {
    const { id } = await makeScope(admin, 'namespace', { name: 'swap' });
    const image = await make('swap/held');
    const other = await make('elsewhere/needs', 'swap/held');
    await setQuota(admin, 'namespace', id, { images: 1 });
    const rows = { [image.uid]: record('elsewhere/moved'), [randomUUID()]: record('swap/next') };
    expect(errorsOf(await importImages(admin, rows, partial))).toContain('0 imageName IN_USE');
    const held = await slipway.database.query(
      "select image.name from image join namespace on namespace.id = namespace_id where namespace.name = 'swap'",
    );
    expect(held).toEqual([{ name: 'held' }]);
    await updateImage(admin, { id: other.id, dependencies: [] });
    expect(countsOf(await importImages(admin, rows))).toEqual([1, 1, 0, 0]);
  });

  it('a bad row closes no circle for a good one', async () => {
    const rows = [
      record('false-ring/a', { dependencyServiceId: 'false-ring/b:1.0', frameInterval: '' }),
      needing('false-ring/b', 'false-ring/c'),
      record('false-ring/c'),
    ];
    await importImages(admin, [record('false-ring/a')]);
    const answer = await importImages(admin, rows.with(2, needing('false-ring/c', 'false-ring/a')), partial);
    expect(errorsOf(answer)).toEqual(['0 frameInterval REQUIRED']);
    expect(countsOf(answer)).toEqual([2, 0, 0, 1]);
  });

  it('a bad row leaves its image as it is, which may close a circle', async () => {
    const b = await make('old-ring/b');
    const a = await make('old-ring/a', 'old-ring/b');
    const turned = {
      [a.uid]: record('old-ring/a', { dependencyServiceId: '' }),
      [b.uid]: needing('old-ring/b', 'old-ring/a'),
    };
    const bad = { ...turned, [a.uid]: record('old-ring/a', { dependencyServiceId: 'old-ring/nothing:1.0' }) };
    expect(errorsOf(await importImages(admin, bad, partial))).toEqual([
      '0 dependencyServiceId DEPENDENCY_UNRESOLVED',
      '1 dependencyServiceId DEPENDENCY_CYCLE',
    ]);
    expect(await dependenciesOf(b.id)).toEqual([]);
    expect(countsOf(await importImages(admin, turned, partial))).toEqual([0, 2, 0, 0]);
    expect(await dependenciesOf(b.id)).toEqual(['old-ring/a:1.0']);
  });

  it('circles that each bad row closes for the next one are all found', async () => {
    const size = 12;
    const images = [];
    for (let n = 0; n <= size; n += 1)
      images.push(await make(`domino/i${n}`, ...(n > 0 ? [`domino/i${n - 1}`] : [])));
    // Each is turned round; the last one fails, so it goes on needing the one before, and so on.
    const rows = images.map(({ uid }, n) => [
      uid,
      needing(`domino/i${n}`, n < size ? `domino/i${n + 1}` : 'domino/nothing'),
    ]);
    const answer = await importImages(admin, Object.fromEntries(rows), partial);
    expect(countsOf(answer)).toEqual([0, 0, 0, size + 1]);
    for (const [n, { id }] of images.entries()) {
      expect(await dependenciesOf(id)).toEqual(n > 0 ? [`domino/i${n - 1}:1.0`] : []);
    }
  });
});

it('an image that is replaced while an import waits for it is not written to, and its successor is', async () => {
  const old = await make('replaced/image');
  const answer = await whileLocked(
    slipway.database,
    ['select 1 from image where id = $1 for update', [old.uid]],
    async () => await importImages(admin, [record('replaced/image', { algoName: 'imported' })]),
    ["update image set status = 'DELETED', version = 7 where id = $1", [old.uid]],
    [
      `insert into image select (jsonb_populate_record(image, jsonb_build_object('id', gen_random_uuid(), 'status', 'ACTIVE'))).*
        from image where id = $1`,
      [old.uid],
    ],
  );
  expect(countsOf(answer)).toEqual([0, 1, 0, 0]);
  const rows = await slipway.database.query(
    `select status, algorithm->>'name' as algorithm from image where name = 'image'
      and namespace_id = (select id from namespace where name = 'replaced') order by status`,
  );
  expect(rows).toEqual([
    { status: 'ACTIVE', algorithm: 'imported' },
    { status: 'DELETED', algorithm: null },
  ]);
});

describe('what a row says of digest, size and layers', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const facts = { digest, sizeBytes: 17, layers: [] };

  it('does not count for an image of the own registry that is there, unless it goes elsewhere', async () => {
    const own = `${slipway.engine.registry.host}/facts/own:1.0`;
    const { id, uid } = await makeImage(admin, { reference: own, namespace: 'facts', name: 'own' });
    await slipway.database.query('update image set size_bytes = 5000 where id = $1', [uid]);
    const row = record('facts/own', { reference: own, ...facts });
    expect(countsOf(await importImages(admin, { [uid]: row }))).toEqual([0, 1, 0, 0]);
    expect(await readImage(admin, id, 'digest sizeBytes')).toEqual({ digest: null, sizeBytes: 5000 });
    const moved = { ...row, reference: 'registry.example/facts/own:1.0' };
    expect(countsOf(await importImages(admin, { [uid]: moved }))).toEqual([0, 1, 0, 0]);
    expect(await readImage(admin, id, 'digest sizeBytes')).toEqual({ digest, sizeBytes: 17 });
  });

  it('counts for a new image, and for one of another registry', async () => {
    const own = `${slipway.engine.registry.host}/facts/new:1.0`;
    expect(countsOf(await importImages(admin, [record('facts/new', { reference: own, ...facts })]))).toEqual([
      1, 0, 0, 0,
    ]);
    const { uid, id } = await make('facts/other');
    await importImages(admin, { [uid]: record('facts/other', facts) });
    expect(await readImage(admin, id, 'digest sizeBytes')).toEqual({ digest, sizeBytes: 17 });
    const rows = await slipway.database.query(
      'select size_bytes::int as size from image where reference = $1',
      [own],
    );
    expect(rows).toEqual([{ size: 17 }]);
  });
});

it('a client that leaves a download is no fault of the server', async () => {
  const exports = {
    async *stream() {
      for (;;) yield 'x'.repeat(100_000);
    },
  };
  const { handler } = imageExportRoute(createSchema(), exports as never);
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  await using server = await listen((req, res) => {
    const exchange = { req, res, url: new URL(`http://server${req.url}`), session: async () => ({}) };
    Promise.resolve(handler(exchange as never)).then(resolve, reject);
  });
  const request = get(`http://${server.host}/exports/image_list.json`);
  const [response] = await once(request, 'response');
  await once(response, 'data');
  request.destroy();
  await expect(ended).resolves.toBeUndefined();
});
