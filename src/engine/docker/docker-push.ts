import { parseImageReference } from '../../shared/image-reference.ts';
import type { Logger } from '../../shared/logger.ts';
import { EngineError, type PushEvent, type PushRequest } from '../container-engine.ts';
import { engineWords, isHttpError, isNotFound, pushFailure, toEngineError } from './docker-errors.ts';
import { type EngineConnection, jsonHeader } from './engine-connection.ts';
import { auxField, type EngineMessage, readMessages } from './engine-messages.ts';
import { keepTag } from './kept-images.ts';

/** A registry that accepts and never answers would hold a push for ever: dockerd has no deadline of its own. */
const MAX_SILENCE_MS = 60_000;
const PROGRESS_EVERY_MS = 250;

/** Tags, pushes and untags; tries once. */
export async function* runPush(
  engine: EngineConnection,
  request: PushRequest,
  log: Logger,
  signal?: AbortSignal,
  maxSilenceMs = MAX_SILENCE_MS,
): AsyncIterable<PushEvent> {
  const reference = parseImageReference(request.reference);
  if ('problem' in reference || reference.host === null || reference.tag === null) {
    throw new EngineError('INTERNAL', `"${request.reference}" is not a reference with host and tag.`);
  }
  const repository = `${reference.host}/${reference.path}`;
  signal?.throwIfAborted();
  const stop = new AbortController();
  const silence = setTimeout(() => stop.abort(), maxSilenceMs);
  const layers = new PushedLayers();
  let digest: string | null = null;
  let told = 0;
  try {
    // Not aborted with the rest: the engine would set the tag all the same, after it was taken away.
    await tag(engine, request.imageId, repository, reference.tag);
    signal?.throwIfAborted();
    silence.refresh();
    const stream = await engine.post({
      path: `/images/${repository}/push`,
      query: { tag: reference.tag },
      headers: { 'X-Registry-Auth': authHeader(request, reference.host) },
      signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    });
    for await (const message of readMessages(stream)) {
      silence.refresh();
      if (message.error) throw pushFailure(message.error.message);
      digest = digestIn(message) ?? digest;
      if (layers.read(message) && Date.now() - told >= PROGRESS_EVERY_MS) {
        told = Date.now();
        yield layers.progress();
      }
    }
    if (digest === null) throw new EngineError('INTERNAL', 'The engine ended the push without a digest.');
    yield layers.progress();
    yield { kind: 'result', digest };
  } catch (error) {
    if (stop.signal.aborted && !signal?.aborted) {
      throw new EngineError(
        'REGISTRY_UNAVAILABLE',
        `The registry was silent for ${maxSilenceMs / 1000} seconds.`,
        {
          cause: error,
        },
      );
    }
    if (isHttpError(error) && error.statusCode >= 500 && !signal?.aborted)
      throw pushFailure(engineWords(error));
    throw toEngineError(error, signal);
  } finally {
    clearTimeout(silence);
    stop.abort();
    await untag(engine, request, log);
  }
}

/** What is known of each layer's upload. */
class PushedLayers {
  private readonly layers = new Map<string, { current: number; total: number }>();

  /** Whether the message was about a layer. */
  read({ id, status, current, total }: EngineMessage): boolean {
    if (id === null) return false;
    const layer = this.layers.get(id) ?? { current: 0, total: 0 };
    // An engine knows a layer's size before it is compressed, and may send a little more or less than that.
    if (current !== null) layer.current = current;
    if (total !== null) layer.total = total;
    layer.total = Math.max(layer.total, layer.current);
    if (status === 'Pushed') layer.current = layer.total;
    if (status === 'Layer already exists' || status?.startsWith('Mounted from'))
      layer.current = layer.total = 0;
    this.layers.set(id, layer);
    return true;
  }

  progress(): PushEvent {
    let pushedBytes = 0;
    let totalBytes = 0;
    for (const { current, total } of this.layers.values()) {
      pushedBytes += current;
      totalBytes += total;
    }
    return { kind: 'progress', pushedBytes, totalBytes };
  }
}

/** Docker says it in `aux`, Podman only in the line for people that both print. */
function digestIn({ aux, status, stream }: EngineMessage): string | null {
  return (
    auxField(aux, 'Digest') ?? /\bdigest: (sha256:[0-9a-f]{64})\b/.exec(status ?? stream ?? '')?.[1] ?? null
  );
}

/** Without credentials the header is there all the same, empty: older engines refuse a push that lacks it. */
function authHeader({ auth }: PushRequest, host: string): string {
  const value = auth ? { username: auth.username, password: auth.password, serveraddress: host } : {};
  return jsonHeader(value);
}

async function tag(engine: EngineConnection, imageId: string, repo: string, tagName: string): Promise<void> {
  await engine.ask(async (docker, abortSignal) => {
    try {
      await docker.getImage(imageId).tag({ repo, tag: tagName, abortSignal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw new EngineError('INTERNAL', 'The engine has lost the image that was to be pushed.', {
        cause: error,
      });
    }
  });
}

/**
 * Takes only the tag away. An image without any tag goes with its last one, so it gets one of ours first, which
 * `removeImage` knows. Never fails: a tag that stays is a nuisance, not a reason to fail a build. */
async function untag(
  engine: EngineConnection,
  { imageId, reference }: PushRequest,
  log: Logger,
): Promise<void> {
  try {
    await engine.ask(async (docker, abortSignal) => {
      await docker.getImage(imageId).tag({ ...keepTag(imageId), abortSignal });
      await docker.getImage(reference).remove({ noprune: true, abortSignal });
    });
  } catch (error) {
    const cause = error instanceof EngineError ? error.cause : error;
    if (!isHttpError(cause) || !isNotFound(cause))
      log.warn({ err: error, reference }, 'the tag of a push stays');
  }
}
