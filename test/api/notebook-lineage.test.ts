import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { digestOf } from '../support/fake-engine.ts';
import { deleteImage, type ImageFacts, imageOf, makeImage } from '../support/images.ts';
import { addNotebook, type NotebookFacts, saveNotebook } from '../support/notebooks.ts';
import { gate } from '../support/until.ts';

/**
 * The stage: dana has notebooks that run `default/base:1`, which is in the catalogue, and `secret/hidden:1`, which is there too, in a
 * namespace of others.
 */
let slipway: TestApp;
let admin: ApiClient;
let dana: ApiClient;
let base: ImageFacts;
let hidden: ImageFacts;

beforeAll(async () => {
  slipway = await createTestApp();
  admin = slipway.admin;
  dana = await slipway.user('dana', { namespace: 'DEVELOPER' });
  await admin.run('mutation { createNamespace(input: { name: "secret" }) { namespace { id } } }');
  base = await addImage('default/base');
  hidden = await addImage('secret/hidden');
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
afterEach(() => {
  slipway.engine.onCommit(null);
  vi.restoreAllMocks();
});

/** Puts an image of four layers into registry, engine and catalogue. */
async function addImage(path: string): Promise<ImageFacts> {
  const { engine } = slipway;
  const { host } = engine.registry;
  const digest = digestOf(path);
  engine.registry.put(path, '1', {
    digest,
    sizeBytes: 7,
    layers: [],
    architecture: 'amd64',
    configDigest: digestOf(`${path} config`),
  });
  engine.addImage({ id: path, layerCount: 4, references: [`${host}/${path}@${digest}`] });
  return await makeImage(admin, { reference: `${host}/${path}:1`, verify: true });
}

const FILES = { writtenBytes: 512, sizeBytes: 4096 };

function runImage(imageId: string, name = 'mine'): NotebookFacts {
  const image = `${slipway.engine.registry.host}/${imageId}:1`;
  return addNotebook(slipway.engine, { owner: 'dana', name }, { image, imageId }, FILES);
}

async function notebookOf(
  client: ApiClient,
  { id }: NotebookFacts,
  fields: string,
): Promise<Record<string, unknown>> {
  const { notebook } = await client.run<{ notebook: Record<string, unknown> }>(
    `query ($id: ID!) { notebook(id: $id) { ${fields} } }`,
    { id },
  );
  return notebook;
}

const BUILD_NOTEBOOK = `notebook {
  id uid name image containerId pause pausedSince pausedMs sourceImage { id }
}`;

interface BuildNotebook {
  readonly pausedSince: string | null;
  readonly pausedMs: number | null;
}

/** Saves a notebook and gives the image that came of it. */
async function save(notebook: NotebookFacts, name: string, rest: Record<string, unknown> = {}, by = dana) {
  const { build, userErrors } = await saveNotebook(by, { notebookId: notebook.id, name, ...rest });
  expect(userErrors).toEqual([]);
  const { image } = await finished(dana, build?.id ?? '');
  return { buildId: build?.id ?? '', imageId: image?.id ?? '', digest: image?.digest ?? '' };
}

describe('a notebook', () => {
  it('shows the image that it runs in the catalogue, by its digest, to who may see that image', async () => {
    const shown = runImage('default/base');
    const covered = runImage('secret/hidden');
    const unknown = addNotebook(slipway.engine, { owner: 'dana' });
    const seen = async (client: ApiClient) =>
      await Promise.all(
        [shown, covered, unknown].map(
          async (one) => (await notebookOf(client, one, 'sourceImage { id }'))['sourceImage'],
        ),
      );
    expect(await seen(dana)).toEqual([{ id: base.id }, null, null]);
    expect(await seen(admin)).toEqual([{ id: base.id }, { id: hidden.id }, null]);
  });

  it('has the layers of that image, as long as the engine has it', async () => {
    slipway.engine.addImage({ id: 'passing', layerCount: 9 });
    const notebook = runImage('passing');
    expect(await notebookOf(dana, notebook, 'layerCount')).toEqual({ layerCount: 9 });
    await slipway.engine.removeImage('passing');
    expect(await notebookOf(admin, notebook, 'layerCount')).toEqual({ layerCount: null });
  });

  it('has the engine count bytes only where they are asked for, and once for both numbers', async () => {
    const footprint = vi.spyOn(slipway.engine, 'footprint');
    const notebook = runImage('default/base');
    await notebookOf(dana, notebook, 'name layerCount status sourceImage { id }');
    expect(footprint).not.toHaveBeenCalled();
    expect(await notebookOf(dana, notebook, 'writtenBytes sizeBytes')).toEqual(FILES);
    expect(footprint).toHaveBeenCalledTimes(1);
  });

  it('is PAUSED where somebody paused it', async () => {
    const notebook = runImage('default/base');
    slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
    expect(await notebookOf(dana, notebook, 'status')).toEqual({ status: 'PAUSED' });
  });
});

describe('a save', () => {
  it('knows its notebook, and tells a subscriber how long that stood still', async () => {
    const notebook = runImage('default/base', 'watched');
    const hold = gate();
    slipway.engine.onCommit(() => hold.opened);
    const { build } = await saveNotebook(dana, { notebookId: notebook.id, name: 'watched' });
    const stream = dana.subscribe<{ imageBuildStatus: { build: { notebook: BuildNotebook } } }>(
      `subscription ($id: ID!) { imageBuildStatus(buildId: $id) { build { ${BUILD_NOTEBOOK} } } }`,
      { id: build?.id },
    );
    const seen: BuildNotebook[] = [];
    for await (const { imageBuildStatus } of stream) {
      seen.push(imageBuildStatus.build.notebook);
      if (imageBuildStatus.build.notebook.pausedSince === null) continue;
      expect(await notebookOf(dana, notebook, 'status')).toEqual({ status: 'SAVING' });
      hold.open();
    }
    const facts = {
      id: notebook.id,
      uid: notebook.uid,
      name: 'watched',
      image: `${slipway.engine.registry.host}/default/base:1`,
      containerId: notebook.container.id,
      pause: true,
      sourceImage: { id: base.id },
    };
    for (const one of seen) expect(one).toMatchObject(facts);
    const held = seen.filter(({ pausedSince }) => pausedSince !== null);
    expect(held.length).toBeGreaterThan(0);
    for (const { pausedMs } of held) expect(pausedMs).toBeNull();
    expect(seen.at(-1)).toEqual({ ...facts, pausedSince: null, pausedMs: expect.any(Number) });
    const { imageBuild } = await dana.run<{ imageBuild: unknown }>(
      `query ($id: ID!) { imageBuild(id: $id) { ${BUILD_NOTEBOOK} } }`,
      { id: build?.id },
    );
    expect(imageBuild).toEqual({ notebook: seen.at(-1) });
    expect(await notebookOf(dana, notebook, 'status')).toEqual({ status: 'RUNNING' });
  });

  it('that is not to pause its notebook holds it at no time', async () => {
    const notebook = runImage('default/base');
    const { buildId } = await save(notebook, 'unpaused', { pause: false });
    const { imageBuild } = await dana.run<{ imageBuild: { notebook: BuildNotebook } }>(
      `query ($id: ID!) { imageBuild(id: $id) { ${BUILD_NOTEBOOK} } }`,
      { id: buildId },
    );
    expect(imageBuild.notebook).toMatchObject({ pause: false, pausedSince: null, pausedMs: null });
  });

  it('makes an image that knows where it comes from, through a chain of saves', async () => {
    const first = await save(runImage('default/base'), 'first');
    const { host } = slipway.engine.registry;
    slipway.engine.addImage({ id: 'first', references: [`${host}/default/first@${first.digest}`] });
    const second = await save(runImage('first'), 'second');
    const { image } = await dana.run<{ image: unknown }>(
      `query ($id: ID!) { image(id: $id) {
        name sourceImage { id name sourceImage { id sourceImage { id } } }
      } }`,
      { id: second.imageId },
    );
    expect(image).toEqual({
      name: 'second',
      sourceImage: { id: first.imageId, name: 'first', sourceImage: { id: base.id, sourceImage: null } },
    });
  });

  it('hides the image that its notebook runs from who may not see that image', async () => {
    const { buildId, imageId } = await save(runImage('secret/hidden'), 'covered', {}, admin);
    const lineage = async (client: ApiClient) =>
      await client.run(
        `query ($build: ID!, $image: ID!) {
          image(id: $image) { sourceImage { id } } imageBuild(id: $build) { notebook { sourceImage { id } } }
        }`,
        { build: buildId, image: imageId },
      );
    expect(await lineage(dana)).toEqual({
      image: { sourceImage: null },
      imageBuild: { notebook: { sourceImage: null } },
    });
    expect(await lineage(admin)).toEqual({
      image: { sourceImage: { id: hidden.id } },
      imageBuild: { notebook: { sourceImage: { id: hidden.id } } },
    });
  });

  it('keeps the lineage when the image that its notebook runs is deleted', async () => {
    const passing = await addImage('default/passing');
    const { imageId } = await save(runImage('default/passing'), 'kept');
    imageOf(await deleteImage(admin, { id: passing.id }));
    const { image } = await dana.run<{ image: unknown }>(
      'query ($id: ID!) { image(id: $id) { sourceImage { id status } } }',
      { id: imageId },
    );
    expect(image).toEqual({ sourceImage: { id: passing.id, status: 'DELETED' } });
  });

  it('says before it how large the image would be', async () => {
    const ask = async (input: Record<string, unknown>) => {
      const { saveImageFromNotebook } = await dana.run<{ saveImageFromNotebook: unknown }>(
        `mutation ($input: SaveImageFromNotebookInput!) {
          saveImageFromNotebook(input: $input) { estimate { sizeBytes writtenBytes layerCount } }
        }`,
        { input: { namespace: 'default', name: 'estimated', validateOnly: true, ...input } },
      );
      return saveImageFromNotebook;
    };
    const notebookId = runImage('default/base').id;
    expect(await ask({ notebookId })).toEqual({ estimate: { ...FILES, layerCount: 5 } });
    expect(await ask({ notebookId, tag: 'a,b' })).toEqual({ estimate: null });
  });
});

describe('a build from a Dockerfile', () => {
  it('has no notebook', async () => {
    const { id } = await startBuild(dana, { dockerfile: 'FROM scratch' });
    const { imageBuild } = await dana.run<{ imageBuild: unknown }>(
      'query ($id: ID!) { imageBuild(id: $id) { notebook { id } } }',
      { id },
    );
    expect(imageBuild).toEqual({ notebook: null });
  });
});

describe('a list of notebooks', () => {
  it('costs as many statements for twenty as for two, with the images that they run', async () => {
    const lin = await slipway.user('lin', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
    const images = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => await addImage(`default/listed-${index}`)),
    );
    for (const [index, { name }] of images.entries()) {
      addNotebook(slipway.engine, { owner: 'lin', name: `n${index}` }, { imageId: `default/${name}` });
    }
    const list = async (first: number) => {
      const { notebooks } = await lin.run<{ notebooks: { nodes: { sourceImage: unknown }[] } }>(
        'query ($first: Int!) { notebooks(first: $first) { nodes { status sourceImage { id sourceImage { id } } savedImages { totalCount } } } }',
        { first },
      );
      expect(notebooks.nodes).toHaveLength(first);
      for (const { sourceImage } of notebooks.nodes) expect(sourceImage).not.toBeNull();
    };
    await list(20);
    const few = await slipway.countStatements(() => list(2));
    expect(await slipway.countStatements(() => list(20))).toBe(few);
  });
});
