import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { BuildStore } from '../../src/build/build.store.ts';
import { claimBuild } from '../../src/build/run/build-settle.ts';
import { HeldNotebooks } from '../../src/build/run/held-notebooks.ts';
import {
  type CommitEvent,
  EngineError,
  type EngineFailureReason,
} from '../../src/engine/container-engine.ts';
import { tryReadGlobalId } from '../../src/shared/global-id.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { type BuildFacts, beginOf, finished, followStatus, logEvents, wholeLog } from '../support/builds.ts';
import { addNotebook, type NotebookFacts, saveNotebook } from '../support/notebooks.ts';
import { gate, until } from '../support/until.ts';

const DAY_MS = 86_400_000;
/** What a notebook may be held without anybody having a look; see HELD_WAIT_MS. */
const WAITED_MS = 61_000;

let slipway: TestApp;
/** A second process, so to say: one that has stopped working takes no builds any more. */
let worker: TestApp | null = null;
beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
afterEach(async () => {
  await stopWorking();
  slipway.engine.onCommit(null);
  slipway.engine.onPush(null);
});

const work = async () => {
  worker = await createTestApp({ database: slipway.database, engine: slipway.engine });
};
const stopWorking = async () => {
  await worker?.[Symbol.asyncDispose]();
  worker = null;
};
const uidOf = ({ id }: { id: string }) => tryReadGlobalId(id)?.uid ?? '';

let tag = 0;
/** Asks for a new notebook to be saved; nobody takes the build before a test lets a worker. */
async function save(
  input: Record<string, unknown> = {},
): Promise<{ notebook: NotebookFacts; build: BuildFacts }> {
  tag += 1;
  const notebook = addNotebook(slipway.engine, { name: `notebook-${tag}`, workspace: 'default' });
  const { build, userErrors } = await saveNotebook(slipway.admin, {
    notebookId: notebook.id,
    name: 'paused',
    tag: `${tag}`,
    ...input,
  });
  if (build === null) throw new Error(JSON.stringify(userErrors));
  return { notebook, build };
}

const stateOf = async ({ container }: NotebookFacts) =>
  (await slipway.engine.container(container.id))?.state ?? 'gone';

interface Pause {
  readonly pausedSince: string | null;
  readonly pausedMs: number | null;
}
async function pauseOf(build: { id: string }): Promise<Pause> {
  const { imageBuild } = await slipway.admin.run<{ imageBuild: { notebook: Pause } }>(
    'query ($id: ID!) { imageBuild(id: $id) { notebook { pausedSince pausedMs } } }',
    { id: build.id },
  );
  return imageBuild.notebook;
}

const logOf = async (build: { id: string }) =>
  (await wholeLog(slipway.admin, build.id)).map(({ text }) => text);

async function logged(build: { id: string }, part: string): Promise<void> {
  for await (const event of logEvents(slipway.admin, build.id)) {
    if (event.__typename !== 'ImageBuildLogLines') continue;
    if (event.lines.some(({ text }) => text.includes(part))) return;
  }
  throw new Error(`the log ended without "${part}"`);
}

/** A commit that stays in its pause until the test lets it go on, or the build is given up. */
async function pausedSave(input: Record<string, unknown> = {}) {
  const going = gate();
  slipway.engine.onCommit(() => going.opened);
  const saved = await save(input);
  await work();
  await until('the pause', async () => (await stateOf(saved.notebook)) === 'paused');
  return { ...saved, goOn: going.open };
}

/** A worker took the build, asked the engine for the commit `agoMs` ago, and has not been heard of since. */
async function lostWhileHeld(build: { id: string }, agoMs = 2000): Promise<void> {
  const store = new BuildStore(slipway.app.orm.em, slipway.app.events);
  await claimBuild(store, uidOf(build), DAY_MS);
  await store.change({ buildId: uidOf(build) }, (row) => {
    row.notebookHeldSince = new Date(Date.now() - agoMs);
  });
}

const NOT_HELD = { pausedSince: null, pausedMs: null };
const HELD_BEFORE = { pausedSince: null, pausedMs: expect.any(Number) };

