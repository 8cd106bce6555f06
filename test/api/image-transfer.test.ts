import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { CONTENT_FIELDS, deleteImage, errorCode, IMAGE_FIELDS, makeImage } from '../support/images.ts';
import { countsOf, errorsOf, importImages, record } from '../support/imports.ts';

let slipway: TestApp;
let admin: ApiClient;

beforeAll(async () => {
  // It asks for whole pages with all content, which is dear, more often than people do.
  slipway = await createTestApp({
    worker: false,
    env: { SLIPWAY_MAX_BODY_BYTES: '67108864', SLIPWAY_RATE_LIMIT: '0' },
  });
  admin = slipway.admin;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

async function exportImages(client: ApiClient, filter: Record<string, unknown> = {}) {
  const { exportImages: exported } = await client.run<{
    exportImages: { fileName: string; mediaType: string; count: number; content: string; sha256: string };
  }>(
    'query ($filter: ImageFilter) { exportImages(filter: $filter) { fileName mediaType count content sha256 } }',
    { filter },
  );
  return exported;
}

const ALL_FIELDS = `${IMAGE_FIELDS} ${CONTENT_FIELDS} layers { digest sizeBytes mediaType }
  dependencies { image { name tag } }`;

async function allImages(namespace: string): Promise<Record<string, unknown>[]> {
  const { images } = await admin.run<{ images: { nodes: Record<string, unknown>[] } }>(
    `query ($filter: ImageFilter) { images(filter: $filter, first: 100, orderBy: { field: NAME, direction: ASC }) { nodes { ${ALL_FIELDS} } } }`,
    { filter: { namespace } },
  );
  return images.nodes;
}

/** An image of which everything is said that can be. */
const FULL = {
  reference: 'registry.example:5000/full/thing:7',
  displayName: '全部',
  group: 'mediacloud',
  description: 'says, "everything":\n1',
  architecture: 'AARCH64',
  origin: 'IMAGE_SAVE',
  visibility: 'PUBLIC',
  serviceType: 'TRAIN',
  devServices: ['SSH'],
  resourceCategories: ['GPU', 'CPU'],
  flavorType: 'ASCEND_SNT9B',
  labels: [
    { key: 'b', value: '' },
    { key: 'a', value: 'x' },
  ],
  price: '0.50',
  cover: 'https://pictures.example/1.png',
  runtime: {
    command: ['python3', '/a b.py', '--id={{inputs.id}}'],
    args: ['one'],
    workingDir: '/home',
    env: [
      { name: 'WITH_COMMA', value: 'a,b:c' },
      { name: 'EMPTY', value: '' },
    ],
    portsText: 'service1:5016:30016,service:8888',
    mounts: ['/with,comma'],
    configFilesText: '/etc/a.conf,/etc/b.conf',
    subPathsText: '/a:/b',
    hostPaths: [{ source: '/home:x', destination: '/home' }],
    cpuRequests: 0,
    memRequests: 1,
  },
  inputs: [{ name: 'id', kind: 'INPUT', default: '-', displayName: '任务ID', index: 4 }],
  outputs: [{ name: 'output', type: 'int' }],
  configs: [{ name: 'cache_path', default: '/x' }],
  algorithm: {
    factory: '易华录',
    name: '安全帽结构化',
    type: '0',
    eventType: 0,
    frameNumber: 1,
    useableFlag: '0',
  },
  dependencies: ['full/base:1'],
};

describe('reading a document', () => {
  it("creates the document's own example, and finds it unchanged when it is read again", async () => {
    const text = readFileSync('test/fixtures/image-list/load.json', 'utf8');
    const first = await importImages(admin, text);
    expect(first).toMatchObject({ rowErrors: [], userErrors: [], created: 1, failed: 0 });
    expect(countsOf(await importImages(admin, text))).toEqual([0, 0, 1, 0]);
    const [image] = await allImages('algo');
    expect(image).toMatchObject({
      uid: 'c675e74e-1bc2-11ea-9f60-0242ac110002',
      name: 'posterize',
      tag: '1.0',
      reference: 'algo/posterize:1.0',
      algorithm: {
        factory: 'ehl',
        name: '抽帧',
        type: '0',
        eventType: 1,
        frameInterval: 1000,
        useableFlag: '0',
      },
      runtime: {
        command: ['/home/realtimetest/posterize'],
        mounts: ['/home/realtimetest/LOG', '/data'],
        configFiles: ['/etc/fdfs/client.conf'],
        env: [
          { name: 'CVSIP', value: '172.38.90.52' },
          { name: 'CVSPORT', value: '11112' },
        ],
        pvcSize: null,
      },
    });
  });

  it('changes what is different and counts created, updated and unchanged', async () => {
    const rows = [record('count/a'), record('count/b'), record('count/c')];
    expect(countsOf(await importImages(admin, rows))).toEqual([3, 0, 0, 0]);
    const changed = [record('count/a'), record('count/b', { algoName: '别的' }), record('count/d')];
    expect(countsOf(await importImages(admin, changed))).toEqual([1, 1, 1, 0]);
    const images = await allImages('count');
    expect(images.map(({ name, algorithm }) => [name, (algorithm as { name: string }).name])).toEqual([
      ['a', '抽帧'],
      ['b', '别的'],
      ['c', '抽帧'],
      ['d', '抽帧'],
    ]);
  });

  it('keeps what a record of S1 does not know: reference, labels, visibility', async () => {
    const image = await makeImage(admin, {
      reference: 'registry.example/keep/it:1.0',
      labels: [{ key: 'k', value: 'v' }],
      visibility: 'PUBLIC',
    });
    expect(countsOf(await importImages(admin, [record('keep/it')]))).toEqual([0, 1, 0, 0]);
    const [after] = await allImages('keep');
    expect(after).toMatchObject({
      id: image.id,
      reference: 'registry.example/keep/it:1.0',
      labels: [{ key: 'k', value: 'v' }],
      visibility: 'PUBLIC',
      algorithm: { name: '抽帧' },
    });
  });

  it('resolves dependencies between rows, backwards and forwards, and to what is there', async () => {
    await makeImage(admin, { reference: 'dep/there:1.0' });
    const rows = [
      record('dep/first', { dependencyServiceId: 'dep/second:1.0,dep/there:1.0' }),
      record('dep/second'),
      record('dep/third', { dependencyServiceId: 'dep/first:1.0' }),
    ];
    expect(countsOf(await importImages(admin, rows))).toEqual([3, 0, 0, 0]);
    const images = await allImages('dep');
    expect(images.find(({ name }) => name === 'first')).toMatchObject({
      dependencies: [
        { reference: 'dep/second:1.0', image: { name: 'second' } },
        { reference: 'dep/there:1.0', image: { name: 'there' } },
      ],
    });
  });

  it("tells of every error of every row at once, where S1's answer had one for each, and writes nothing", async () => {
    const rows = [
      record('bad/one', { frameInterval: null, dependencyServiceId: 'bad/nothing:1', imagePorts: 'a:1,a:2' }),
      record('bad/two', { tvChannel: 'many', imageMount: 'relative' }),
      record('bad/good'),
      record('bad/three', { dependencyServiceId: 'bad/one:1.0' }),
      { imageName: 'bad/four', imageTag: '1.0' },
    ];
    const answer = await importImages(admin, rows);
    expect(countsOf(answer)).toEqual([0, 0, 0, 3]);
    expect(errorsOf(answer).sort()).toEqual([
      '0 dependencyServiceId DEPENDENCY_UNRESOLVED',
      '0 frameInterval REQUIRED',
      '0 imagePorts DUPLICATE',
      '1 imageMount INVALID',
      '1 tvChannel INVALID',
      '4 algoName REQUIRED',
      '4 algoType REQUIRED',
      '4 factory REQUIRED',
      '4 frameInterval REQUIRED',
    ]);
    expect(answer.rowErrors[0]).toMatchObject({ index: 0, imageName: 'bad/one', imageTag: '1.0' });
    expect(await allImages('bad')).toEqual([]);
  });

  it('writes the good rows where PARTIAL is asked for, without those that need a bad one', async () => {
    const rows = [
      record('part/bad', { frameInterval: '' }),
      record('part/good'),
      record('part/needs-bad', { dependencyServiceId: 'part/bad:1.0' }),
      record('part/needs-needs', { dependencyServiceId: 'part/needs-bad:1.0' }),
    ];
    const answer = await importImages(admin, rows, { mode: 'PARTIAL' });
    expect(countsOf(answer)).toEqual([1, 0, 0, 3]);
    expect(errorsOf(answer)).toEqual([
      '0 frameInterval REQUIRED',
      '2 dependencyServiceId DEPENDENCY_UNRESOLVED',
      '3 dependencyServiceId DEPENDENCY_UNRESOLVED',
    ]);
    expect((await allImages('part')).map(({ name }) => name)).toEqual(['good']);
  });

  it('fills in defaults, and puts names without a namespace where it is told', async () => {
    const rows = [record('plain', { frameInterval: null }), record('fill/other', { frameInterval: 7 })];
    const answer = await importImages(admin, rows, { defaults: { frameInterval: 5 }, namespace: 'fill' });
    expect(countsOf(answer)).toEqual([2, 0, 0, 0]);
    const images = await allImages('fill');
    expect(
      images.map(({ name, algorithm }) => [name, (algorithm as { frameInterval: number }).frameInterval]),
    ).toEqual([
      ['other', 7],
      ['plain', 5],
    ]);
  });

  it('only checks where validateOnly is set, and says what it would do', async () => {
    const answer = await importImages(admin, [record('only/checked')], { validateOnly: true });
    expect(countsOf(answer)).toEqual([1, 0, 0, 0]);
    expect(await allImages('only')).toEqual([]);
    const { namespace } = await admin.run<{ namespace: unknown }>('{ namespace(name: "only") { id } }');
    expect(namespace).toBeNull();
  });

  it('warns of an image that depends on itself, and refuses longer ways back', async () => {
    const rows = [
      record('ring/self', { dependencyServiceId: 'ring/self:1.0' }),
      record('ring/a', { dependencyServiceId: 'ring/b:1.0' }),
      record('ring/b', { dependencyServiceId: 'ring/a:1.0' }),
    ];
    const answer = await importImages(admin, rows);
    expect(errorsOf(answer)).toEqual([
      '1 dependencyServiceId DEPENDENCY_CYCLE',
      '2 dependencyServiceId DEPENDENCY_CYCLE',
    ]);
    expect(countsOf(await importImages(admin, [rows[0]]))).toEqual([1, 0, 0, 0]);
  });

  it.each([
    ['{\n  "a": {\n    "imageName": x\n', 3, 18],
    ['', 1, 1],
    ['[1, 2', 1, 6],
    ['{"a": {"imageName": "a",}}', 1, 25],
  ])('tells line and column of what is no JSON: %j', async (text, line, column) => {
    const { userErrors } = await importImages(admin, text);
    expect(userErrors).toMatchObject([{ code: 'INVALID', path: ['document'], details: { line, column } }]);
  });

  it('finds an image by its id before its name, and gives its id to a new one', async () => {
    const id = 'c675e74e1bc211ea9f600242ac110099';
    expect(countsOf(await importImages(admin, { [id]: record('ids/old') }))).toEqual([1, 0, 0, 0]);
    expect(countsOf(await importImages(admin, { [id]: record('ids/new') }))).toEqual([0, 1, 0, 0]);
    const [image, ...more] = await allImages('ids');
    expect(more).toEqual([]);
    expect(image).toMatchObject({ uid: 'c675e74e-1bc2-11ea-9f60-0242ac110099', name: 'new' });
    await makeImage(admin, { reference: 'ids/third:1.0' });
    const taken = await importImages(admin, { [id]: record('ids/third') });
    expect(errorsOf(taken)).toEqual(['0 imageName NAME_TAKEN']);
  });

  it('takes rows into namespaces on which the viewer has the role, and tells of the others', async () => {
    const developer = await slipway.user('ira', { namespace: 'DEVELOPER' });
    const viewer = await slipway.user('ivo', { namespace: 'VIEWER' });
    const rows = [record('plain-of-ira'), record('algo/posterize'), record('fresh-of-ira/x')];
    const answer = await importImages(developer, rows, { mode: 'PARTIAL' });
    expect(errorsOf(answer)).toEqual(['1 imageName NOT_FOUND', '2 imageName NOT_FOUND']);
    expect(countsOf(answer)).toEqual([1, 0, 0, 2]);
    expect(errorsOf(await importImages(viewer, [record('plain-of-ivo')]))).toEqual([
      '0 imageName NOT_ALLOWED',
    ]);
  });

  it('caps the errors that it tells and counts them all', async () => {
    const rows = Array.from({ length: 1500 }, (_, n) => record(`many/x${n}`, { frameInterval: '' }));
    const answer = await importImages(admin, rows);
    expect(answer.rowErrors).toHaveLength(1000);
    expect(answer).toMatchObject({ rowErrorCount: 1500, failed: 1500, created: 0 });
  });

  it.each<[string, () => string, RegExp]>([
    [
      'broken at its end',
      () => `[${'{"imageName":"a/b"},'.repeat(1_000_000)}x`,
      /line 1, column 20000002|"x"|value/i,
    ],
    ['nested without end', () => '['.repeat(20_000_000), /nested/],
    ['one text', () => JSON.stringify('长'.repeat(6_000_000)), /records/],
    ['too many records', () => `[${'{},'.repeat(60_000)}{}]`, /50000/],
  ])(
    'refuses a document of megabytes that is %s',
    async (what, make, message) => {
      const { userErrors, created } = await importImages(admin, make());
      const code = what.includes('records') ? 'TOO_MANY' : 'INVALID';
      expect(userErrors).toMatchObject([{ code, path: ['document'] }]);
      expect(userErrors[0]?.message).toMatch(message);
      expect(userErrors[0]?.message.length).toBeLessThan(500);
      expect(created).toBe(0);
    },
    60_000,
  );

  it('refuses a request that is larger than the server takes, as JSON', async () => {
    const response = await fetch(`${slipway.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __typename }', variables: { x: 'x'.repeat(67_200_000) } }),
    });
    expect(response.status).toBe(413);
    expect(((await response.json()) as { errors: unknown[] }).errors).toHaveLength(1);
  });

  it('reads 10,000 rows in one go, answering others meanwhile', async () => {
    const rows = Array.from({ length: 10_000 }, (_, n) =>
      record(`bulk/image-${n}`, {
        algoDesc: `抽帧超压 number ${n} of a catalogue`,
        imagePorts: 'service1:5016:30016,service:8888',
        env: 'CVSIP:172.38.90.52,CVSPORT:11112',
        dependencyServiceId: n > 0 && n % 3 === 0 ? `bulk/image-${n - 1}:1.0` : null,
      }),
    );
    let done = false;
    const importing = importImages(admin, rows).finally(() => {
      done = true;
    });
    let answered = 0;
    while (!done) {
      await admin.run('{ viewer { isAdmin } }');
      answered += 1;
    }
    expect(countsOf(await importing)).toEqual([10_000, 0, 0, 0]);
    expect(answered).toBeGreaterThan(10);
    expect(countsOf(await importImages(admin, rows))).toEqual([0, 0, 10_000, 0]);
  }, 120_000);
});

describe('what an export is spared', () => {
  it('comes back although an image had lost what it depends on, with a warning', async () => {
    const lost = await makeImage(admin, { reference: 'spared/lost:1' });
    const needs = await makeImage(admin, { reference: 'spared/needs:1', dependencies: ['spared/lost:1'] });
    await deleteImage(admin, { id: lost.id, force: true });
    const { content } = await exportImages(admin, { namespace: 'spared' });
    await deleteImage(admin, { id: needs.id });
    await admin.run('mutation ($id: ID!) { purgeImage(input: { id: $id }) { userErrors { code } } }', {
      id: needs.id,
    });
    const back = await importImages(admin, content);
    expect(countsOf(back)).toEqual([1, 0, 0, 0]);
    expect(back.warnings.join()).toContain('spared/lost:1');
  });

  it('is unchanged with built-in images in it, and refused only where it would change one', async () => {
    await makeImage(admin, { reference: 'platform/base:1' });
    await slipway.database.query("update image set type = 'BUILD_IN' where reference = 'platform/base:1'");
    const { content } = await exportImages(admin, { namespace: 'platform' });
    expect(countsOf(await importImages(admin, content))).toEqual([0, 0, 1, 0]);
    const changed = content.replace('"description":null', '"description":"changed"');
    expect(errorsOf(await importImages(admin, changed))).toEqual(['0 null BUILT_IN']);
  });

  it('tells of what else is wrong with a row whose name or reference cannot be read', async () => {
    const rows = [
      record('fine/Case', { imagePorts: 'a:0', env: 'x' }),
      record('fine/name', { reference: 'UPPER', price: '-1' }),
    ];
    expect(errorsOf(await importImages(admin, rows)).sort()).toEqual([
      '0 env INVALID',
      '0 imageName PATTERN',
      '0 imagePorts OUT_OF_RANGE',
      '1 price OUT_OF_RANGE',
      '1 reference REFERENCE_INVALID',
    ]);
  });

  it('warns where the id of a row belongs to a deleted image', async () => {
    const image = await makeImage(admin, { reference: 'trash/one:1' });
    const { content } = await exportImages(admin, { namespace: 'trash' });
    await deleteImage(admin, { id: image.id });
    const again = await importImages(admin, content);
    expect(countsOf(again)).toEqual([1, 0, 0, 0]);
    expect(again.warnings.join()).toContain('imageId');
  });
});

describe('writing a document', () => {
  it('changes nothing when it is read again, and brings everything back after a purge', async () => {
    await makeImage(admin, { reference: 'full/base:1' });
    await makeImage(admin, FULL);
    await makeImage(admin, {
      reference: 'elsewhere.example/x/y:2',
      namespace: 'full',
      name: 'plain',
      description: '',
    });
    const before = await allImages('full');
    expect(before).toHaveLength(3);
    const exported = await exportImages(admin, { namespace: 'full' });
    expect(exported).toMatchObject({ fileName: 'image_list.json', mediaType: 'application/json', count: 3 });
    expect(createHash('sha256').update(exported.content).digest('hex')).toBe(exported.sha256);

    const again = await importImages(admin, exported.content);
    expect(again).toMatchObject({ rowErrors: [], unchanged: 3, updated: 0, created: 0 });
    expect(await allImages('full')).toEqual(before);

    for (const { id } of before) {
      await deleteImage(admin, { id, force: true });
      await admin.run(
        'mutation ($input: PurgeImageInput!) { purgeImage(input: $input) { userErrors { code message } } }',
        { input: { id } },
      );
    }
    expect(await allImages('full')).toEqual([]);
    const back = await importImages(admin, exported.content);
    expect(back).toMatchObject({ rowErrors: [], created: 3 });
    const timeless = (images: Record<string, unknown>[]) =>
      images.map(({ createdAt, updatedAt, ...image }) => image);
    expect(timeless(await allImages('full'))).toEqual(timeless(before));
  });

  it("has S1's record for each image, keyed by its id", async () => {
    const { content } = await exportImages(admin, { namespace: 'algo' });
    const document = JSON.parse(content) as Record<string, Record<string, unknown>>;
    const example = JSON.parse(readFileSync('test/fixtures/image-list/load.json', 'utf8')) as {
      res?: Record<string, unknown>;
    };
    const [key = ''] = Object.keys(document);
    expect(key).toBe('c675e74e1bc211ea9f600242ac110002');
    expect(document[key]).toMatchObject((example.res ?? example)[key as keyof typeof example] as object);
  });

  it('streams the same over plain HTTP, with the same rights and filters', async () => {
    const path = `${slipway.url}/exports/image_list.json`;
    const get = async (token: string | null, query = '') =>
      await fetch(`${path}${query}`, token === null ? {} : { headers: { authorization: `Bearer ${token}` } });
    const filter = `?filter=${encodeURIComponent('{"namespace":"full","or":[{"tag":"7"},{"tag":"1"}]}')}`;
    const answer = await get(admin.token, filter);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="image_list.json"');
    const streamed = await answer.text();
    expect(streamed).toBe(
      (await exportImages(admin, { namespace: 'full', or: [{ tag: '7' }, { tag: '1' }] })).content,
    );
    expect(Object.keys(JSON.parse(streamed) as object)).toHaveLength(2);
    const whole = (await (await get(admin.token)).json()) as object;
    expect(Object.keys(whole).length).toBeGreaterThan(10_000);
    expect((await get(null)).status).toBe(401);
    expect((await get(admin.token, '?filter={')).status).toBe(400);
    expect((await get(admin.token, '?filter={"colour":"red"}')).status).toBe(400);
    expect((await get(admin.token, '?search=posterize')).status).toBe(400);
    const stranger = await slipway.user('ina');
    const seen = (await (await get(stranger.token)).json()) as Record<string, { visibility: string }>;
    expect(Object.values(seen).every(({ visibility }) => visibility === 'PUBLIC')).toBe(true);
  });

  it('leaves deleted images out, and says so by answering an empty document', async () => {
    const image = await makeImage(admin, { reference: 'gone/thing:1' });
    await deleteImage(admin, { id: image.id });
    const exported = await exportImages(admin, { namespace: 'gone', includeDeleted: true });
    expect(exported.count).toBe(0);
    expect(JSON.parse(exported.content)).toEqual({});
  });

  it('refuses a filter that cannot be read', async () => {
    const query = 'query ($filter: ImageFilter) { exportImages(filter: $filter) { count } }';
    expect(await errorCode(admin, query, { filter: { workspaceId: 'no id' } })).toBe('BAD_USER_INPUT');
  });
});
