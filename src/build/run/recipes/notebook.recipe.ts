import { EngineError } from '../../../engine/container-engine.ts';
import { buildLabel, type Recipe } from './recipe.ts';

/** Commits a running notebook's container; its own environment stays out, for it holds secrets. */
export const notebookRecipe: Recipe = async (build, { engine, log, enter, signal }) => {
  const containerId = build.containerId;
  const container = containerId === null ? null : await engine.container(containerId, { signal });
  if (container === null)
    throw new EngineError('NOTEBOOK_GONE', 'the notebook is gone: its container was removed');
  if (container.state !== 'running') {
    throw new EngineError(
      'NOTEBOOK_NOT_RUNNING',
      `the notebook is ${container.state}; start it and save again`,
    );
  }
  const base = await engine.image(container.imageId, { signal });
  // What the notebook was started with beyond its image is blanked, and what it overrode is as the image had it.
  const own = Object.keys(container.env).filter((name) => base?.env[name] !== container.env[name]);
  if (own.length > 0) await log.say(`Left out: the values of ${own.sort().join(', ')}.`);
  if (container.mounts.length > 0) await log.say(`Not captured: ${container.mounts.join(', ')}.`);
  await enter('COMMITTING');
  await log.say(
    build.pause ? 'Saving the container; it is paused meanwhile.' : 'Saving the container as it runs.',
  );
  const started = Date.now();
  const request = {
    containerId: container.id,
    pause: build.pause,
    labels: buildLabel(build),
    omitLabels: [],
    comment: build.targetDescription ?? '',
  };
  for await (const event of engine.commit(request, { signal })) {
    if (event.kind !== 'result') continue;
    await log.say(`Saved in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
    if (build.pause && !event.stoodStill) {
      await log.say(
        'The notebook did not stand still: what was written meanwhile may be in the image by halves.',
      );
    }
    return { imageId: event.imageId };
  }
  throw new EngineError('INTERNAL', 'the engine ended the commit without an image');
};