describe('a notebook that is being saved', () => {
  it('is saved anew where it goes on before its files are copied, and what was saved before is taken away', async () => {
    slipway.engine.disturbCommits(1);
    const { build } = await save();
    const [commits, removed] = [slipway.engine.commits.length, slipway.engine.removed.length];
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
    expect(slipway.engine.commits).toHaveLength(commits + 2);
    expect(slipway.engine.removed.length).toBeGreaterThan(removed);
    expect(await logOf(build)).toContainEqual(expect.stringContaining('Saving it anew.'));
    expect(await pauseOf(build)).toEqual(HELD_BEFORE);
  });

  it('is saved with a warning where it goes on too early each time', async () => {
    slipway.engine.disturbCommits(3);
    const { build } = await save();
    const commits = slipway.engine.commits.length;
    await work();
    expect((await finished(slipway.admin, build.id)).status).toBe('SUCCEEDED');
    expect(slipway.engine.commits).toHaveLength(commits + 3);
    expect(await logOf(build)).toContainEqual(expect.stringMatching(/^Warning: .*by halves/));
  });

  it('stands still only while its files are copied, and the build says since when and for how long', async () => {
    const { build, notebook, goOn } = await pausedSave();
    const seenAt = Date.now();
    const following = followStatus(slipway.admin, build.id);
    await until('the build to say so', async () => (await pauseOf(build)).pausedSince !== null);
    expect((await pauseOf(build)).pausedMs).toBeNull();
    const pushing = gate();
    let stateWhilePushed = '';
    slipway.engine.onPush(async function* () {
      stateWhilePushed = await stateOf(notebook);
      yield { kind: 'progress', pushedBytes: 1, totalBytes: 2 };
      await pushing.opened;
    });
    const openedAt = Date.now();
    goOn();
    await until('the push', () => stateWhilePushed !== '');
    expect(stateWhilePushed).toBe('running');
    pushing.open();
    const phases = (await following).map(({ build: { phase } }) => phase);
    expect(phases).toEqual(expect.arrayContaining(['COMMITTING', 'EXPORTING', 'PUSHING']));
    const after = await pauseOf(build);
    expect(after.pausedSince).toBeNull();
    expect(after.pausedMs).toBeGreaterThanOrEqual(openedAt - seenAt);
    const said = await logOf(build);
    const paused = said.indexOf('Paused.');
    expect(paused).toBeGreaterThan(0);
    expect(said[paused + 1]).toMatch(/^The notebook runs again; it was paused for \d+\.\d s\.$/);
    expect(said[paused + 2]).toMatch(/^Saved: the new layer has 0 bytes\.$/);
  });

  it('is told before its pause what goes into the image and what does not, and no value of a secret', async () => {
    slipway.engine.addImage({
      id: 'sha256:told',
      env: { PATH: '/bin', LANG: 'C' },
      labels: { 'slipway.build': 'an older one', maintainer: 'somebody' },
      layerCount: 12,
      sizeBytes: 3_400_000_000,
    });
    const notebook = addNotebook(
      slipway.engine,
      { name: 'told', workspace: 'default' },
      {
        image: 'lab/notebook:1',
        imageId: 'sha256:told',
        env: { PATH: '/bin', LANG: 'zh', JUPYTER_TOKEN: 'hidden' },
        mounts: ['/data'],
      },
    );
    const { build } = await saveNotebook(slipway.admin, { notebookId: notebook.id, name: 'told' });
    await work();
    await finished(slipway.admin, build?.id ?? '');
    const said = await logOf({ id: build?.id ?? '' });
    expect(said.slice(0, said.indexOf('Paused.'))).toEqual([
      beginOf(1),
      'The notebook runs lab/notebook:1: 12 layers, 3400000000 bytes (3400.0 MB). What it has written comes on top as one more layer; the command stays that of the image.',
      'Left out of the environment: JUPYTER_TOKEN, LANG. As the image has them instead: LANG.',
      'Not captured: /data.',
      'Saving it; it stands still while its files are copied.',
    ]);
    expect(said.join('\n')).not.toContain('hidden');
    const omitted = slipway.engine.commits.at(-1)?.omitLabels;
    expect(omitted).toEqual(expect.arrayContaining(['slipway.notebook', 'slipway.owner', 'slipway.build']));
    expect(omitted).not.toContain('maintainer');
  });

  it('is never held where it was not to be paused', async () => {
    const { build, notebook } = await save({ pause: false });
    const held: unknown[] = [];
    slipway.engine.onCommit(async () => void held.push(await stateOf(notebook), await pauseOf(build)));
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'SUCCEEDED' });
    expect(held).toEqual(['running', NOT_HELD]);
    expect(await pauseOf(build)).toEqual(NOT_HELD);
    expect((await logOf(build)).join('\n')).toContain('by halves');
  });

  it('is not held any more where the engine failed before it paused it', async () => {
    vi.spyOn(slipway.engine, 'commit').mockImplementation(() => failing([]));
    const { build } = await save();
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      status: 'FAILED',
      failure: { reason: 'DISK_FULL' },
      image: { status: 'CREATE_FAILED' },
    });
    expect(await pauseOf(build)).toEqual(NOT_HELD);
  });

  it('goes on where the engine failed during the pause, and the build says for how long it stood still', async () => {
    slipway.engine.onCommit(async () => {
      throw new EngineError('DISK_FULL', 'The engine has no space left.');
    });
    const { build, notebook } = await save();
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      status: 'FAILED',
      failure: { reason: 'DISK_FULL' },
      image: { status: 'CREATE_FAILED' },
    });
    expect(await stateOf(notebook)).toBe('running');
    expect(await pauseOf(build)).toEqual(HELD_BEFORE);
  });

  it('goes on at once when the build is cancelled', async () => {
    const { build, notebook } = await pausedSave();
    await slipway.admin.run(
      'mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { status } } }',
      { id: build.id },
    );
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      status: 'CANCELED',
      image: { status: 'CREATE_FAILED' },
    });
    expect(await stateOf(notebook)).toBe('running');
    expect(await pauseOf(build)).toEqual(HELD_BEFORE);
    expect((await logOf(build)).slice(-2)).toEqual([
      expect.stringMatching(/^The notebook runs again/),
      'Canceled.',
    ]);
  });

  it('goes on when the build takes longer than it may', async () => {
    slipway.engine.onCommit(() => gate().opened);
    const { build, notebook } = await save();
    await slipway.database.query('update image_build set timeout_ms = 300 where id = $1', [uidOf(build)]);
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      status: 'TIMED_OUT',
      image: { status: 'CREATE_FAILED' },
    });
    expect(await stateOf(notebook)).toBe('running');
    expect(await pauseOf(build)).toEqual(HELD_BEFORE);
  });

  it('goes on when its worker stops, and is saved by the next one; both pauses count', async () => {
    const { build, notebook } = await pausedSave();
    await stopWorking();
    expect(await stateOf(notebook)).toBe('running');
    const first = await pauseOf(build);
    expect(first).toEqual(HELD_BEFORE);
    // At least a second, the drain time.
    expect(first.pausedMs).toBeGreaterThan(900);
    slipway.engine.onCommit(null);
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      status: 'SUCCEEDED',
      attempt: 2,
      image: { status: 'ACTIVE' },
    });
    expect((await pauseOf(build)).pausedMs).toBeGreaterThanOrEqual(first.pausedMs ?? Number.NaN);
  });

  it('is never resumed where somebody else paused it', async () => {
    const { build, notebook } = await save();
    slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
    await work();
    const ended = await finished(slipway.admin, build.id);
    expect(ended).toMatchObject({ status: 'FAILED', failure: { reason: 'NOTEBOOK_NOT_RUNNING' } });
    expect(ended.failure?.message).toContain('resume it and save again');
    expect(await stateOf(notebook)).toBe('paused');
    expect(await pauseOf(build)).toEqual(NOT_HELD);
  });

  it('is not held where somebody else paused it just before the engine was asked', async () => {
    const { build, notebook } = await save();
    vi.spyOn(slipway.engine, 'commit').mockImplementation(() => {
      slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
      return failing([], 'NOTEBOOK_NOT_RUNNING');
    });
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      failure: { reason: 'NOTEBOOK_NOT_RUNNING' },
    });
    expect(await pauseOf(build)).toEqual(NOT_HELD);
    expect(await stateOf(notebook)).toBe('paused');
  });

  it('can be saved again after a push that failed', async () => {
    slipway.engine.onPush(async function* () {
      yield { kind: 'progress', pushedBytes: 1, totalBytes: 2 };
      throw new EngineError('PUSH_DENIED', 'The registry refused the push.');
    });
    const { build, notebook } = await save();
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      status: 'FAILED',
      image: { status: 'CREATE_FAILED' },
    });
    expect(await stateOf(notebook)).toBe('running');
    slipway.engine.onPush(null);
    const { retryImageBuild } = await slipway.admin.run<{ retryImageBuild: { build: BuildFacts } }>(
      `mutation ($id: ID!) { retryImageBuild(input: { id: $id }) { build { id } } }`,
      { id: build.id },
    );
    expect(await finished(slipway.admin, retryImageBuild.build.id)).toMatchObject({
      status: 'SUCCEEDED',
      image: { status: 'ACTIVE' },
    });
    // Its own pause alone, not that of the one it tries again.
    expect(await pauseOf(retryImageBuild.build)).toEqual(HELD_BEFORE);
  });
});

