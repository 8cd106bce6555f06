import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { type BuildFacts, finished, wholeLog } from '../support/builds.ts';
import { readImage } from '../support/images.ts';
import { addNotebook, type NotebookFacts, saveNotebook } from '../support/notebooks.ts';

/** What a notebook's base has in the fake engine, and what each has written here. */
const [BASE, WRITTEN] = [2048, 3000];

let slipway: TestApp;
beforeAll(async () => {
  // What the engine could not measure in time is let through, as by a server without limits.
  slipway = await createTestApp({ worker: false });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

let count = 0;
/** Saves a notebook with a worker that has these limits. */
async function save(
  env: Readonly<Record<string, string>>,
): Promise<{ ended: BuildFacts; notebook: NotebookFacts; said: string[] }> {
  count += 1;
  const files = { writtenBytes: WRITTEN, sizeBytes: BASE + WRITTEN };
  const notebook = addNotebook(slipway.engine, { workspace: 'default' }, {}, files);
  const { build } = await saveNotebook(slipway.admin, { notebookId: notebook.id, name: `limited-${count}` });
  const id = build?.id ?? '';
  await using _ = await createTestApp({ database: slipway.database, engine: slipway.engine, env });
  const ended = await finished(slipway.admin, id);
  return { ended, notebook, said: (await wholeLog(slipway.admin, id)).map(({ text }) => text) };
}

describe("the operator's limits on saved notebooks", () => {
  it('hold for what the commit has really made: it fails before the push and leaves nothing behind', async () => {
    const { engine } = slipway;
    const before = { pushes: engine.pushes.length, commits: engine.commits.length };
    const { ended, notebook, said } = await save({ SLIPWAY_MAX_SAVED_BYTES: '5047' });
    expect(ended).toMatchObject({
      status: 'FAILED',
      failure: { reason: 'QUOTA_EXCEEDED' },
      image: { status: 'CREATE_FAILED' },
    });
    expect(ended.failure?.message).toContain(
      'takes 5048 bytes before compression, 2048 of them from the image that the notebook runs, and may take at most 5047',
    );
    expect(said.at(-1)).toBe(`Failed: ${ended.failure?.message}`);
    expect(await readImage(slipway.admin, ended.image?.id ?? '', 'statusMessage')).toEqual({
      statusMessage: ended.failure?.message,
    });
    expect(engine.pushes).toHaveLength(before.pushes);
    expect(engine.commits).toHaveLength(before.commits + 1);
    expect(engine.removed).toHaveLength(1);
    expect((await engine.container(notebook.container.id))?.state).toBe('running');
  });

  it.each([
    ['layers', { SLIPWAY_MAX_SAVED_LAYERS: '2' }, 'would have 3 layers, and may have at most 2'],
    ['bytes', { SLIPWAY_MAX_SAVED_BYTES: '9999' }, 'takes 10000 bytes before compression, 10000 of them'],
  ])('refuse a base with too many %s before the notebook is paused', async (name, env, message) => {
    const commits = slipway.engine.commits.length;
    const imageId = `sha256:${name}`;
    slipway.engine.addImage({ id: imageId, sizeBytes: 10_000, layerCount: 2 });
    const notebook = addNotebook(slipway.engine, { workspace: 'default' }, { imageId });
    const { build } = await saveNotebook(slipway.admin, { notebookId: notebook.id, name });
    await using _ = await createTestApp({ database: slipway.database, engine: slipway.engine, env });
    const { failure } = await finished(slipway.admin, build?.id ?? '');
    expect(failure).toMatchObject({ reason: 'QUOTA_EXCEEDED', message: expect.stringContaining(message) });
    expect(slipway.engine.commits).toHaveLength(commits);
  });

  it('let through what just fits', async () => {
    const { ended } = await save({ SLIPWAY_MAX_SAVED_BYTES: '5048', SLIPWAY_MAX_SAVED_LAYERS: '2' });
    expect(ended).toMatchObject({ status: 'SUCCEEDED', image: { status: 'ACTIVE' } });
  });
});
