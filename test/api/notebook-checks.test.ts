import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ContainerDetails, EngineError, type EngineImage } from '../../src/engine/container-engine.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { type ContainerFiles, digestOf, type Question } from '../support/fake-engine.ts';
import { codes, countImages, errorCode, globalId, type ImageFacts, makeImage } from '../support/images.ts';
import { addNotebook, type NotebookFacts, SAVE, saveNotebook, statusOf } from '../support/notebooks.ts';
import { makeScope, setQuota, setRole } from '../support/scopes.ts';
import { gate } from '../support/until.ts';

let slipway: TestApp;
let admin: ApiClient;
let dana: ApiClient;
let mine: NotebookFacts;
let foreign: NotebookFacts;

beforeAll(async () => {
  slipway = await createTestApp({
    worker: false,
    env: { SLIPWAY_MAX_SAVED_LAYERS: '10', SLIPWAY_MAX_SAVED_BYTES: '5000' },
  });
  admin = slipway.admin;
  dana = await slipway.user('dana', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
  mine = addNotebook(slipway.engine, { owner: 'dana' });
  foreign = addNotebook(slipway.engine, { owner: 'somebody' });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
afterEach(() => {
  slipway.engine.onQuestion(null);
  slipway.engine.setAvailable(true);
});

describe('a save is refused', () => {
  it('with everything that is wrong at once', async () => {
    const { userErrors } = await saveNotebook(admin, {
      notebookId: Buffer.from('Notebook:11111111-2222-4333-8444-555555555555').toString('base64url'),
      namespace: 'Default',
      name: '-x-',
      tag: 'a,b',
      description: 'x'.repeat(513),
      workspaceId: mine.id,
    });
    expect(codes(userErrors)).toEqual([
      'NOT_FOUND notebookId',
      'NOT_FOUND workspaceId',
      'PATTERN name',
      'PATTERN namespace',
      'TAG_NOT_OCI tag',
      'TOO_LONG description',
    ]);
  });

  it.each([
    ['a', []],
    ['9', []],
    ['a.b_c-d', []],
    ['x'.repeat(128), []],
    ['x'.repeat(129), ['TOO_LONG name']],
    // Characters count, not UTF-16 units.
    ['𝒳'.repeat(128), ['PATTERN name']],
    ['𝒳'.repeat(129), ['TOO_LONG name']],
    ['x'.repeat(1_000_000), ['TOO_LONG name']],
    ['a__b--c', []],
    ['a___b', ['PATTERN name']],
    ['a_.b', ['PATTERN name']],
    ['_a', ['PATTERN name']],
    ['a\n', ['PATTERN name']],
    ['a b', ['PATTERN name']],
    ['A', ['PATTERN name']],
    ['-a', ['PATTERN name']],
    ['a.', ['PATTERN name']],
    ['a/b', ['PATTERN name']],
    ['a..b', ['PATTERN name']],
    ['名', ['PATTERN name']],
    ['', ['PATTERN name']],
  ])('or taken by its name %j: %j', async (name, expected) => {
    const { userErrors } = await saveNotebook(dana, { notebookId: mine.id, name, validateOnly: true });
    expect(codes(userErrors)).toEqual(expected);
  });

  it.each([
    ['20221223', []],
    ['', []],
    ['a', []],
    ['_', []],
    ['A.b-C_d', []],
    ['train-pytorch_1.8.0-cuda_10.2-py_3.7', []],
    ['x'.repeat(64), []],
    ['x'.repeat(65), ['TOO_LONG tag']],
    ['a,b', ['TAG_NOT_OCI tag']],
    ['.a', ['TAG_NOT_OCI tag']],
    ['-a', ['TAG_NOT_OCI tag']],
    ['a\n', ['TAG_NOT_OCI tag']],
    ['标签', ['TAG_NOT_OCI tag']],
    [`${'x'.repeat(64)},`, ['TAG_NOT_OCI tag', 'TOO_LONG tag']],
    ['𝒳'.repeat(64), ['TAG_NOT_OCI tag']],
    ['x'.repeat(129), ['TOO_LONG tag']],
  ])('or taken by its tag %j: %j', async (tag, expected) => {
    const { userErrors } = await saveNotebook(dana, {
      notebookId: mine.id,
      name: 'tagged',
      tag,
      validateOnly: true,
    });
    expect(codes(userErrors)).toEqual(expected);
  });

  it.each([
    ['atelier-auto', []],
    ['a', []],
    [`a${'x'.repeat(63)}`, []],
    [`a${'x'.repeat(64)}`, ['PATTERN namespace']],
    ['9a', ['PATTERN namespace']],
    ['', ['PATTERN namespace']],
    ['a.b_c-d', []],
    ['a..b', ['PATTERN namespace']],
    ['a-', ['PATTERN namespace']],
    ['a,b', ['PATTERN namespace']],
    // S2 allows capitals; the registry's path does not.
    ['aB', ['PATTERN namespace']],
  ])('or taken by its namespace %j: %j', async (namespace, expected) => {
    const input = { notebookId: mine.id, name: 'spaced', namespace, validateOnly: true };
    expect(codes((await saveNotebook(admin, input)).userErrors)).toEqual(expected);
  });

  it('with what PostgreSQL has no room for, beside all the rest', async () => {
    const input = { notebookId: mine.id, name: 'a\u0000b', tag: 'c\u0000', validateOnly: true };
    const { userErrors } = await saveNotebook(dana, { ...input, description: 'd\u0000' });
    expect(codes(userErrors)).toEqual(['INVALID description', 'PATTERN name', 'TAG_NOT_OCI tag']);
  });

  it('for notebooks of others as for those that are not there', async () => {
    const { userErrors } = await saveNotebook(dana, { notebookId: foreign.id, name: 'stolen' });
    expect(codes(userErrors)).toEqual(['NOT_FOUND notebookId']);
    const malformed = await saveNotebook(dana, {
      notebookId: foreign.uid,
      workspaceId: 'zero',
      name: 'Stolen',
    });
    expect(codes(malformed.userErrors)).toEqual([
      'INVALID notebookId',
      'INVALID workspaceId',
      'PATTERN name',
    ]);
  });

  it('in namespaces where the viewer may not make images', async () => {
    const stranger = await slipway.user('stranger');
    const own = addNotebook(slipway.engine, { owner: 'stranger' });
    expect(codes((await saveNotebook(stranger, { notebookId: own.id, name: 'x' })).userErrors)).toEqual([
      'NOT_FOUND namespace',
    ]);
    const viewer = await slipway.user('vera', { namespace: 'VIEWER' });
    const watched = addNotebook(slipway.engine, { owner: 'vera' });
    const input = { notebookId: watched.id, namespace: 'default', name: 'x' };
    expect(await errorCode(viewer, SAVE, { input })).toBe('FORBIDDEN');
  });

  it.each([
    ['x'.repeat(512), []],
    ['描'.repeat(512), []],
    ['𝒳'.repeat(512), []],
    ['𝒳'.repeat(513), ['TOO_LONG description']],
    ['', []],
    ['two\nlines', []],
    ['a\u0000', ['INVALID description']],
  ])('or taken by its description', async (description, expected) => {
    const input = { notebookId: mine.id, name: 'described', description, validateOnly: true };
    expect(codes((await saveNotebook(dana, input)).userErrors)).toEqual(expected);
  });
});

/** A notebook of dana's that goes with the test. */
function start(
  details: Partial<ContainerDetails> = {},
  files: Partial<ContainerFiles> = {},
  image?: Partial<EngineImage>,
): NotebookFacts {
  const imageId = digestOf(randomUUID());
  if (image !== undefined) slipway.engine.addImage({ id: imageId, ...image });
  const all = image === undefined ? details : { imageId, ...details };
  return addNotebook(slipway.engine, { owner: 'dana' }, all, files);
}

/** Counts how often the engine is asked to walk through files; `then` runs each time. */
function counting(then: () => Promise<void> = async () => {}): Partial<Record<Question, number>> {
  const counts: Partial<Record<Question, number>> = {};
  slipway.engine.onQuestion(async (question) => {
    if (question !== 'footprint' && question !== 'changedPaths') return;
    counts[question] = (counts[question] ?? 0) + 1;
    await then();
  });
  return counts;
}

const check = async (notebook: NotebookFacts, input: Record<string, unknown> = {}, by = dana) =>
  await saveNotebook(by, { notebookId: notebook.id, name: 'checked', validateOnly: true, ...input });

describe('a notebook is saved by who may see it', () => {
  it('its owner, owners of its workspace and administrators', async () => {
    const notebook = start();
    const olga = await slipway.user('olga', { namespace: 'DEVELOPER', workspace: 'OWNER' });
    const dev = await slipway.user('dev', { namespace: 'OWNER', workspace: 'DEVELOPER' });
    for (const client of [dana, olga, admin]) {
      expect((await check(notebook, {}, client)).userErrors).toEqual([]);
    }
    expect(await check(notebook, {}, dev)).toMatchObject({
      estimate: null,
      warnings: [],
      userErrors: [{ code: 'NOT_FOUND', path: ['notebookId'], details: null }],
    });
  });
});

describe('a notebook is refused', () => {
  it.each([
    ['stopped', 'STOPPED', 'start it first'],
    ['paused', 'PAUSED', 'resume it first'],
  ] as const)('while it is %s', async (state, status, what) => {
    const notebook = start({ state });
    expect(await statusOf(dana, notebook)).toBe(status);
    expect((await check(notebook)).userErrors).toEqual([
      {
        code: 'NOTEBOOK_NOT_RUNNING',
        path: ['notebookId'],
        details: { status },
        message: expect.stringContaining(what),
      },
    ]);
  });

  it('as busy, not as paused, while a save pauses it', async () => {
    const notebook = start();
    const { build } = await saveNotebook(dana, { notebookId: notebook.id, name: 'pausing' });
    slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
    expect((await check(notebook)).userErrors).toMatchObject([
      { code: 'NOTEBOOK_BUSY', path: ['notebookId'], details: { buildId: build?.id } },
    ]);
  });

  it('as busy without a word of the build where the viewer may not see that', async () => {
    const vault = await makeScope(admin, 'namespace', { name: 'vault' });
    const workspace = await makeScope(admin, 'workspace', { name: 'vault' });
    const notebook = start();
    const input = { notebookId: notebook.id, namespace: 'vault', workspaceId: workspace.id, name: 'theirs' };
    const { build } = await saveNotebook(admin, input);
    expect(build).not.toBeNull();
    const [hidden] = (await check(notebook)).userErrors;
    expect(hidden).toMatchObject({ code: 'NOTEBOOK_BUSY', details: null });
    expect(hidden?.message).not.toContain('cancel');
    await setRole(admin, 'namespace', vault.id, 'dana', 'VIEWER');
    const [shown] = (await check(notebook)).userErrors;
    expect(shown).toMatchObject({ code: 'NOTEBOOK_BUSY', details: { buildId: build?.id } });
    expect(shown?.message).toContain('cancel');
  });

  it('where its image has as many layers as it may have', async () => {
    expect(codes((await check(start({}, {}, { layerCount: 9 }))).userErrors)).toEqual([]);
    expect((await check(start({}, {}, { layerCount: 10 }))).userErrors).toEqual([
      {
        code: 'TOO_MANY',
        path: ['notebookId'],
        details: { max: 10, current: 11 },
        message: expect.stringContaining('Dockerfile'),
      },
    ]);
  });

  it('where the engine has its image no more, as administrators are told', async () => {
    const notebook = start({ image: 'gone:1', imageId: digestOf('gone') });
    expect((await check(notebook, {}, admin)).userErrors).toMatchObject([
      { code: 'REFERENCE_NOT_FOUND', path: ['notebookId'], details: { image: 'gone:1' } },
    ]);
    // All that it says of itself may be what that image said.
    expect(codes((await check(notebook)).userErrors)).toEqual(['NOT_FOUND notebookId']);
  });

  it('where it holds more than an image may', async () => {
    expect((await check(start({}, { sizeBytes: 5000, writtenBytes: 10 }))).userErrors).toEqual([]);
    expect((await check(start({}, { sizeBytes: 5001, writtenBytes: 10 }))).userErrors).toEqual([
      {
        code: 'OUT_OF_RANGE',
        path: ['notebookId'],
        details: { max: 5000, current: 5001 },
        message: expect.stringContaining('has written 10'),
      },
    ]);
  });

  it('for all of that and its input at once, and nothing is left behind', async () => {
    const notebook = start({ state: 'paused' }, { sizeBytes: 6000 }, { layerCount: 99 });
    const before = await countImages(admin);
    const answer = await saveNotebook(dana, {
      notebookId: notebook.id,
      name: 'A',
      tag: ',',
      namespace: 'nowhere',
      description: 'x'.repeat(513),
      workspaceId: globalId('Workspace'),
    });
    expect(answer).toMatchObject({ build: null, image: null, estimate: null, warnings: [] });
    expect(codes(answer.userErrors)).toEqual([
      'NOTEBOOK_NOT_RUNNING notebookId',
      'NOT_FOUND namespace',
      'NOT_FOUND workspaceId',
      'OUT_OF_RANGE notebookId',
      'PATTERN name',
      'TAG_NOT_OCI tag',
      'TOO_LONG description',
      'TOO_MANY notebookId',
    ]);
    expect(await countImages(admin)).toBe(before);
  });
});

describe('a save says before', () => {
  it('how large the image will be', async () => {
    const notebook = start({}, { sizeBytes: 4096, writtenBytes: 512 }, { layerCount: 4 });
    const estimate = { sizeBytes: 4096, writtenBytes: 512, layerCount: 5 };
    expect(await check(notebook)).toMatchObject({ estimate, build: null, image: null });
    expect(await statusOf(dana, notebook)).toBe('RUNNING');
    const saved = await saveNotebook(dana, { notebookId: notebook.id, name: 'estimated' });
    expect(saved).toMatchObject({ estimate, build: { status: 'QUEUED' }, image: { status: 'INIT' } });
  });

  it('what will not be in it, and what may be wrong in it', async () => {
    const notebook = start({ mounts: ['/data', `/mnt/${'m'.repeat(300)}`] });
    expect((await check(notebook)).warnings).toEqual([
      expect.stringMatching(/^\/data is a volume/),
      expect.stringMatching(/^\/mnt\/m{95}… is a volume/),
      expect.stringContaining('memory'),
    ]);
    expect((await check(start(), { pause: false })).warnings).toEqual([
      expect.stringContaining('memory'),
      expect.stringContaining('by halves'),
    ]);
  });

  it('which files hold credentials, by their names: the first twenty', async () => {
    const homes = Array.from({ length: 23 }, (_, i) => `/home/user-${String(i).padStart(2, '0')}/.netrc`);
    const long = `/a/${'x'.repeat(200)}/.netrc`;
    const changedPaths = ['/home', ...homes, long, '/home/work.ipynb'];
    const { warnings } = await check(start({}, { changedPaths, writtenBytes: 1 }));
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toContain(`/a/${'x'.repeat(97)}…, /home/user-00/.netrc`);
    expect(warnings[1]).toContain('/home/user-18/.netrc and 4 more');
    expect(warnings[1]).not.toContain('user-19');
    const cut = await check(start({}, { changedPaths: ['/root/.netrc'], complete: false, writtenBytes: 1 }));
    expect(cut.warnings.slice(1)).toEqual([
      expect.stringContaining(': /root/.netrc'),
      expect.stringContaining('too many files'),
    ]);
  });

  it('twenty of its mounts, and how many more there are', async () => {
    const mounts = Array.from({ length: 500 }, (_, i) => `/mnt/${i}`);
    const twenty = await check(start({ mounts: mounts.slice(0, 20) }));
    expect(twenty.warnings).toEqual([
      ...mounts.slice(0, 20).map((mount) => expect.stringContaining(`${mount} is a volume`)),
      expect.stringContaining('memory'),
    ]);
    const { warnings } = await check(start({ mounts }));
    expect(warnings.slice(0, 20)).toEqual(twenty.warnings.slice(0, 20));
    expect(warnings.slice(20)).toEqual([
      '480 more volumes and mounts will not be in the image either',
      expect.stringContaining('memory'),
    ]);
  });

  it('what a slow engine has not said in time, together with all that is wrong', async () => {
    const files = { changedPaths: ['/root/.netrc'], writtenBytes: 1 };
    const notebook = start({}, files);
    const { opened, open } = gate();
    const asked = counting(() => opened);
    const since = performance.now();
    const [checked, refused, saved] = await Promise.all([
      check(notebook),
      check(notebook, { name: 'A', tag: ',' }),
      saveNotebook(dana, { notebookId: start({}, files).id, name: 'unmeasured' }),
    ]);
    expect(performance.now() - since).toBeLessThan(9000);
    const warnings = ['memory', 'how large', 'credentials'].map((text) => expect.stringContaining(text));
    expect(checked).toMatchObject({ estimate: null, userErrors: [], warnings });
    expect(codes(refused.userErrors)).toEqual(['PATTERN name', 'TAG_NOT_OCI tag']);
    expect(saved).toMatchObject({ estimate: null, warnings, build: { status: 'QUEUED' } });
    // What the engine has begun for them goes on, and the next one who asks has it.
    expect(asked).toEqual({ footprint: 2 });
    open();
    expect(await check(notebook)).toMatchObject({ estimate: { writtenBytes: 1 } });
    expect(asked).toMatchObject({ footprint: 2 });
  }, 15_000);

  it('all of that from one look at the notebook, whoever asks how often', async () => {
    const notebook = start({}, { changedPaths: ['/root/.netrc'], writtenBytes: 1 });
    const asked = counting();
    const sizes = `query ($id: ID!) { notebook(id: $id) { sizeBytes writtenBytes } }`;
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, (_, i) => check(notebook, { name: `often-${i}` }, i % 2 ? dana : admin)),
      dana.run(sizes, { id: notebook.id }),
    ]);
    expect(answers).toHaveLength(21);
    expect(asked).toEqual({ footprint: 1, changedPaths: 1 });
  });

  it('nothing of what the notebook has written where it is refused, or has written nothing', async () => {
    const asked = counting();
    const notebook = start({}, { changedPaths: ['/root/.netrc'], writtenBytes: 1 });
    expect(codes((await check(notebook, { tag: ',' })).userErrors)).toEqual(['TAG_NOT_OCI tag']);
    expect(asked).toEqual({ footprint: 1 });
    const { warnings } = await check(start({}, { writtenBytes: 0 }));
    expect(warnings).toEqual([expect.stringContaining('memory')]);
    expect(asked).toEqual({ footprint: 2 });
    await check(foreign);
    expect(asked).toEqual({ footprint: 2 });
  });

  it('what is wrong with its input, where the engine does not answer at all', async () => {
    const notebook = start();
    const input = { notebookId: notebook.id, namespace: 'default', name: 'x' };
    slipway.engine.setAvailable(false);
    expect(codes((await check(notebook, { name: 'A', tag: ',' })).userErrors)).toEqual([
      'PATTERN name',
      'TAG_NOT_OCI tag',
    ]);
    expect(await errorCode(dana, SAVE, { input })).toBe('UNAVAILABLE');
    slipway.engine.setAvailable(true);
    slipway.engine.onQuestion(async (question) => {
      if (question === 'footprint') throw new EngineError('ENGINE_UNAVAILABLE', 'gone meanwhile');
    });
    expect(codes((await check(notebook, { name: 'A' })).userErrors)).toEqual(['PATTERN name']);
    expect(await errorCode(dana, SAVE, { input })).toBe('UNAVAILABLE');
  });

  it('that the engine cannot measure it, where it fails at that', async () => {
    slipway.engine.onQuestion(async (question) => {
      if (question === 'footprint') throw new EngineError('INTERNAL', 'driver has no sizes');
    });
    const { estimate, warnings } = await check(start());
    expect(estimate).toBeNull();
    expect(warnings).toEqual([expect.stringContaining('memory'), expect.stringContaining('how large')]);
  });
});

