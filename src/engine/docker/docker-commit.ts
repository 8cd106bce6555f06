import { randomUUID } from 'node:crypto';
import type { ContainerInspectInfo } from 'dockerode';
import type { Logger } from '../../shared/logger.ts';
import { type CommitRequest, EngineError, type EngineInfo } from '../container-engine.ts';
import { packContext } from './build-context.ts';
import { isHttpError, isNotFound, orNull } from './docker-errors.ts';
import { type EngineConnection, untilAborted } from './engine-connection.ts';
import { auxField, readMessages } from './engine-messages.ts';
import { type KeptTag, resultTag, tagName } from './kept-images.ts';

/** Labels of the platform's: a container that is started from the image must not pass for the notebook it was. */
const OWN_LABELS = 'slipway.';

/** Podman without root on cgroup v1 has no way to pause a container. */
const CANNOT_PAUSE = /can ?not pause containers/i;

/** Makes an image of a container, without the values and labels that must not get into it. */
export async function runCommit(
  engine: EngineConnection,
  info: EngineInfo,
  request: CommitRequest,
  log: Logger,
  signal?: AbortSignal,
): Promise<{ imageId: string; paused: boolean }> {
  const container = await inspect(engine, request.containerId, signal);
  if (!container) throw gone();
  if (!container.State.Running) throw notRunning();
  const wasPaused = container.State.Paused;
  const blanked = Object.keys(container.Config.Labels ?? {}).filter((label) => label.startsWith(OWN_LABELS));
  const labels = { ...Object.fromEntries(blanked.map((label) => [label, ''])), ...request.labels };
  const tag = resultTag(request.labels);
  let paused = request.pause;
  const committing = engine.wait(async (docker) => {
    try {
      return await commit(docker, request, labels, tag);
    } catch (error) {
      if (!request.pause || !CANNOT_PAUSE.test(error instanceof Error ? error.message : '')) throw error;
      paused = false;
      return await commit(docker, { ...request, pause: false }, labels, tag);
    }
  });
  const end = async () => {
    if (request.pause && !wasPaused) await unpause(engine, request.containerId, log);
  };
  let imageId: string;
  try {
    imageId = await untilAborted(committing, signal);
  } catch (error) {
    if (signal?.aborted) {
      // The engine does not stop a commit whose caller is gone, and would keep its image.
      committing
        .then((id) => remove(engine, id, log))
        .catch(() => undefined)
        .then(end)
        .catch((failure: unknown) => log.error({ err: failure }, 'an aborted commit was not cleaned up'));
      throw error;
    }
    await end();
    throw await explain(engine, request.containerId, error);
  }
  await end();
  try {
    return { imageId: await clean(engine, info, imageId, request, tag, signal), paused };
  } catch (error) {
    await remove(engine, imageId, log);
    throw error;
  }
}

async function commit(
  docker: EngineConnection['docker'],
  { containerId, pause, env, comment }: CommitRequest,
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

/**
 * Docker before 26 keeps the container's whole configuration, secrets and all, in a second field of the image
 * (`ContainerConfig`), which a push publishes. An image that BuildKit makes of it has the same layers and no such field.
 *
 * @returns the image to use, in whose configuration none of the values to be replaced is left
 */
async function clean(
  engine: EngineConnection,
  info: EngineInfo,
  imageId: string,
  { env }: CommitRequest,
  tag: KeptTag | null,
  signal?: AbortSignal,
): Promise<string> {
  const image = await engine.ask((docker) => docker.getImage(imageId).inspect(), signal);
  const leaks = (entries: readonly string[] | null | undefined) =>
    (entries ?? []).some((entry) =>
      Object.entries(env).some(
        ([name, value]) => entry.startsWith(`${name}=`) && entry !== `${name}=${value}`,
      ),
    );
  if (leaks(image.Config.Env)) {
    throw new EngineError('INTERNAL', 'The engine kept values in the image that were to be replaced.');
  }
  const second: { Env?: string[] | null } | undefined = image.ContainerConfig;
  if (!leaks(second?.Env)) return imageId;
  if (!info.builders.includes('BUILDKIT')) {
    throw new EngineError('INTERNAL', 'The engine keeps values in the image that must not get into it.');
  }
  return rebuild(engine, imageId, tag, signal);
}

async function rebuild(
  engine: EngineConnection,
  imageId: string,
  kept: KeptTag | null,
  signal?: AbortSignal,
): Promise<string> {
  const repo = 'slipway-commit';
  const tag = randomUUID();
  const name = `${repo}:${tag}`;
  await engine.ask((docker, abortSignal) => docker.getImage(imageId).tag({ repo, tag, abortSignal }), signal);
  try {
    const { tar, dockerfilePath } = await packContext(`FROM ${name}\n`, []);
    const stream = await engine.post({
      path: '/build',
      query: { version: 2, dockerfile: dockerfilePath, t: tagName(kept) },
      body: tar,
      signal,
    });
    let id: string | null = null;
    for await (const message of readMessages(stream)) {
      if (message.error) throw new Error(message.error.message);
      if (message.id === 'moby.image.id') id = auxField(message.aux, 'ID');
    }
    if (id !== null) return id;
    throw new Error('the build ended without an image');
  } catch (error) {
    signal?.throwIfAborted();
    throw new EngineError('INTERNAL', 'The image could not be cleaned of the container’s configuration.', {
      cause: error,
    });
  } finally {
    // The only tag once the other image has ours, so the image that it names goes with it; the layers are the other's too.
    await engine.ask((docker, abortSignal) => docker.getImage(name).remove({ abortSignal }));
  }
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
