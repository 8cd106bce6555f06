import type { ContainerInspectInfo } from 'dockerode';
import type { Logger } from '../../shared/logger.ts';
import { type CommitEvent, type CommitRequest, EngineError } from '../container-engine.ts';
import { isHttpError, isNotFound, orNull } from './docker-errors.ts';
import { type EngineConnection, untilAborted } from './engine-connection.ts';
import { auxField } from './engine-messages.ts';
import { type KeptTag, resultTag } from './kept-images.ts';

/** Labels of the platform's: a container that is started from the image must not pass for the notebook it was. */
const OWN_LABELS = 'slipway.';

/** Podman without root on cgroup v1 has no way to pause a container. */
const CANNOT_PAUSE = /can ?not pause containers/i;

/** Makes an image of a container, without the values and labels that must not get into it. */
export async function* runCommit(
  engine: EngineConnection,
  request: CommitRequest,
  log: Logger,
  signal?: AbortSignal,
): AsyncIterable<CommitEvent> {
  const container = await inspect(engine, request.containerId, signal);
  if (!container) throw gone();
  if (!container.State.Running || container.State.Paused) throw notRunning();
  const blanked = Object.keys(container.Config.Labels ?? {}).filter((label) => label.startsWith(OWN_LABELS));
  const labels = { ...Object.fromEntries(blanked.map((label) => [label, ''])), ...request.labels };
  const base = await engine.ask((docker) => docker.getImage(container.Image).inspect(), signal);
  const inBase = new Set(base.Config.Env ?? []);
  const own = (container.Config.Env ?? []).filter((entry) => !inBase.has(entry));
  const env = Object.fromEntries(own.map((entry) => [entry.split('=')[0] ?? '', '']));
  const tag = resultTag(request.labels);
  let paused = request.pause;
  const committing = engine.wait(async (docker) => {
    try {
      return await commit(docker, request, env, labels, tag);
    } catch (error) {
      if (!request.pause || !CANNOT_PAUSE.test(error instanceof Error ? error.message : '')) throw error;
      paused = false;
      return await commit(docker, { ...request, pause: false }, env, labels, tag);
    }
  });
  const end = async () => {
    if (request.pause) await unpause(engine, request.containerId, log);
  };
  if (request.pause) yield { kind: 'paused', at: new Date() };
  let imageId: string;
  try {
    imageId = await untilAborted(committing, signal);
  } catch (error) {
    await end();
    if (signal?.aborted) {
      // The engine does not stop a commit whose caller is gone, and would keep its image.
      committing
        .then((id) => remove(engine, id, log))
        .catch((failure: unknown) => log.debug({ err: failure }, 'an aborted commit failed'));
      throw error;
    }
    throw await explain(engine, request.containerId, error);
  }
  await end();
  if (request.pause) yield { kind: 'resumed', at: new Date() };
  yield { kind: 'result', imageId, writtenBytes: 0, stoodStill: paused };
}

async function commit(
  docker: EngineConnection['docker'],
  { containerId, pause, comment }: CommitRequest,
  env: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
  tag: KeptTag | null,
): Promise<string> {
  const container = docker.getContainer(containerId);
  const options: object = {
    _query: { container: containerId, pause, comment, changes: changes(env, labels), ...tag },
    // Docker merges this into the container's configuration; names need no quoting here. Podman only reads `changes`.
    _body: { Env: Object.entries(env).map(([name, value]) => `${name}=${value}`), Labels: labels },
  };
  const answer: unknown = await container.commit(options);
  const id = auxField(answer, 'Id');
  if (id === null) throw new EngineError('INTERNAL', 'The engine ended the commit without an image.');
  return id.startsWith('sha256:') ? id : `sha256:${id}`;
}

/** The same as Dockerfile instructions, for what can be written as such. */
function changes(env: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): string[] {
  const written = (keyword: string, pairs: Readonly<Record<string, string>>, name: RegExp) =>
    Object.entries(pairs)
      .filter(([key, value]) => name.test(key) && !/[\n\r]/.test(value))
      .map(([key, value]) => `${keyword} ${key}="${value.replace(/[\\"$]/g, '\\$&')}"`);
  return [...written('ENV', env, /^[A-Za-z_]\w*$/), ...written('LABEL', labels, /^[\w./-]+$/)];
}

async function inspect(
  engine: EngineConnection,
  id: string,
  signal?: AbortSignal,
): Promise<ContainerInspectInfo | null> {
  return engine.ask(
    (docker, abortSignal) => orNull(docker.getContainer(id).inspect({ abortSignal })),
    signal,
  );
}

/** The engine pauses a container while it copies it. Where it failed on the way, the notebook must go on all the same. */
async function unpause(engine: EngineConnection, id: string, log: Logger): Promise<void> {
  try {
    const container = await inspect(engine, id);
    if (container?.State.Paused) {
      await engine.ask((docker, abortSignal) => docker.getContainer(id).unpause({ abortSignal }));
    }
  } catch (error) {
    log.error({ err: error, container: id }, 'a container may be left paused');
  }
}

/** A commit that failed because the container went away meanwhile says so. */
async function explain(engine: EngineConnection, id: string, error: unknown): Promise<unknown> {
  if (!(error instanceof EngineError) || !isHttpError(error.cause)) return error;
  const container = await inspect(engine, id).catch(() => undefined);
  if (container === null) return gone();
  return container && !container.State.Running ? notRunning() : error;
}

async function remove(engine: EngineConnection, imageId: string, log: Logger): Promise<void> {
  try {
    await engine.ask((docker, abortSignal) => docker.getImage(imageId).remove({ abortSignal }));
  } catch (error) {
    const cause = error instanceof EngineError ? error.cause : error;
    if (!isNotFound(cause)) log.warn({ err: error, image: imageId }, 'the image of a failed commit stays');
  }
}

const gone = () => new EngineError('NOTEBOOK_GONE', 'The notebook does not exist any more.');
const notRunning = () => new EngineError('NOTEBOOK_NOT_RUNNING', 'The notebook is not running.');
