import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, type UserErrorFacts, wholeLog } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { codes, deleteImage, type ImageFacts, makeImage } from '../support/images.ts';
import {
  addDanasNotebook,
  addNotebook,
  type NotebookFacts,
  type SavePayload,
  saveNotebook,
  statusOf,
} from '../support/notebooks.ts';
import { gate, until } from '../support/until.ts';

let slipway: TestApp;
let admin: ApiClient;
let dana: ApiClient;
let mine: NotebookFacts;

beforeAll(async () => {
  slipway = await createTestApp();
  admin = slipway.admin;
  dana = await slipway.user('dana', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
  mine = addDanasNotebook(slipway.engine);
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
afterEach(() => {
  slipway.engine.onCommit(null);
  slipway.engine.onPush(null);
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
    expect(warnings).toEqual([
      expect.stringContaining('/data is a volume'),
      expect.stringContaining('/home/dana is a volume'),
      expect.stringContaining('memory'),
    ]);

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
    expect(await statusOf(dana, mine)).toBe('SAVING');
    expect(codes((await deleteImage(dana, { id: first.image?.id })).userErrors)).toEqual(['IN_USE id']);
    const second = await saveNotebook(dana, { notebookId: mine.id, name: 'busy', tag: '2' });
    expect(second.userErrors).toMatchObject([
      { code: 'NOTEBOOK_BUSY', path: ['notebookId'], details: { buildId: first.build?.id } },
    ]);
    hold.open();
    expect((await finished(dana, first.build?.id ?? '')).status).toBe('SUCCEEDED');
    expect(await statusOf(dana, mine)).toBe('RUNNING');
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

  it('gives one of several notebooks a name that is asked for at once, and TAG_EXISTS with that name to the others', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, async (_, i) => {
        const { id } = addNotebook(slipway.engine, { owner: 'dana', name: `rival-${i}` });
        return await saveNotebook(dana, { notebookId: id, name: 'rivals', tag: '1' });
      }),
    );
    const refused = answers.filter(({ build }) => build === null);
    expect(refused).toHaveLength(4);
    for (const { userErrors } of refused) {
      expect(userErrors).toMatchObject([
        { code: 'TAG_EXISTS', path: ['name'], details: { name: 'rivals', tag: '1' } },
      ]);
    }
    const won = answers.find(({ build }) => build !== null);
    await finished(dana, won?.build?.id ?? '');
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
    expect(await statusOf(dana, mine)).toBe('RUNNING');
    slipway.engine.onCommit(null);
    const again = await saveNotebook(dana, { notebookId: mine.id, name: 'retried' });
    expect((await finished(dana, again.build?.id ?? '')).status).toBe('SUCCEEDED');
    expect((await deleteImage(dana, { id: failing.image?.id })).image?.status).toBe('DELETED');
  });

  it('names the files with credentials in the log, for those who did not wait for the warnings', async () => {
    const notebook = addNotebook(
      slipway.engine,
      { owner: 'dana', name: 'careless' },
      { mounts: ['/mnt'] },
      { changedPaths: ['/root/.netrc', '/root/work.ipynb'], writtenBytes: 1 },
    );
    const { build } = await saveNotebook(dana, { notebookId: notebook.id, name: 'careless' });
    await finished(dana, build?.id ?? '');
    const log = (await wholeLog(dana, build?.id ?? '')).map(({ text }) => text);
    expect(log).toContainEqual(expect.stringMatching(/^Warning: .*credentials.*: \/root\/\.netrc\.$/));
    expect(log.join()).not.toContain('work.ipynb');
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

describe('a save with a client token', () => {
  it('is done once, and brings its build back whatever the notebook does by then', async () => {
    const notebook = addNotebook(slipway.engine, { owner: 'dana', name: 'tokened' });
    const input = { notebookId: notebook.id, name: 'tokened', clientToken: 'save-tokened' };
    const first = await saveNotebook(dana, input);
    expect(first).toMatchObject({ reused: false, estimate: { layerCount: 2 } });
    slipway.engine.changeContainer(notebook.container.id, { state: 'stopped' });
    const again = await saveNotebook(dana, input);
    expect(again).toMatchObject({ reused: true, estimate: null, warnings: [], userErrors: [] });
    expect(again.build?.id).toBe(first.build?.id);
    const other = await saveNotebook(dana, { ...input, pause: false });
    expect(codes(other.userErrors)).toEqual(['IDEMPOTENCY_CONFLICT clientToken']);
    await finished(dana, first.build?.id ?? '');
  });
});

describe('a save that failed', () => {
  const RETRY = `mutation ($input: RetryImageBuildInput!) {
    retryImageBuild(input: $input) {
      build { id notebook { containerId } } warnings userErrors { code path details }
    }
  }`;
  interface Retry {
    readonly build: { readonly id: string; readonly notebook: { readonly containerId: string } } | null;
    readonly warnings: readonly string[];
    readonly userErrors: readonly UserErrorFacts[];
  }
  const retry = async (id: string) =>
    (await dana.run<{ retryImageBuild: Retry }>(RETRY, { input: { id } })).retryImageBuild;

  async function failedSave(notebook: NotebookFacts, name: string): Promise<string> {
    slipway.engine.onCommit(async () => {
      throw new EngineError('DISK_FULL', 'no space left on the engine');
    });
    const { build } = await saveNotebook(dana, { notebookId: notebook.id, name });
    expect((await finished(dana, build?.id ?? '')).status).toBe('FAILED');
    slipway.engine.onCommit(null);
    return build?.id ?? '';
  }

  it('is tried once more while the notebook runs', async () => {
    const notebook = addNotebook(slipway.engine, { owner: 'dana', name: 'retried' });
    const id = await failedSave(notebook, 'tried-again');
    slipway.engine.changeContainer(notebook.container.id, { state: 'stopped' });
    expect((await retry(id)).userErrors).toMatchObject([
      { code: 'NOTEBOOK_NOT_RUNNING', path: ['id'], details: { status: 'STOPPED' } },
    ]);
    slipway.engine.changeContainer(notebook.container.id, { state: 'running' });
    const { build, warnings } = await retry(id);
    expect(build?.notebook.containerId).toBe(notebook.container.id);
    expect(warnings).toEqual([expect.stringContaining('memory')]);
    expect((await finished(dana, build?.id ?? '')).status).toBe('SUCCEEDED');
  });

  it('saves what its notebook is now, where that was started anew, and says so', async () => {
    const before = addNotebook(slipway.engine, { owner: 'dana', name: 'anew' });
    const id = await failedSave(before, 'started-anew');
    slipway.engine.removeContainer(before.container.id);
    expect(codes((await retry(id)).userErrors)).toEqual(['NOT_FOUND id']);
    const after = addNotebook(slipway.engine, { owner: 'dana', name: 'anew', uid: before.uid });
    const { build, warnings } = await retry(id);
    expect(build?.notebook.containerId).toBe(after.container.id);
    expect(warnings[0]).toContain('started anew');
    await finished(dana, build?.id ?? '');
    expect(slipway.engine.commits.at(-1)?.containerId).toBe(after.container.id);
  });
});

async function find(id: string | undefined): Promise<ImageFacts> {
  const { image } = await dana.run<{ image: ImageFacts }>(
    'query ($id: ID!) { image(id: $id) { status statusMessage digest reference } }',
    { id },
  );
  return image;
}
