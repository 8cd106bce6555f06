import {
  type CommitRequest,
  type ContainerDetails,
  EngineError,
  type EngineImage,
} from '../../../engine/container-engine.ts';
import { runningNotebook } from './notebook-return.ts';
import { buildLabel, type Recipe, type RecipeTools } from './recipe.ts';

/** The platform's own labels: a container that is started from the image must not pass for the notebook it was. */
const OWN_LABELS = 'slipway.';
/** A save is done so often whose notebook was paused and went on too early. */
const TRIES = 3;
/** How long an engine is asked whether a notebook runs of which it has not said so; later, others look. */
const LAST_LOOK_MS = 5000;
/** Why an engine refuses a save before it has paused anything. */
const NOTHING_TO_SAVE = ['NOTEBOOK_GONE', 'NOTEBOOK_NOT_RUNNING', 'BASE_IMAGE_NOT_FOUND'];

/** Saves a running notebook: its image, and what it has written since in one layer more. */
export function createNotebookRecipe(options: {
  /** The labels by which notebooks are known. */
  readonly omitLabels: readonly string[];
}): Recipe {
  return async (build, tools) => {
    const { engine, log, enter, hold, signal } = tools;
    const container = await runningNotebook(build, tools);
    const base = await engine.image(container.imageId, { signal });
    if (base === null) {
      const message = `the engine has ${container.image} no more, the image that the notebook was started from; pull it there and save again`;
      throw new EngineError('BASE_IMAGE_NOT_FOUND', message);
    }
    await tellWhatGoesIn(container, base, log);
    if (build.pause) hold.begin(new Date());
    await enter('COMMITTING');
    const own = Object.keys(base.labels).filter((label) => label.startsWith(OWN_LABELS));
    const request = {
      containerId: container.id,
      pause: build.pause,
      labels: buildLabel(build),
      omitLabels: [...new Set([...options.omitLabels, ...own])],
      comment: build.targetDescription ?? '',
    };
    return { imageId: await commitAtRest(request, tools) };
  };
}

async function tellWhatGoesIn(
  container: ContainerDetails,
  base: EngineImage,
  log: RecipeTools['log'],
): Promise<void> {
  const layers = base.layerCount === 1 ? '1 layer' : `${base.layerCount} layers`;
  await log.say(
    `The notebook runs ${container.image}: ${layers}, ${inWords(base.sizeBytes)}. What it has written comes on top as one more layer; the command stays that of the image.`,
  );
  const own = Object.keys(container.env)
    .filter((name) => base.env[name] !== container.env[name])
    .sort();
  if (own.length > 0) {
    const overridden = own.filter((name) => name in base.env);
    const kept = overridden.length === 0 ? '' : ` As the image has them instead: ${overridden.join(', ')}.`;
    await log.say(`Left out of the environment: ${own.join(', ')}.${kept}`);
  }
  if (container.mounts.length > 0) await log.say(`Not captured: ${container.mounts.join(', ')}.`);
}

/**
 * An engine that still copies for a save which was given up lets the notebook go on at the end of that, also in the middle of this
 * one, whose files may not fit together then.
 *
 * @returns the image's id
 */
async function commitAtRest(request: CommitRequest, tools: RecipeTools): Promise<string> {
  const { engine, log, enter, hold, signal } = tools;
  for (let tries = 1; ; tries += 1) {
    const { imageId, wentOnTooEarly } = await commit(request, tools);
    if (!wentOnTooEarly) return imageId;
    const message = 'The notebook went on before all its files were copied';
    if (tries === TRIES) {
      await log.say(`Warning: ${message} again; what was written meanwhile may be in the image by halves.`);
      return imageId;
    }
    await log.say(`${message}: somebody let it go on, or the end of an earlier save did. Saving it anew.`);
    await engine.removeImage(imageId, { signal });
    hold.begin(new Date());
    await enter('COMMITTING');
  }
}

interface Copy {
  readonly imageId: string;
  /** It was paused, but not for as long as its files were copied. */
  readonly wentOnTooEarly: boolean;
}

/** While the notebook stands still nothing is written that the engine's next event would have to wait for. */
async function commit(request: CommitRequest, tools: RecipeTools): Promise<Copy> {
  const { engine, log, enter, hold, signal } = tools;
  await log.say(
    request.pause
      ? 'Saving it; it stands still while its files are copied.'
      : 'Saving it while it goes on: what is written meanwhile may be in the image by halves.',
  );
  let hasPaused = false;
  try {
    for await (const event of engine.commit(request, { signal })) {
      switch (event.kind) {
        case 'paused':
          hasPaused = true;
          hold.begin(event.at);
          await log.say('Paused.');
          break;
        case 'resumed': {
          const pausedMs = hold.end(event.at);
          await log.say(`The notebook runs again; it was paused for ${(pausedMs / 1000).toFixed(1)} s.`);
          if (!signal.aborted) await enter('EXPORTING');
          break;
        }
        case 'result':
          if (hold.since !== null) await lookOnceMore(request.containerId, hasPaused, tools);
          await log.say(`Saved: the new layer has ${inWords(event.writtenBytes)}.`);
          if (request.pause && !hasPaused) {
            await log.say(
              'Warning: this engine cannot pause the notebook: what was written meanwhile may be in the image by halves.',
            );
          }
          return { imageId: event.imageId, wentOnTooEarly: hasPaused && !event.stoodStill };
      }
    }
  } catch (error) {
    if (hold.since !== null && !hasPaused && isRefusal(error)) hold.drop();
    if (hold.since !== null) await lookOnceMore(request.containerId, hasPaused, tools);
    throw error;
  }
  throw new EngineError('INTERNAL', 'the engine ended the commit without an image');
}

const isRefusal = (error: unknown) => error instanceof EngineError && NOTHING_TO_SAVE.includes(error.reason);

/** For a commit that has not said that the notebook goes on. */
async function lookOnceMore(containerId: string, hasPaused: boolean, { engine, hold }: RecipeTools) {
  const signal = AbortSignal.timeout(LAST_LOOK_MS);
  const container = await engine.container(containerId, { signal }).catch(() => undefined);
  if (container === undefined || container?.state === 'paused') return;
  if (hasPaused) hold.end(new Date());
  else hold.drop();
}

function inWords(bytes: number): string {
  return bytes < 1e6 ? `${bytes} bytes` : `${bytes} bytes (${(bytes / 1e6).toFixed(1)} MB)`;
}
