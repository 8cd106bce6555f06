import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, wholeLog } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { codes, deleteImage, errorCode, type ImageFacts, makeImage } from '../support/images.ts';
import {
  addNotebook,
  type NotebookFacts,
  SAVE,
  type SavePayload,
  saveNotebook,
} from '../support/notebooks.ts';
import { gate, until } from '../support/until.ts';

let slipway: TestApp;
let admin: ApiClient;
let dana: ApiClient;
let owner: ApiClient;
let mine: NotebookFacts;
let foreign: NotebookFacts;
const BASE = { PATH: '/usr/bin', LANG: 'C.UTF-8' };

beforeAll(async () => {
  slipway = await createTestApp();
  admin = slipway.admin;
  dana = await slipway.user('dana', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
  owner = await slipway.user('olga', { namespace: 'OWNER', workspace: 'OWNER' });
  await admin.run('mutation { createWorkspace(input: { name: "lab" }) { workspace { id } } }');
  slipway.engine.addImage({ id: 'sha256:base', env: BASE });
  mine = addNotebook(
    slipway.engine,
    { owner: 'dana', name: 'a-mine', workspace: 'default' },
    {
      image: 'slipway/notebook:1',
      imageId: 'sha256:base',
      env: { ...BASE, LANG: 'zh_CN.UTF-8', TOKEN: 'secret' },
      mounts: ['/data', '/home/dana'],
    },
  );
  foreign = addNotebook(slipway.engine, { owner: 'somebody', name: 'b-foreign', workspace: 'lab' });
  addNotebook(slipway.engine, { owner: 'dana', name: 'not-a-uuid', uid: 'twelve' });
  slipway.engine.addContainer({ labels: { 'slipway.owner': 'dana' } });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
afterEach(() => {
  slipway.engine.onCommit(null);
  slipway.engine.onPush(null);
  slipway.engine.setAvailable(true);
});

const NOTEBOOK = `id uid name status image containerId startedAt uncapturedMounts workspace { name } owner { name }`;

async function names(client: ApiClient, args = ''): Promise<string[]> {
  const { notebooks } = await client.run<{ notebooks: { nodes: { name: string }[] } }>(
    `{ notebooks${args} { nodes { name } } }`,
  );
  return notebooks.nodes.map(({ name }) => name);
}

describe('notebooks', () => {
  it('are the containers with the labels, as their owner sees them', async () => {
    const { notebooks, notebook, node } = await dana.run<Record<string, unknown>>(
      `query ($id: ID!) {
        notebooks { nodes { ${NOTEBOOK} } totalCount } notebook(id: $id) { ${NOTEBOOK} } node(id: $id) { id __typename }
      }`,
      { id: mine.id },
    );
    const facts = {
      id: mine.id,
      uid: mine.uid,
      name: 'a-mine',
      status: 'RUNNING',
      image: 'slipway/notebook:1',
      containerId: mine.container.id,
      startedAt: mine.container.startedAt?.toISOString(),
      uncapturedMounts: ['/data', '/home/dana'],
      workspace: { name: 'default' },
      owner: { name: 'dana' },
    };
    expect(notebooks).toEqual({ nodes: [facts], totalCount: 1 });
    expect(notebook).toEqual(facts);
    expect(node).toEqual({ id: mine.id, __typename: 'Notebook' });
  });

  it('are seen by administrators, by owners of their workspace, and by nobody else', async () => {
    expect(await names(admin)).toEqual(['a-mine', 'b-foreign']);
    expect(await names(owner)).toEqual(['a-mine']);
    expect(await names(await slipway.user('other', { workspace: 'DEVELOPER' }))).toEqual([]);
    const hidden = await dana.run<Record<string, unknown>>(
      'query ($id: ID!) { notebook(id: $id) { name } node(id: $id) { id } }',
      { id: foreign.id },
    );
    expect(hidden).toEqual({ notebook: null, node: null });
  });

  it('are narrowed by workspace, and paged by name', async () => {
    const { workspace } = await admin.run<{ workspace: { id: string } }>('{ workspace(name: "lab") { id } }');
    expect(await names(admin, `(workspaceId: "${workspace.id}")`)).toEqual(['b-foreign']);
    expect(await names(admin, `(workspaceId: "${mine.id}")`)).toEqual([]);
    const page = async (after: string | null) => {
      const { notebooks } = await admin.run<{
        notebooks: { nodes: { name: string }[]; pageInfo: { endCursor: string; hasNextPage: boolean } };
      }>(
        'query ($after: String) { notebooks(first: 1, after: $after) { nodes { name } pageInfo { endCursor hasNextPage } } }',
        { after },
      );
      return notebooks;
    };
    const first = await page(null);
    expect(first).toMatchObject({ nodes: [{ name: 'a-mine' }], pageInfo: { hasNextPage: true } });
    const second = await page(first.pageInfo.endCursor);
    expect(second).toMatchObject({ nodes: [{ name: 'b-foreign' }], pageInfo: { hasNextPage: false } });
    expect(await errorCode(admin, '{ notebooks(first: 101) { totalCount } }')).toBe('BAD_USER_INPUT');
  });

  it('are UNAVAILABLE while the engine does not answer; the rest of the API goes on', async () => {
    slipway.engine.setAvailable(false);
    expect(await errorCode(dana, '{ notebooks { totalCount } }')).toBe('UNAVAILABLE');
    expect(
      await errorCode(dana, SAVE, { input: { notebookId: mine.id, namespace: 'default', name: 'x' } }),
    ).toBe('UNAVAILABLE');
    const { images, server } = await dana.run<Record<string, unknown>>(
      '{ images { totalCount } server { engine { available } } }',
    );
    expect(images).toBeDefined();
    expect(server).toEqual({ engine: { available: false } });
  });
});

describe('saving a notebook', () => {
  it('puts an image into the catalogue at once, INIT, and makes it ACTIVE, as ModelArts does', async () => {
    const { image, build, warnings } = await saveNotebook(dana, {
      notebookId: mine.id,
      name: 'pytorch1_4',
      tag: '20221223',
      description: 'save from notebook-x21d',
    });
    const host = slipway.engine.registry.host;
    expect(image).toMatchObject({
      name: 'pytorch1_4',
      namespace: { name: 'default' },
      tag: '20221223',
      description: 'save from notebook-x21d',
      origin: 'IMAGE_SAVE',
      status: 'INIT',
      reference: `${host}/default/pytorch1_4:20221223`,
      type: 'DEDICATED',
      visibility: 'PRIVATE',
      workspace: { name: 'default' },
      digest: null,
      sizeBytes: null,
      sourceNotebookId: mine.id,
      createdBy: { name: 'dana' },
    });
    expect(build).toMatchObject({
      kind: 'NOTEBOOK',
      status: 'QUEUED',
      image: { id: image?.id, status: 'INIT' },
    });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('/data');

    const ended = await finished(dana, build?.id ?? '');
    expect(ended).toMatchObject({
      status: 'SUCCEEDED',
      image: { id: image?.id, status: 'ACTIVE', sizeBytes: 1536 },
    });
    const saved = await find(image?.id);
    expect(saved.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(saved.reference).toBe(`${host}/default/pytorch1_4:20221223@${saved.digest}`);
  });

  it("keeps the base image's environment and nothing of the container's own", async () => {
    const { build } = await saveNotebook(dana, { notebookId: mine.id, name: 'clean', pause: false });
    await finished(dana, build?.id ?? '');
    expect(slipway.engine.commits.at(-1)).toMatchObject({
      containerId: mine.container.id,
      pause: false,
      labels: { 'slipway.build': expect.stringMatching(/:1$/) },
    });
    const log = (await wholeLog(dana, build?.id ?? '')).map(({ text }) => text).join('\n');
    expect(log).toContain('LANG, TOKEN');
    expect(log).not.toContain('secret');
    expect(log).toContain('/home/dana');
  });

  it('is one at a time: SAVING meanwhile, and NOTEBOOK_BUSY for the second, then free again', async () => {
    const hold = gate();
    slipway.engine.onCommit(() => hold.opened);
    const first = await saveNotebook(dana, { notebookId: mine.id, name: 'busy', tag: '1' });
    await until('the commit', async () => (await find(first.image?.id)).status === 'CREATING');
    expect(await statusOf(mine)).toBe('SAVING');
    expect(codes((await deleteImage(dana, { id: first.image?.id })).userErrors)).toEqual(['IN_USE id']);
    const second = await saveNotebook(dana, { notebookId: mine.id, name: 'busy', tag: '2' });
    expect(second.userErrors).toMatchObject([
      { code: 'NOTEBOOK_BUSY', path: ['notebookId'], details: { buildId: first.build?.id } },
    ]);
    hold.open();
    expect((await finished(dana, first.build?.id ?? '')).status).toBe('SUCCEEDED');
    expect(await statusOf(mine)).toBe('RUNNING');
  });

  it('gives one of many that ask at once the notebook, and NOTEBOOK_BUSY to the others', async () => {
    const hold = gate();
    slipway.engine.onCommit(() => hold.opened);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        saveNotebook(dana, { notebookId: mine.id, name: 'raced', tag: `${i}` }),
      ),
    );
    hold.open();
    const won = answers.filter(({ build }) => build !== null);
    expect(won).toHaveLength(1);
    expect(answers.flatMap(({ userErrors }) => codes(userErrors))).toEqual(
      Array.from({ length: 9 }, () => 'NOTEBOOK_BUSY notebookId'),
    );
    await finished(dana, won[0]?.build?.id ?? '');
    // The nine have left no image behind.
    const { images } = await dana.run<{ images: { totalCount: number } }>(
      '{ images(filter: { search: "raced", includeDeleted: true }) { totalCount } }',
    );
    expect(images.totalCount).toBe(1);
  });

  it('leaves CREATE_FAILED with the reason, and the name free again, where the commit fails', async () => {
    slipway.engine.onCommit(async () => {
      throw new EngineError('DISK_FULL', 'no space left on the engine');
    });
    const failing = await saveNotebook(dana, { notebookId: mine.id, name: 'retried' });
    expect(await finished(dana, failing.build?.id ?? '')).toMatchObject({
      status: 'FAILED',
      failure: { reason: 'DISK_FULL', message: 'no space left on the engine' },
      image: { status: 'CREATE_FAILED' },
    });
    expect(await find(failing.image?.id)).toMatchObject({
      status: 'CREATE_FAILED',
      statusMessage: 'no space left on the engine',
    });
    expect(await statusOf(mine)).toBe('RUNNING');
    slipway.engine.onCommit(null);
    const again = await saveNotebook(dana, { notebookId: mine.id, name: 'retried' });
    expect((await finished(dana, again.build?.id ?? '')).status).toBe('SUCCEEDED');
    expect((await deleteImage(dana, { id: failing.image?.id })).image?.status).toBe('DELETED');
  });

  it('leaves CREATE_FAILED where it is cancelled', async () => {
    const hold = gate();
    slipway.engine.onPush(async function* (_, { signal }) {
      await Promise.race([hold.opened, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      signal.throwIfAborted();
      yield { kind: 'progress', pushedBytes: 0, totalBytes: 1 };
    });
    const save = await saveNotebook(dana, { notebookId: mine.id, name: 'given-up' });
    const pushes = slipway.engine.pushes.length;
    await until(
      'the push',
      () =>
        slipway.engine.pushes.length > pushes - 1 &&
        slipway.engine.pushes.at(-1)?.reference.includes('given-up') === true,
    );
    await dana.run('mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { id } } }', {
      id: save.build?.id,
    });
    expect((await finished(dana, save.build?.id ?? '')).status).toBe('CANCELED');
    expect((await find(save.image?.id)).status).toBe('CREATE_FAILED');
  });

  it('replaces the image of that name only once the new one is ACTIVE, where that is asked for', async () => {
    const old = await makeImage(admin, { reference: 'default/replaced:1' });
    const taken = await saveNotebook(dana, { notebookId: mine.id, name: 'replaced', tag: '1' });
    expect(codes(taken.userErrors)).toEqual(['TAG_EXISTS name']);
    const hold = gate();
    slipway.engine.onCommit(() => hold.opened);
    const save = await saveNotebook(dana, {
      notebookId: mine.id,
      name: 'replaced',
      tag: '1',
      overwriteTag: true,
    });
    expect(save.image?.status).toBe('INIT');
    const byName = async () =>
      (
        await dana.run<{ imageByName: { id: string } }>(
          '{ imageByName(namespace: "default", name: "replaced", tag: "1") { id } }',
        )
      ).imageByName.id;
    expect(await byName()).toBe(old.id);
    hold.open();
    await finished(dana, save.build?.id ?? '');
    expect(await byName()).toBe(save.image?.id);
    expect((await find(old.id)).status).toBe('DELETED');
  });

  it('lists what was saved from a notebook, newest first', async () => {
    const { notebook } = await dana.run<{
      notebook: {
        savedImages: { nodes: ImageFacts[]; totalCount: number; pageInfo: { hasNextPage: boolean } };
      };
    }>(
      'query ($id: ID!) { notebook(id: $id) { savedImages(first: 1) { nodes { name } totalCount pageInfo { hasNextPage } } } }',
      { id: mine.id },
    );
    expect(notebook.savedImages.nodes).toEqual([{ name: 'replaced' }]);
    expect(notebook.savedImages.totalCount).toBeGreaterThan(4);
    expect(notebook.savedImages.pageInfo.hasNextPage).toBe(true);
  });

  it('only checks where validateOnly is set', async () => {
    const only = await saveNotebook(dana, { notebookId: mine.id, name: 'unsaved', validateOnly: true });
    expect(only).toMatchObject({
      image: null,
      build: null,
      userErrors: [],
      warnings: [expect.any(String), expect.any(String)],
    });
    expect(await statusOf(mine)).toBe('RUNNING');
  });
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
    ['train-pytorch_1.8.0-cuda_10.2-py_3.7', []],
    ['x'.repeat(64), []],
    ['x'.repeat(65), ['TOO_LONG tag']],
    ['a,b', ['TAG_NOT_OCI tag']],
    ['.a', ['TAG_NOT_OCI tag']],
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
    // S2 allows capitals; the registry's path does not.
    ['aB', ['PATTERN namespace']],
  ])('or taken by its namespace %j: %j', async (namespace, expected) => {
    const input = { notebookId: mine.id, name: 'spaced', namespace, validateOnly: true };
    expect(codes((await saveNotebook(admin, input)).userErrors)).toEqual(expected);
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

  it('while the notebook is stopped', async () => {
    const stopped = addNotebook(slipway.engine, { owner: 'dana', name: 'z-stopped' }, { state: 'stopped' });
    expect(await statusOf(stopped)).toBe('STOPPED');
    const { userErrors } = await saveNotebook(dana, { notebookId: stopped.id, name: 'still' });
    expect(userErrors).toMatchObject([
      { code: 'NOTEBOOK_NOT_RUNNING', path: ['notebookId'], details: { status: 'STOPPED' } },
    ]);
  });
});

describe('a save that was asked for', () => {
  it('fails as NOTEBOOK_GONE where the container goes before its turn', async () => {
    const hold = gate();
    slipway.engine.onCommit(() => hold.opened);
    const busy: SavePayload[] = [];
    for (const name of ['one', 'two']) {
      const notebook = addNotebook(slipway.engine, { owner: 'dana', name });
      busy.push(await saveNotebook(dana, { notebookId: notebook.id, name: `gone-${name}` }));
    }
    await until('both slots to be busy', async () => {
      const states = await Promise.all(busy.map(({ image }) => find(image?.id)));
      return states.every(({ status }) => status === 'CREATING');
    });
    const going = addNotebook(slipway.engine, { owner: 'dana', name: 'going' });
    const save = await saveNotebook(dana, { notebookId: going.id, name: 'gone-three' });
    slipway.engine.removeContainer(going.container.id);
    hold.open();
    expect(await finished(dana, save.build?.id ?? '')).toMatchObject({
      status: 'FAILED',
      failure: { reason: 'NOTEBOOK_GONE' },
      image: { status: 'CREATE_FAILED' },
    });
    for (const { build } of busy) await finished(dana, build?.id ?? '');
  });
});

async function find(id: string | undefined): Promise<ImageFacts> {
  const { image } = await dana.run<{ image: ImageFacts }>(
    'query ($id: ID!) { image(id: $id) { status statusMessage digest reference } }',
    { id },
  );
  return image;
}

async function statusOf(notebook: NotebookFacts): Promise<string> {
  const { notebook: found } = await dana.run<{ notebook: { status: string } }>(
    'query ($id: ID!) { notebook(id: $id) { status } }',
    { id: notebook.id },
  );
  return found.status;
}