describe('a notebook whose worker was lost while it was held', () => {
  it('is saved by the next attempt where it runs, and counts as paused until then', async () => {
    const { build } = await save();
    await lostWhileHeld(build, 2000);
    expect((await pauseOf(build)).pausedSince).not.toBeNull();
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    const { pausedSince, pausedMs } = await pauseOf(build);
    expect(pausedSince).toBeNull();
    expect(pausedMs).toBeGreaterThanOrEqual(2000);
  });

  it('is told to run in the last version of a build that was cancelled meanwhile', async () => {
    const { build } = await save();
    await lostWhileHeld(build, 2000);
    await slipway.admin.run('mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { id } } }', {
      id: build.id,
    });
    await work();
    expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'CANCELED', attempt: 1 });
    const [last] = await slipway.database.query<{
      state: { status: string; notebookHeldSince: string | null };
    }>('select state from image_build_event where build_id = $1 order by version desc limit 1', [
      uidOf(build),
    ]);
    expect(last?.state).toMatchObject({ status: 'CANCELED', notebookHeldSince: null });
    expect((await pauseOf(build)).pausedMs).toBeGreaterThanOrEqual(2000);
    expect((await logOf(build)).at(-1)).toBe('Canceled.');
  });

  it('is waited for by the next attempt where it still stands still', async () => {
    const { build, notebook } = await save();
    await lostWhileHeld(build);
    slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
    await work();
    await logged(build, 'still stands still');
    expect(slipway.engine.commits.map(({ containerId }) => containerId)).not.toContain(notebook.container.id);
    // The engine is done with the lost attempt's commit.
    slipway.engine.changeContainer(notebook.container.id, { state: 'running' });
    expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    expect(await pauseOf(build)).toEqual(HELD_BEFORE);
  });

  it('goes on at once when the build is cancelled while the next attempt waits for it', async () => {
    const { build, notebook } = await save();
    await lostWhileHeld(build);
    slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
    await work();
    await logged(build, 'still stands still');
    await slipway.admin.run('mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { id } } }', {
      id: build.id,
    });
    expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'CANCELED', attempt: 2 });
    expect(await stateOf(notebook)).toBe('running');
    expect(await pauseOf(build)).toEqual(HELD_BEFORE);
  });

  it('stays held where the engine went away, and is looked after when it is back', async () => {
    const { build, notebook } = await save();
    const commit = vi.spyOn(slipway.engine, 'commit');
    commit.mockImplementationOnce(() => {
      slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
      return failing([{ kind: 'paused', at: new Date() }], 'ENGINE_UNAVAILABLE');
    });
    await work();
    await logged(build, 'still stands still');
    expect((await pauseOf(build)).pausedSince).not.toBeNull();
    slipway.engine.changeContainer(notebook.container.id, { state: 'running' });
    expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    expect(await pauseOf(build)).toEqual(HELD_BEFORE);
  });
});

