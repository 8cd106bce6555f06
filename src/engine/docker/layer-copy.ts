import type { Logger } from '../../shared/logger.ts';
import { type CommitEvent, type CommitRequest, EngineError } from '../container-engine.ts';
import { CommitPause } from './commit-pause.ts';
import { type EngineConnection, untilAborted } from './engine-connection.ts';
import { auxField } from './engine-messages.ts';
import { fullImageId } from './image-id.ts';
import { type KeptTag, releaseImage, resultTag } from './kept-images.ts';

/** What an engine's commit gives: the layers that are wanted, in an image that holds all of the container's secrets. */
export interface LayerCopy {
  /** Whoever has it must release it, and never push it. */
  readonly imageId: string;
  readonly stoodStill: boolean;
}

/** Podman without root on cgroup v1 has no way to pause a container. */
const CANNOT_PAUSE = /can ?not pause containers/i;

/**
 * Has the engine copy what a container has written, and tells when the container stands still and when it goes on. An abort
 * lets it go on at once, also while nobody reads the events; the engine cannot be stopped copying, so what comes out of that is
 * taken away when it is there. A stream that throws without a `resumed` for its `paused` does not know that the container goes on.
 */
export async function* copyLayer(
  engine: EngineConnection,
  request: CommitRequest,
  log: Logger,
  signal?: AbortSignal,
): AsyncGenerator<CommitEvent, LayerCopy> {
  const pause = request.pause ? await CommitPause.watch(engine, request.containerId, log, signal) : null;
  const commit = startCommit(engine, request, pause);
  const followed = pause?.follow(commit) ?? Promise.resolve(false);
  const onAbort = () => void pause?.giveUp();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  let isTaken = false;
  try {
    const since = pause && (await pause.begun);
    if (since) yield { kind: 'paused', at: since };
    const ended = pause && since ? await settled(pause.ended) : null;
    if (ended?.status === 'fulfilled') yield { kind: 'resumed', at: ended.value };
    const imageId = await untilAborted(commit, signal);
    if (ended?.status === 'rejected') throw ended.reason;
    const stoodStill = await followed;
    isTaken = true;
    return { imageId, stoodStill };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (!isTaken) {
      discard(engine, commit, log);
      await pause?.giveUp();
    }
  }
}

/** The image that comes out of it. */
async function startCommit(
  engine: EngineConnection,
  request: CommitRequest,
  pause: CommitPause | null,
): Promise<string> {
  const tag = resultTag(request.labels);
  try {
    return await commitOnce(engine, request, tag);
  } catch (error) {
    if (!pause || !CANNOT_PAUSE.test(error instanceof Error ? error.message : '')) throw error;
    pause.skip();
    return await commitOnce(engine, { ...request, pause: false }, tag);
  }
}

/** The labels find what a dead worker leaves. Docker merges them into the container's; Podman only reads `changes`. */
async function commitOnce(
  engine: EngineConnection,
  { containerId, pause, labels }: CommitRequest,
  tag: KeptTag | null,
): Promise<string> {
  const options: object = {
    _query: { container: containerId, pause, changes: labelChanges(labels), ...tag },
    _body: { Labels: labels },
  };
  const answer: unknown = await engine.wait((docker) => docker.getContainer(containerId).commit(options));
  const id = auxField(answer, 'Id');
  if (id === null) throw new EngineError('INTERNAL', 'The engine ended the commit without an image.');
  return fullImageId(id);
}

/** As instructions of a Dockerfile, without those that would need quotes: engines do not agree on these. */
function labelChanges(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels)
    .filter(([key, value]) => /^[\w./-]+$/.test(key) && /^[\w./:@-]+$/.test(value))
    .map(([key, value]) => `LABEL ${key}=${value}`);
}

/** Takes away what comes out of a commit that nobody waits for any more, whenever it does. */
function discard(engine: EngineConnection, imageId: Promise<string>, log: Logger): void {
  imageId.then(
    (id) => releaseCopy(engine, id, log),
    (error: unknown) => log.debug({ err: error }, 'a commit that was given up has failed'),
  );
}

/** Never fails: an image that stays carries the labels by which leftovers are found. */
export async function releaseCopy(engine: EngineConnection, imageId: string, log: Logger): Promise<void> {
  const about = { image: imageId };
  const message = 'what an engine copied of a notebook stays, with the secrets of its environment';
  try {
    const released = await engine.ask((docker, signal) => releaseImage(docker, imageId, signal));
    if (released === 'kept') log.warn(about, `${message}: somebody has tagged it or uses it`);
  } catch (error) {
    log.warn({ ...about, err: error }, message);
  }
}

async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([promise]);
  return result;
}
