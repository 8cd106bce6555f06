import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { type BuildFacts, finished, requestBuild, type UserErrorFacts } from '../support/builds.ts';
import { codes, makeImage, readImage } from '../support/images.ts';
import { addNotebook, saveNotebook } from '../support/notebooks.ts';

let slipway: TestApp;
beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
afterEach(() => slipway.engine.onPush(null));

interface Wish {
  readonly name: string;
  readonly overwriteTag: boolean;
}
interface Asked {
  readonly build: BuildFacts | null;
  readonly userErrors: readonly UserErrorFacts[];
}
const WAYS: readonly [string, string, (wish: Wish) => Promise<Asked>][] = [
  [
    'a build',
    'image.name',
    async (wish) => await requestBuild(slipway.admin, { dockerfile: 'FROM scratch', tag: '1', ...wish }),
  ],
  [
    'a save',
    'name',
    async (wish) => {
      const notebook = addNotebook(slipway.engine, { workspace: 'default' });
      return await saveNotebook(slipway.admin, { notebookId: notebook.id, tag: '1', ...wish });
    },
  ],
];

let count = 0;
const newName = () => {
  count += 1;
  return `platform-${count}`;
};

async function register(name: string): Promise<string> {
  const reference = `docker.io/platform/${name}:1`;
  return (await makeImage(slipway.admin, { reference, namespace: 'default', name, tag: '1' })).id;
}
/** Makes the image of this name one of the platform's own. */
async function makeBuiltIn(name: string): Promise<void> {
  await slipway.database.query("update image set type = 'BUILD_IN' where name = $1 and status = 'ACTIVE'", [
    name,
  ]);
}
const work = async () => await createTestApp({ database: slipway.database, engine: slipway.engine });
const stateOf = async (id: string) => await readImage(slipway.admin, id, 'status type');
const UNTOUCHED = { status: 'ACTIVE', type: 'BUILD_IN' };
const REFUSED = {
  status: 'FAILED',
  failure: { reason: 'NAME_TAKEN', message: expect.stringContaining('built-in') },
};

describe.each(WAYS)("a built-in image's name is not for %s", (_, path, ask) => {
  it.each([false, true])('of anybody, with overwriteTag: %s', async (overwriteTag) => {
    const name = newName();
    await register(name);
    await makeBuiltIn(name);
    const { build, userErrors } = await ask({ name, overwriteTag });
    expect(build).toBeNull();
    expect(codes(userErrors)).toEqual([`BUILT_IN ${path}`]);
    expect(userErrors).toMatchObject([{ details: { name, tag: '1' } }]);
  });

  it('that was asked for before it was built in: nothing is pushed', async () => {
    const name = newName();
    const id = await register(name);
    const { build } = await ask({ name, overwriteTag: true });
    await makeBuiltIn(name);
    const pushes = slipway.engine.pushes.length;
    await using _ = await work();
    expect(await finished(slipway.admin, build?.id ?? '')).toMatchObject(REFUSED);
    expect(slipway.engine.pushes).toHaveLength(pushes);
    expect(await stateOf(id)).toEqual(UNTOUCHED);
  });

  it('also where it is built in while the new image is pushed', async () => {
    const name = newName();
    const id = await register(name);
    const { build } = await ask({ name, overwriteTag: true });
    slipway.engine.onPush(async function* ({ imageId }) {
      await makeBuiltIn(name);
      const digest = `sha256:${'a'.repeat(64)}`;
      const facts = { sizeBytes: 10, layers: [], architecture: 'amd64', configDigest: imageId };
      slipway.engine.registry.put(`default/${name}`, '1', { ...facts, digest });
      yield { kind: 'result', digest };
    });
    await using _ = await work();
    expect(await finished(slipway.admin, build?.id ?? '')).toMatchObject(REFUSED);
    expect(await stateOf(id)).toEqual(UNTOUCHED);
  });
});

it('a build that did not ask for the name of an image hears that it is a built-in one', async () => {
  const name = newName();
  const { build } = await requestBuild(slipway.admin, { dockerfile: 'FROM scratch', name, tag: '1' });
  const id = await register(name);
  await makeBuiltIn(name);
  await using _ = await work();
  expect(await finished(slipway.admin, build?.id ?? '')).toMatchObject(REFUSED);
  expect(await stateOf(id)).toEqual(UNTOUCHED);
});