describe('a notebook that a build left paused when it ended', () => {
  const held = () => {
    const { orm, events, log } = slipway.app;
    return new HeldNotebooks({ em: orm.em, events, engine: slipway.engine, log });
  };

  /** A build whose worker was lost, and which was cancelled before another came. */
  async function endedWhileHeld(agoMs: number) {
    const saved = await save();
    await lostWhileHeld(saved.build);
    slipway.engine.changeContainer(saved.notebook.container.id, { state: 'paused' });
    const store = new BuildStore(slipway.app.orm.em, slipway.app.events);
    await slipway.admin.run('mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { id } } }', {
      id: saved.build.id,
    });
    await claimBuild(store, uidOf(saved.build), DAY_MS);
    await slipway.database.query(
      "update image_build set finished_at = finished_at - $2 * interval '1 ms' where id = $1",
      [uidOf(saved.build), agoMs],
    );
    return saved;
  }

  it('is given the time to go on by itself', async () => {
    const { build, notebook } = await endedWhileHeld(WAITED_MS - 5000);
    expect(await held().letGo()).toBe(0);
    expect(await stateOf(notebook)).toBe('paused');
    slipway.engine.changeContainer(notebook.container.id, { state: 'running' });
    expect(await held().letGo()).toBe(0);
    expect(await pauseOf(build)).toEqual(HELD_BEFORE);
  });

  it('is resumed afterwards, once, however many workers look; the build has no version after its end', async () => {
    const { build, notebook } = await endedWhileHeld(WAITED_MS);
    const before = await followStatus(slipway.admin, build.id);
    expect(before.at(-1)?.build.status).toBe('CANCELED');
    const counts = await Promise.all([held().letGo(), held().letGo(), held().letGo()]);
    expect(counts.toSorted()).toEqual([0, 0, 1]);
    expect(await stateOf(notebook)).toBe('running');
    const { pausedSince, pausedMs } = await pauseOf(build);
    expect(pausedSince).toBeNull();
    expect(pausedMs).toBeGreaterThanOrEqual(2000);
    expect(await followStatus(slipway.admin, build.id)).toMatchObject(
      before.slice(-1).map(({ version }) => ({ version })),
    );
  });

  it.for(['stopped', 'gone'])('is not held any more when it is %s', async (state) => {
    const { build, notebook } = await endedWhileHeld(0);
    const { id } = notebook.container;
    if (state === 'gone') slipway.engine.removeContainer(id);
    else slipway.engine.changeContainer(id, { state: 'stopped' });
    expect(await held().letGo()).toBe(0);
    expect(await pauseOf(build)).toEqual(HELD_BEFORE);
    expect(await stateOf(notebook)).toBe(state);
  });

  it('is left to another save that holds it now', async () => {
    const { notebook } = await endedWhileHeld(WAITED_MS);
    slipway.engine.changeContainer(notebook.container.id, { state: 'running' });
    const { build: other } = await saveNotebook(slipway.admin, {
      notebookId: notebook.id,
      name: 'again',
      tag: `${tag}`,
    });
    await lostWhileHeld(other ?? { id: '' });
    slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
    expect(await held().letGo()).toBe(0);
    expect(await stateOf(notebook)).toBe('paused');
    // That save is over, and so is its hold.
    await slipway.database.query(
      "update image_build set status = 'FAILED', finished_at = now(), notebook_held_since = null where id = $1",
      [uidOf(other ?? { id: '' })],
    );
    expect(await held().letGo()).toBe(1);
    expect(await stateOf(notebook)).toBe('running');
  });

  it('is resumed also while its build waits in the queue, and who follows that one is told', async () => {
    const { build, notebook } = await save();
    await slipway.database.query(
      "update image_build set notebook_held_since = now() - interval '2 min', queued_at = now() - interval '61 s' where id = $1",
      [uidOf(build)],
    );
    slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
    expect(await held().letGo()).toBe(1);
    expect(await stateOf(notebook)).toBe('running');
    const versions = await slipway.database.query<{ held: string | null }>(
      `select state->>'notebookHeldSince' as held from image_build_event where build_id = $1 and version = 2`,
      [uidOf(build)],
    );
    expect(versions).toEqual([{ held: null }]);
  });

  it('is left alone where no build holds it', async () => {
    const { build, notebook } = await save();
    await work();
    await finished(slipway.admin, build.id);
    slipway.engine.changeContainer(notebook.container.id, { state: 'paused' });
    await slipway.database.query(
      "update image_build set finished_at = now() - interval '1 h' where id = $1",
      [uidOf(build)],
    );
    expect(await held().letGo()).toBe(0);
    expect(await stateOf(notebook)).toBe('paused');
  });
});

/** A commit that gives these events and fails. */
async function* failing(
  events: readonly CommitEvent[],
  reason: EngineFailureReason = 'DISK_FULL',
): AsyncGenerator<CommitEvent> {
  yield* events;
  throw new EngineError(reason, 'The engine failed.');
}
