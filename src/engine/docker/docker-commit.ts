import type { ContainerInspectInfo } from 'dockerode';
import type { Logger } from '../../shared/logger.ts';
import { type CommitEvent, type CommitRequest, EngineError } from '../container-engine.ts';
import { inspectContainer, isGoing } from './docker-container.ts';
import { isHttpError, orNull } from './docker-errors.ts';
import type { EngineConnection } from './engine-connection.ts';
import type { ToldEntry } from './image-history.ts';
import { loadImage } from './image-load.ts';
import { keepTag, resultTag } from './kept-images.ts';
import { copyLayer, type LayerCopy, releaseCopy } from './layer-copy.ts';
import { composeImage, type ToldImage } from './saved-image.ts';

/**
 * Makes an image of a container: has the engine copy what it has written, and composes the image anew of these layers and the
 * configuration of the image that the container was started from.
 */
export async function* runCommit(
  engine: EngineConnection,
  request: CommitRequest,
  log: Logger,
  signal?: AbortSignal,
): AsyncIterable<CommitEvent> {
  const base = await findBase(engine, request.containerId, signal);
  const copy = yield* copyOf(engine, request, log, signal);
  let saved: SavedLayers;
  try {
    saved = await saveLayers(engine, request, base, copy.imageId, signal);
  } finally {
    await releaseCopy(engine, copy.imageId, log);
  }
  yield { kind: 'result', ...saved, stoodStill: copy.stoodStill };
}

interface BaseImage {
  readonly image: ToldImage;
  readonly history: readonly ToldEntry[];
}

/** The image that a container which can be saved was started from. */
async function findBase(
  engine: EngineConnection,
  containerId: string,
  signal?: AbortSignal,
): Promise<BaseImage> {
  const container = await inspectContainer(engine, containerId, signal);
  if (!container || isGoing(container.State.Status)) throw gone();
  if (!container.State.Running || container.State.Paused) throw notRunning(container);
  const image = await engine.ask((docker) => orNull(tell(docker.getImage(container.Image))), signal);
  if (image) return image;
  throw new EngineError(
    'BASE_IMAGE_NOT_FOUND',
    'The container engine does not have the image any more that the notebook was started from.',
  );
}

async function* copyOf(
  engine: EngineConnection,
  request: CommitRequest,
  log: Logger,
  signal?: AbortSignal,
): AsyncGenerator<CommitEvent, LayerCopy> {
  try {
    return yield* copyLayer(engine, request, log, signal);
  } catch (error) {
    throw signal?.aborted ? error : await explain(engine, request.containerId, error);
  }
}

type SavedLayers = Pick<Extract<CommitEvent, { kind: 'result' }>, 'imageId' | 'writtenBytes'>;

async function saveLayers(
  engine: EngineConnection,
  { labels, omitLabels, comment }: CommitRequest,
  base: BaseImage,
  copyId: string,
  signal?: AbortSignal,
): Promise<SavedLayers> {
  const copy = await engine.ask((docker) => tell(docker.getImage(copyId)), signal);
  const layers = copy.image.RootFS.Layers ?? [];
  const composed = composeImage({
    base: base.image,
    baseHistory: base.history,
    layers,
    labels,
    omitLabels,
    comment,
    at: new Date(),
  });
  const tag = resultTag(labels) ?? keepTag(composed.digest);
  const imageId = await loadImage(engine, composed, copyId, tag, signal);
  const hasOwnLayer = layers.length > (base.image.RootFS.Layers?.length ?? 0);
  return { imageId, writtenBytes: hasOwnLayer ? (copy.history[0]?.Size ?? 0) : 0 };
}

/** What an engine tells of an image: Podman (4.3) nothing of its HEALTHCHECK, ONBUILD and SHELL, which a saved image then lacks. */
async function tell(image: { inspect(): Promise<unknown>; history(): Promise<unknown> }): Promise<BaseImage> {
  const [told, history] = await Promise.all([image.inspect(), image.history()]);
  return { image: told as ToldImage, history: history as ToldEntry[] };
}

/** A commit that failed because the container went away meanwhile says so. */
async function explain(engine: EngineConnection, id: string, error: unknown): Promise<unknown> {
  if (!(error instanceof EngineError) || !isHttpError(error.cause)) return error;
  const container = await inspectContainer(engine, id).catch(() => undefined);
  if (container === null || (container && isGoing(container.State.Status))) return gone();
  return container && !container.State.Running ? notRunning(container) : error;
}

const gone = () => new EngineError('NOTEBOOK_GONE', 'The notebook does not exist any more.');

function notRunning({ State }: ContainerInspectInfo): EngineError {
  const message = State.Paused
    ? 'The notebook is paused: let it go on, then save it.'
    : `The notebook is not running (${State.Status}): start it, then save it.`;
  return new EngineError('NOTEBOOK_NOT_RUNNING', message);
}
