import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from './app.ts';
import { buildSource } from './build/build.reads.ts';
import { BuildRunner } from './build/run/build.runner.ts';
import { isLeftover, pushedAs } from './build/run/build-leftovers.ts';
import { HeldNotebooks } from './build/run/held-notebooks.ts';
import { createDockerfileRecipe } from './build/run/recipes/dockerfile.recipe.ts';
import { createNotebookRecipe } from './build/run/recipes/notebook.recipe.ts';
import { BUILD_LABEL } from './build/run/recipes/recipe.ts';
import { kysely } from './db/orm.ts';

/** How often a worker looks for what lost ones left in the engine, paused notebooks too. */
const CLEAR_MS = 30_000;

export interface Worker extends AsyncDisposable {
  /** Takes no more builds, lets running ones go on for the drain time, then gives them back to the queue. */
  stop(): Promise<void>;
}

/**
 * Takes builds from the queue and runs them.
 *
 * @returns `null` where there is no engine or no registry: builds wait until a worker has both
 */
export async function startWorker(app: App): Promise<Worker | null> {
  const { engine, registry, registryAuth, config, log, queue, orm, events } = app;
  if (engine === null || registry === null) return null;
  const dockerfileRecipe = createDockerfileRecipe({
    builder: config.builder,
    most: { memoryBytes: config.build.mostMemoryBytes, cpus: config.build.mostCpus },
    registryAuths: registryAuth === null ? {} : { [registry.host]: registryAuth },
    sourceOf: async (buildId) => await buildSource(kysely(orm.em.fork()), buildId),
    secretsOf: async (buildId) => await app.buildSecrets.of(kysely(orm.em.fork()), buildId),
  });
  const runner = new BuildRunner({
    em: orm.em,
    events,
    engine,
    registry,
    registryAuth,
    quotas: app.services.buildQuotas,
    maxLogBytes: config.build.maxLogBytes,
    queueTimeoutMs: config.build.queueTimeoutMs,
    recipes: {
      DOCKERFILE: dockerfileRecipe,
      PACKAGES: dockerfileRecipe,
      NOTEBOOK: createNotebookRecipe({
        omitLabels: Object.values(config.notebookLabels),
        limits: config.save,
      }),
    },
    log,
  });
  const limits = { slots: config.build.slots, groupSlots: config.build.namespaceSlots };
  await queue.work(limits, (job, signal) => runner.run(job.buildId, signal));

  const held = new HeldNotebooks({ em: orm.em, events, engine, log });
  const stopping = new AbortController();
  const letGo = async () => {
    const resumed = await held.letGo();
    if (resumed > 0) log.info({ resumed }, 'resumed notebooks that lost workers left paused');
  };
  const reap = async () => {
    const reaped = await engine.reap(
      BUILD_LABEL,
      (label) => isLeftover(kysely(orm.em.fork()), label),
      (label) => pushedAs(kysely(orm.em.fork()), label),
    );
    if (reaped > 0) log.info({ reaped }, 'removed what lost workers left in the engine');
  };
  const clearing = (async () => {
    while (!stopping.signal.aborted) {
      await letGo().catch((err: unknown) => log.warn({ err }, 'could not look for notebooks left paused'));
      await reap().catch((err: unknown) => log.warn({ err }, 'could not look for what lost workers left'));
      await sleep(CLEAR_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  })();

  let stopped: Promise<void> | null = null;
  const stop = async () => {
    stopping.abort();
    runner.takeNoMore();
    const drained = new AbortController();
    const release = sleep(config.build.drainMs, undefined, { signal: drained.signal }).then(
      () => runner.releaseAll(),
      () => undefined,
    );
    await queue.stopWorking();
    drained.abort();
    await Promise.all([release, clearing]);
  };
  const stopOnce = () => {
    stopped ??= stop();
    return stopped;
  };
  return { stop: stopOnce, [Symbol.asyncDispose]: stopOnce };
}
