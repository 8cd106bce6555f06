import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { describe, expect, it } from 'vitest';
import { startDockerd } from '../../src/embedded/private-dockerd.ts';
import { type BuildFacts, finished, wholeLog } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { testEngine } from '../support/engine.ts';
import { openFaultyRegistry } from '../support/faulty-registry.ts';
import { imagesOf, startHeavyNotebook, watchPauses } from '../support/heavy-notebook.ts';
import { quiet } from '../support/local-parts.ts';
import { openRoles, realParts } from '../support/roles.ts';
import { cancel, finalEvents, holderOf, twoWorkers } from '../support/running-builds.ts';
import { openTestFolder } from '../support/test-folder.ts';
import { until } from '../support/until.ts';

/** What an engine may take to copy a notebook's files, with others beside it. */
const COPIED_WITHIN_MS = 30_000;
/** Workers look every 30 s for what lost ones left. */
const CLEARED_WITHIN_MS = 60_000;
/** Of a build that has ended: 60 s after its end, at the next look. */
const RESUMED_WITHIN_MS = 100_000;
const RESUMED = 'It did not go on by itself and was resumed.';

describe.concurrent('a notebook that is being saved', () => {
  // First, because it takes longest: 60 s of waiting, twice beside each other.
  it('is resumed, by the next attempt or after a cancel, where the engine is killed during the pause and keeps it', async () => {
    await using engine = await openEngine({ keepsContainers: true });
    const { docker, endpoint, dockerd } = engine;
    await using roles = await openRoles({ DOCKER_HOST: endpoint, SLIPWAY_BUILD_SLOTS: '2' });
    const [{ client }] = await Promise.all([roles.serve(), roles.work()]);
    await using saved = await startHeavyNotebook(docker, roles.baseImage, 800);
    await using canceled = await startHeavyNotebook(docker, roles.baseImage, 800);
    const [build, other] = await Promise.all([saved.pausedSave(client), canceled.pausedSave(client)]);
    const stillStanding = async () => (await saved.isPaused()) && (await canceled.isPaused());
    expect(await stillStanding()).toBe(true);
    process.kill(dockerd.pid, 'SIGKILL');
    await cancel(client, other.id);
    const following = finished(client, build.id);
    expect(await finished(client, other.id)).toMatchObject({ status: 'CANCELED' });
    await until('the engine to be back', () => stillStanding().catch(() => false), 30_000);
    expect(await saveOf(client, other)).toMatchObject({ pausedSince: expect.any(String) });

    expect(await following).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    expect(await textsOf(client, build)).toContain(RESUMED);
    await canceled.untilItGoesOn(RESUMED_WITHIN_MS);
    await until('it to be told', async () => (await saveOf(client, other)).pausedSince === null);
    for (const each of [build, other]) {
      const { pausedSince, pausedMs } = await saveOf(client, each);
      expect(pausedSince).toBeNull();
      expect(pausedMs).toBeGreaterThan(60_000);
      expect(await finalEvents(roles, each.id)).toBe(1);
    }
    await saved.untilItGoesOn(2000);
  });

  it('goes on by itself when its worker is killed during the pause, and another worker saves it', async () => {
    const { docker } = testEngine();
    await using roles = await openRoles();
    const [{ client }, workers] = await Promise.all([roles.serve(), twoWorkers(roles)]);
    await using notebook = await startHeavyNotebook(docker, roles.baseImage);
    const build = await notebook.pausedSave(client);
    const following = finished(client, build.id);
    await holderOf(workers, build.id).holder.stop('SIGKILL');
    expect(await notebook.isPaused()).toBe(true);
    expect(await saveOf(client, build)).toMatchObject({ attempt: 1, pausedSince: expect.any(String) });
    await notebook.untilItGoesOn(COPIED_WITHIN_MS);

    expect(await following).toMatchObject({ status: 'SUCCEEDED', attempt: 2, image: { status: 'ACTIVE' } });
    expect(await textsOf(client, build)).not.toContain(RESUMED);
    expect(await finalEvents(roles, build.id)).toBe(1);
    expect(await saveOf(client, build)).toMatchObject({ pausedSince: null, pausedMs: expect.any(Number) });
    await notebook.untilItGoesOn(2000);
    await until('no image to be left', async () => (await imagesOf(docker, build)) === 0, CLEARED_WITHIN_MS);
  });

  it('goes on within 2 s when the save is cancelled during the pause, and nothing is left', async () => {
    const { docker } = testEngine();
    await using roles = await openRoles();
    const [{ client }] = await Promise.all([roles.serve(), roles.work()]);
    await using notebook = await startHeavyNotebook(docker, roles.baseImage, 500);
    const build = await notebook.pausedSave(client);
    expect(await cancel(client, build.id)).toBe('CANCELING');
    await notebook.untilItGoesOn(2000);
    expect(await finished(client, build.id)).toMatchObject({
      status: 'CANCELED',
      image: { status: 'CREATE_FAILED' },
    });
    expect(await finalEvents(roles, build.id)).toBe(1);
    expect(await saveOf(client, build)).toMatchObject({ pausedSince: null, pausedMs: expect.any(Number) });
    // The engine cannot be stopped copying.
    await until('no image to be left', async () => (await imagesOf(docker, build)) === 0, CLEARED_WITHIN_MS);
  });

  it('is saved anew where the end of a save that was cancelled before lets it go on too early', async () => {
    const { docker } = testEngine();
    await using roles = await openRoles();
    const [{ client }] = await Promise.all([roles.serve(), roles.work()]);
    await using notebook = await startHeavyNotebook(docker, roles.baseImage, 800);
    const canceled = await notebook.pausedSave(client);
    await cancel(client, canceled.id);
    await finished(client, canceled.id);
    // The engine is still copying for the first one.
    const build = await notebook.pausedSave(client);
    expect(await finished(client, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
    expect(await textsOf(client, build)).toContainEqual(expect.stringContaining('Saving it anew.'));
  });

  it('goes on while the registry is dead, and is saved again when that is back', async () => {
    const { docker } = testEngine();
    await using registry = await openFaultyRegistry(realParts().registryHost);
    await using roles = await openRoles({ SLIPWAY_REGISTRY: registry.host });
    const [{ client }] = await Promise.all([roles.serve(), roles.work()]);
    await using notebook = await startHeavyNotebook(docker, roles.baseImage);
    const build = await notebook.pausedSave(client);
    registry.treat(() => 500);
    const following = finished(client, build.id);
    await until('the notebook to go on', async () => !(await notebook.isPaused()), COPIED_WITHIN_MS);
    using pauses = await watchPauses(docker, notebook.container.id);
    await notebook.untilItGoesOn(2000);
    expect(await following).toMatchObject({
      status: 'FAILED',
      failure: { reason: 'REGISTRY_UNAVAILABLE' },
      image: { status: 'CREATE_FAILED' },
    });
    expect(pauses.count).toBe(0);
    registry.treat(() => 'pass');
    const { retryImageBuild } = await client.run<{ retryImageBuild: { build: BuildFacts } }>(
      'mutation ($id: ID!) { retryImageBuild(input: { id: $id }) { build { id } } }',
      { id: build.id },
    );
    const again = await finished(client, retryImageBuild.build.id);
    expect(again).toMatchObject({ status: 'SUCCEEDED', image: { status: 'ACTIVE' } });
    expect(await finalEvents(roles, build.id)).toBe(1);
  });

  it('goes on when its worker stops during the pause, and the next worker saves it', async () => {
    const { docker } = testEngine();
    await using roles = await openRoles({ SLIPWAY_DRAIN_SECONDS: '0' });
    const { client } = await roles.serve();
    const first = await roles.work();
    await using notebook = await startHeavyNotebook(docker, roles.baseImage);
    const build = await notebook.pausedSave(client);
    expect(await first.stop('SIGTERM')).toBe(0);
    expect(await notebook.isPaused()).toBe(false);
    await notebook.untilItGoesOn(2000);
    expect(await saveOf(client, build)).toMatchObject({
      status: 'QUEUED',
      pausedSince: null,
      pausedMs: expect.any(Number),
    });
    await using _second = await roles.work();
    expect(await finished(client, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    expect(await finalEvents(roles, build.id)).toBe(1);
  });

  it('ends its save with a reason where the engine is killed during the pause and takes the notebook along', async () => {
    await using engine = await openEngine({ keepsContainers: false });
    const { docker, endpoint, dockerd } = engine;
    await using roles = await openRoles({ DOCKER_HOST: endpoint });
    const [{ client }] = await Promise.all([roles.serve(), roles.work()]);
    const notebook = await startHeavyNotebook(docker, roles.baseImage);
    const build = await notebook.pausedSave(client);
    process.kill(dockerd.pid, 'SIGKILL');
    const ended = await finished(client, build.id);
    expect(ended).toMatchObject({
      status: 'FAILED',
      failure: { reason: 'NOTEBOOK_NOT_RUNNING' },
      image: { status: 'CREATE_FAILED' },
    });
    expect(await saveOf(client, build)).toMatchObject({ pausedSince: null, pausedMs: expect.any(Number) });
    expect(await finalEvents(roles, build.id)).toBe(1);
  });
});

/** An engine of the test's own, which is started again when it is killed. */
async function openEngine({ keepsContainers }: { keepsContainers: boolean }) {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await openTestFolder());
  const { endpoint, child: dockerd } = await startDockerd(folder.data, quiet);
  opened.use(dockerd);
  const docker = new Docker({ socketPath: endpoint.replace('unix://', ''), host: undefined });
  if (keepsContainers) {
    writeFileSync(join(folder.data.path, 'dockerd.json'), '{"live-restore": true}\n');
    process.kill(dockerd.pid, 'SIGHUP');
    await until('live-restore', async () => (await docker.info()).LiveRestoreEnabled);
  }
  const closing = opened.move();
  return { docker, endpoint, dockerd, [Symbol.asyncDispose]: () => closing.disposeAsync() };
}

interface Save {
  readonly status: string;
  readonly attempt: number;
  readonly pausedSince: string | null;
  readonly pausedMs: number | null;
}

async function saveOf(client: ApiClient, { id }: { id: string }): Promise<Save> {
  const { imageBuild } = await client.run<{ imageBuild: Save & { notebook: Save } }>(
    'query ($id: ID!) { imageBuild(id: $id) { status attempt notebook { pausedSince pausedMs } } }',
    { id },
  );
  const { notebook, ...build } = imageBuild;
  return { ...build, ...notebook };
}

const textsOf = async (client: ApiClient, { id }: { id: string }) =>
  (await wholeLog(client, id)).map(({ text }) => text);
