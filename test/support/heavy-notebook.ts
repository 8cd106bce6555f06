import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { BUILD_LABEL } from '../../src/build/run/recipes/recipe.ts';
import { tryReadGlobalId } from '../../src/shared/global-id.ts';
import { type BuildFacts, statusEvents } from './builds.ts';
import type { ApiClient } from './client.ts';
import { createContainer, pull } from './engine.ts';
import { saveNotebook } from './notebooks.ts';
import { until } from './until.ts';

/** How long a save may take to pause its notebook, on an engine that copies others' files meanwhile. */
const PAUSED_WITHIN_MS = 120_000;

/** A notebook whose files take the engine some seconds to copy, and which says all the time that it runs. */
export interface HeavyNotebook extends AsyncDisposable {
  readonly container: Docker.Container;
  /** Asks for it to be saved, and waits until it stands still. @throws Error with the build's state where it does not, or not in time */
  pausedSave(client: ApiClient): Promise<BuildFacts>;
  isPaused(): Promise<boolean>;
  /** Resolves when it has done something since it was asked. @throws Error after `withinMs` */
  untilItGoesOn(withinMs: number): Promise<void>;
}

/** @param mib how much it has written: zeros, which an engine copies as slowly as anything and compresses to nothing for a push */
export async function startHeavyNotebook(
  docker: Docker,
  baseImage: string,
  mib = 300,
): Promise<HeavyNotebook> {
  await pull(docker, baseImage);
  const uid = randomUUID();
  const container = await createContainer(docker, {
    Image: baseImage,
    Cmd: [
      'sh',
      '-c',
      `dd if=/dev/zero of=/written bs=1048576 count=${mib}; while :; do echo tick; usleep 50000; done`,
    ],
    Env: ['TOKEN=of-this-notebook'],
    Labels: {
      'slipway.notebook': uid,
      'slipway.notebook.name': `heavy-${uid}`,
      'slipway.workspace': 'default',
    },
  });
  await container.start();
  const printed = async () => (await container.logs({ stdout: true })).toString();
  await until('the notebook to have written', async () => (await printed()).includes('tick'), 60_000);
  const isPaused = async () => (await container.inspect()).State.Paused;
  const save = async (client: ApiClient): Promise<BuildFacts> => {
    const notebookId = Buffer.from(`Notebook:${uid}`).toString('base64url');
    const { build, userErrors } = await saveNotebook(client, { notebookId, name: `heavy-${uid}` });
    if (build === null) throw new Error(JSON.stringify(userErrors));
    return build;
  };
  return {
    container,
    isPaused,
    async pausedSave(client) {
      // Told by the engine's events: an engine that is busy answers a look when the pause is over.
      using pauses = await watchPauses(docker, container.id);
      const build = await save(client);
      const state = follow(client, build);
      const isOver = () => pauses.count > 0 || state.hasEnded;
      await until('a pause', isOver, PAUSED_WITHIN_MS).catch(() => undefined);
      if (pauses.count === 0) throw new Error(`the notebook was not paused: ${JSON.stringify(state.build)}`);
      return build;
    },
    async untilItGoesOn(withinMs) {
      const before = (await printed()).length;
      await until('the notebook to go on', async () => (await printed()).length > before, withinMs);
    },
    [Symbol.asyncDispose]: async () => await container.remove({ force: true }),
  };
}

/** A build's state as it was last told. */
function follow(client: ApiClient, asked: BuildFacts) {
  const state = { build: asked, hasEnded: false };
  const following = async () => {
    for await (const { build } of statusEvents(client, asked.id)) state.build = build;
  };
  following()
    .catch(() => undefined) // The test has stopped the API.
    .finally(() => {
      state.hasEnded = true;
    });
  return state;
}

/** Counts how often the engine pauses a container from now on. */
export async function watchPauses(
  docker: Docker,
  containerId: string,
): Promise<Disposable & { readonly count: number }> {
  const filters = JSON.stringify({ container: [containerId], event: ['pause'] });
  const events = (await docker.getEvents({ filters })) as Readable;
  let count = 0;
  events.on('data', () => {
    count += 1;
  });
  events.on('error', () => undefined); // The test has killed the engine.
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]: () => void events.destroy(),
  };
}

/** How many images the engine has of a build's attempts. */
export async function imagesOf(docker: Docker, build: { id: string }, attempts = 2): Promise<number> {
  const uid = tryReadGlobalId(build.id)?.uid;
  const found = await Promise.all(
    Array.from({ length: attempts }, async (_, index) => {
      const label = [`${BUILD_LABEL}=${uid}:${index + 1}`];
      return await docker.listImages({ all: true, filters: JSON.stringify({ label }) });
    }),
  );
  return found.flat().length;
}
