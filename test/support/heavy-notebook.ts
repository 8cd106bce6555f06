import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import { BUILD_LABEL } from '../../src/build/run/recipes/recipe.ts';
import { tryReadGlobalId } from '../../src/shared/global-id.ts';
import type { BuildFacts } from './builds.ts';
import type { ApiClient } from './client.ts';
import { pull } from './engine.ts';
import { saveNotebook } from './notebooks.ts';
import { until } from './until.ts';

/** A notebook whose files take the engine some seconds to copy, and which says all the time that it runs. */
export interface HeavyNotebook extends AsyncDisposable {
  readonly container: Docker.Container;
  /** Asks for it to be saved, and waits until it stands still. */
  pausedSave(client: ApiClient): Promise<BuildFacts>;
  save(client: ApiClient): Promise<BuildFacts>;
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
  const container = await docker.createContainer({
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
    save,
    isPaused,
    async pausedSave(client) {
      const build = await save(client);
      await until('the notebook to stand still', isPaused, 30_000);
      return build;
    },
    async untilItGoesOn(withinMs) {
      const before = (await printed()).length;
      await until('the notebook to go on', async () => (await printed()).length > before, withinMs);
    },
    [Symbol.asyncDispose]: async () => await container.remove({ force: true }),
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
