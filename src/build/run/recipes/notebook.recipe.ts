import {
  type CommitRequest,
  type ContainerDetails,
  EngineError,
  type EngineImage,
} from '../../../engine/container-engine.ts';
import { credentialFilesAmong } from '../../../notebook/credential-files.rules.ts';
import { ifItCan } from '../../../notebook/notebook-engine.ts';
import { credentialWarnings, type SaveLimits, tooManyLayers } from '../../request/notebook-save.rules.ts';
import { BuildFailedError } from '../build-settle.ts';
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
  readonly limits: SaveLimits;
}): Recipe {
  return async (build, tools) => {
    const { engine, log, enter, hold, signal } = tools;
    const container = await runningNotebook(build, tools);
    const base = await engine.image(container.imageId, { signal });
    if (base === null) {
      const message = `the engine has ${container.image} no more, the image that the notebook was started from; pull it there and save again`;
      throw new EngineError('BASE_IMAGE_NOT_FOUND', message);
    }
    assertAllowed(base, 0, options.limits);
    await tellWhatGoesIn(container, base, log);
    await tellOfCredentials(container, tools);
    if (build.pause) hold.expect(new Date());
    await enter('COMMITTING');
    const own = Object.keys(base.labels).filter((label) => label.startsWith(OWN_LABELS));
    const request = {
      containerId: container.id,
      pause: build.pause,
      labels: buildLabel(build),
      omitLabels: [...new Set([...options.omitLabels, ...own])],
      comment: build.targetDescription ?? '',
    };
    const { imageId, writtenBytes } = await commitAtRest(request, tools);
    try {
      assertAllowed(base, writtenBytes, options.limits);
    } catch (error) {
      // What stays is taken away later, as of any build that has ended.
      await engine.removeImage(imageId, { signal }).catch(() => undefined);
      throw error;
    }
    return { imageId };
  };
}

/**
 * Once more than when it was asked for: the engine may not have said in time how much there is, and more is written meanwhile.
 *
 * @param writtenBytes what the commit has made; 0 before it
 */
function assertAllowed(base: EngineImage, writtenBytes: number, { maxLayers, maxBytes }: SaveLimits): void {
  const layers = base.layerCount + 1;
  if (layers > maxLayers) {
    throw new BuildFailedError('QUOTA_EXCEEDED', tooManyLayers(layers, maxLayers));
  }
  const bytes = base.sizeBytes + writtenBytes;
  if (maxBytes !== null && bytes > maxBytes) {
    const message = `the image takes ${bytes} bytes before compression, ${base.sizeBytes} of them from the image that the notebook runs, and may take at most ${maxBytes}: delete what need not be in it or keep that on a volume, or start the notebook from a smaller image, and save again`;
    throw new BuildFailedError('QUOTA_EXCEEDED', message);
  }
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
    const overridden = own.filter((name) => Object.hasOwn(base.env, name));
    const kept = overridden.length === 0 ? '' : ` As the image has them instead: ${overridden.join(', ')}.`;
    await log.say(`Left out of the environment: ${own.join(', ')}.${kept}`);
  }
  if (container.mounts.length > 0) await log.say(`Not captured: ${container.mounts.join(', ')}.`);
}

/** Once more than when it was asked for, where nobody waits for long: the engine walks through all that was written. */
async function tellOfCredentials(
  { id, mounts }: ContainerDetails,
  { engine, log, signal }: RecipeTools,
): Promise<void> {
  const changed = await ifItCan(engine.changedPaths(id, { signal }));
  const files = changed && { ...changed, paths: credentialFilesAmong(changed.paths, mounts) };
  for (const warning of credentialWarnings(files)) await log.say(`Warning: ${warning}.`);
}

/**
 * An engine that still copies for a save which was given up lets the notebook go on at the end of that, also in the middle of this
 * one, whose files may not fit together then.
 */
async function commitAtRest(request: CommitRequest, tools: RecipeTools): Promise<Copy> {
  const { engine, log, enter, hold, signal } = tools;
  for (let tries = 1; ; tries += 1) {
    const copy = await commit(request, tools);
    if (!copy.wentOnTooEarly) {
      await log.say(`Saved: the new layer has ${inWords(copy.writtenBytes)}.`);
      return copy;
    }
    const message = 'The notebook went on before all its files were copied';
    if (tries === TRIES) {
      await log.say(`Warning: ${message} again; what was written meanwhile may be in the image by halves.`);
      return copy;
    }
    await log.say(`${message}: somebody let it go on, or the end of an earlier save did. Saving it anew.`);
    await engine.removeImage(copy.imageId, { signal });
    hold.expect(new Date());
    await enter('COMMITTING');
  }
}

interface Copy {
  readonly imageId: string;
  /** What its new layer takes, uncompressed. */
  readonly writtenBytes: number;
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
          if (hold.since !== null) await lookOnceMore(request.containerId, tools);
          if (request.pause && !hasPaused) {
            await log.say(
              'Warning: this engine cannot pause the notebook: what was written meanwhile may be in the image by halves.',
            );
          }
          return {
            imageId: event.imageId,
            writtenBytes: event.writtenBytes,
            wentOnTooEarly: hasPaused && !event.stoodStill,
          };
      }
    }
  } catch (error) {
    if (hold.since !== null && !hasPaused && isRefusal(error)) hold.drop();
    if (hold.since !== null) await lookOnceMore(request.containerId, tools);
    throw error;
  }
  throw new EngineError('INTERNAL', 'the engine ended the commit without an image');
}

const isRefusal = (error: unknown) => error instanceof EngineError && NOTHING_TO_SAVE.includes(error.reason);

/** For a commit that has not said that the notebook goes on. */
async function lookOnceMore(containerId: string, { engine, hold }: RecipeTools) {
  const signal = AbortSignal.timeout(LAST_LOOK_MS);
  const container = await engine.container(containerId, { signal }).catch(() => undefined);
  if (container === undefined || container?.state === 'paused') return;
  hold.end(new Date());
}

function inWords(bytes: number): string {
  return bytes < 1e6 ? `${bytes} bytes` : `${bytes} bytes (${(bytes / 1e6).toFixed(1)} MB)`;
}
