import type { Logger } from '../../shared/logger.ts';
import { type CommitEvent, type CommitRequest, EngineError } from '../container-engine.ts';
import { CommitWatch, within } from './commit-watch.ts';
import { resumeContainer } from './docker-container.ts';
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
/** An engine that has not said by then that it paused the container does not say such things. */
const PAUSES_WITHIN_MS = 1_000;
/** Between an answer and an event that came before it, over another connection. */
const EVENT_DELAY_MS = 250;

/**
 * Has the engine copy what a container has written, and tells when the container stands still and when it goes on. An abort
 * lets it go on at once, also while nobody reads the events; the engine cannot be stopped copying, so what comes out of that is
 * taken away when it is there. A stream that throws without a `resumed` for its `paused` could not reach the engine: there the
 * container may stand still.
 */
export async function* copyLayer(
  engine: EngineConnection,
  request: CommitRequest,
  log: Logger,
  signal?: AbortSignal,
): AsyncGenerator<CommitEvent, LayerCopy> {
  using watch = request.pause ? await CommitWatch.open(engine, request.containerId, signal) : null;
  const commit = startCommit(engine, request);
  const paused = watch ? pausedAt(watch, commit) : Promise.resolve(null);
  let goingOn: Promise<PromiseSettledResult<void>> | null = null;
  const letGoOn = () => {
    goingOn ??= paused.then(() => resume(engine, request.containerId, log));
    return goingOn;
  };
  const onAbort = () => void letGoOn();
  if (watch) signal?.addEventListener('abort', onAbort, { once: true });
  let isTaken = false;
  try {
    const since = await paused;
    if (since) yield { kind: 'paused', at: since };
    const copied = await settled(untilAborted(commit.imageId, signal));
    const resumed = watch && (await letGoOn());
    if (watch && since && resumed?.status === 'fulfilled')
      yield { kind: 'resumed', at: await watch.resumedAt() };
    if (copied.status === 'rejected') throw copied.reason;
    if (resumed?.status === 'rejected') throw resumed.reason;
    isTaken = true;
    const stoodStill = watch !== null && !commit.cannotPause && (watch.stoodStill(copied.value) ?? true);
    return { imageId: copied.value, stoodStill };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (!isTaken) discard(engine, commit.imageId, log);
    if (watch) await letGoOn();
  }
}

interface Commit {
  readonly imageId: Promise<string>;
  /** Known to be so, once the engine has said it. */
  cannotPause: boolean;
}

function startCommit(engine: EngineConnection, request: CommitRequest): Commit {
  const tag = resultTag(request.labels);
  const committed = async (): Promise<string> => {
    try {
      return await commitOnce(engine, request, tag);
    } catch (error) {
      if (!request.pause || !CANNOT_PAUSE.test(error instanceof Error ? error.message : '')) throw error;
      commit.cannotPause = true;
      return commitOnce(engine, { ...request, pause: false }, tag);
    }
  };
  const commit: Commit = { cannotPause: false, imageId: Promise.resolve().then(committed) };
  return commit;
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

/** When the container stands still, as soon as that is known; `null` where it does not, or where the commit fails at once. */
async function pausedAt(watch: CommitWatch, commit: Commit): Promise<Date | null> {
  const calledAt = new Date();
  const answer = commit.imageId.then(
    () => 'copied' as const,
    () => 'failed' as const,
  );
  const first = await within(PAUSES_WITHIN_MS, Promise.race([watch.paused, answer]), 'silence' as const);
  if (first instanceof Date) return first;
  if (first === 'failed' || commit.cannotPause) return null;
  return first === 'silence' ? calledAt : within(EVENT_DELAY_MS, watch.paused, calledAt);
}

/** The engine resumes a container itself; where it failed on the way, or is still copying, the notebook must go on all the same. */
async function resume(
  engine: EngineConnection,
  id: string,
  log: Logger,
): Promise<PromiseSettledResult<void>> {
  const result = await settled(resumeContainer(engine, id));
  if (result.status === 'rejected')
    log.error({ err: result.reason, container: id }, 'a container may be left paused');
  return result;
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
  try {
    await engine.ask((docker, abortSignal) => releaseImage(docker, imageId, abortSignal));
  } catch (error) {
    log.warn({ err: error, image: imageId }, 'what an engine copied of a notebook stays');
  }
}

async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([promise]);
  return result;
}