describe("a save takes what its notebook's image takes of the storage quota", () => {
  let namespaceId: string;
  let base: ImageFacts;
  let baseImage: string;

  beforeAll(async () => {
    namespaceId = (await makeScope(admin, 'namespace', { name: 'small' })).id;
    await setRole(admin, 'namespace', namespaceId, 'dana', 'DEVELOPER');
    const { engine } = slipway;
    const digest = digestOf('a base of 800 bytes');
    engine.registry.put('default/base', '1', {
      digest,
      sizeBytes: 800,
      layers: [],
      architecture: 'amd64',
      configDigest: digestOf('its configuration'),
    });
    const { host } = engine.registry;
    base = await makeImage(admin, { reference: `${host}/default/base:1`, verify: true });
    baseImage = digestOf('base in the engine');
    engine.addImage({
      id: baseImage,
      references: [`elsewhere.example/base@${digest}`, `${host}/default/base@${digest}`],
    });
  });

  const onBase = (files: Partial<ContainerFiles> = {}) => start({ imageId: baseImage }, files);
  const limitTo = async (storageBytes: number) =>
    await setQuota(admin, 'namespace', namespaceId, { storageBytes });

  it('which is refused before any work where there is less room', async () => {
    await limitTo(799);
    const notebook = onBase();
    expect((await check(notebook, { namespace: 'small' })).userErrors).toMatchObject([
      {
        code: 'QUOTA_EXCEEDED',
        path: ['namespace'],
        details: { quota: 'storageBytes', limit: 799, current: 0, requested: 800 },
      },
    ]);
    // Of an image that is not in the catalogue nobody knows what it takes.
    expect((await check(start(), { namespace: 'small' })).userErrors).toEqual([]);
  });

  it('however its registry was spelled when it was registered', async () => {
    await limitTo(799);
    const { host } = slipway.engine.registry;
    const digest = digestOf('a base of 900 bytes');
    slipway.engine.registry.put('default/spelled', '1', {
      digest,
      sizeBytes: 900,
      layers: [],
      architecture: 'amd64',
      configDigest: digestOf('its configuration'),
    });
    await makeImage(admin, { reference: `${host}/default/spelled:1`, verify: true });
    await slipway.database.query(
      `update image set registry_host = '${host.toUpperCase()}' where name = 'spelled'`,
    );
    const imageId = digestOf('spelled in the engine');
    slipway.engine.addImage({ id: imageId, references: [`${host}/default/spelled@${digest}`] });
    expect(codes((await check(start({ imageId }), { namespace: 'small' })).userErrors)).toEqual([
      'QUOTA_EXCEEDED namespace',
    ]);
  });

  it('and is told of where what it has written may not fit', async () => {
    await limitTo(900);
    const tell = async (writtenBytes: number) =>
      (await check(onBase({ writtenBytes, sizeBytes: 3000 }), { namespace: 'small' })).warnings.slice(1);
    expect(await tell(100)).toEqual([]);
    expect(await tell(101)).toEqual([expect.stringContaining('up to 901 bytes')]);
  });

  it('though not for who may not see that image, who hears nothing of it', async () => {
    await limitTo(799);
    const guest = await slipway.user('guest');
    await setRole(admin, 'namespace', namespaceId, 'guest', 'DEVELOPER');
    const details = { imageId: baseImage, image: 'base:1' };
    const notebook = addNotebook(slipway.engine, { owner: 'guest' }, details);
    const input = { notebookId: notebook.id, name: 'guests', namespace: 'small' };
    const { image, userErrors } = await saveNotebook(guest, input);
    expect(userErrors).toEqual([]);
    expect(image?.sourceImage).toBeNull();
    const [row] = await slipway.database.query<{ source: string | null }>(
      "select source_image_id as source from image where name = 'guests'",
    );
    expect(row).toEqual({ source: null });
  });

  it('and remembers the image that it was started from', async () => {
    await limitTo(800);
    const { image, build } = await saveNotebook(dana, {
      notebookId: onBase().id,
      name: 'based',
      namespace: 'small',
    });
    expect(image?.sourceImage).toEqual({ id: base.id });
    expect(build?.notebook.sourceImage).toEqual({ id: base.id });
  });
});
