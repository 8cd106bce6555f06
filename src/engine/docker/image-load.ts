import type { Readable } from 'node:stream';
import { EngineError } from '../container-engine.ts';
import { loadFailure, orNull, toEngineError } from './docker-errors.ts';
import type { EngineConnection } from './engine-connection.ts';
import { readMessages } from './engine-messages.ts';
import { packWithoutLayers, recomposeArchive } from './image-archive.ts';
import { fullImageId } from './image-id.ts';
import { type KeptTag, releaseImage, tagName } from './kept-images.ts';
import type { ComposedImage } from './saved-image.ts';

/** An archive of some KiB is taken within this time, or the engine counts as not answering. */
const LOAD_TIMEOUT_MS = 30_000;

/**
 * Puts an image into the engine whose layers are those of an image `source` that it has, and tags it.
 *
 * Docker with graph drivers (20.10) does not read a layer that it has, so a few KiB do. Podman (4.3) wants all layers in the archive,
 * and so does Docker with containerd's store, by its source: there the engine's own archive of `source` goes through here.
 *
 * @returns the image's id
 */
export async function loadImage(
  engine: EngineConnection,
  image: ComposedImage,
  source: string,
  tag: KeptTag,
  signal?: AbortSignal,
): Promise<string> {
  const name = tagName(tag);
  try {
    const id =
      (await loadWithoutLayers(engine, image, name)) ??
      (await loadWhole(engine, image, source, name, signal));
    signal?.throwIfAborted();
    return id;
  } catch (error) {
    // It may be in the engine all the same. What cannot be taken away now is a leftover like any other.
    await engine.ask((docker, abortSignal) => releaseImage(docker, name, abortSignal)).catch(() => undefined);
    throw toEngineError(error, signal);
  }
}

/** The image's id; `null` where the engine wants the layers too. */
async function loadWithoutLayers(
  engine: EngineConnection,
  image: ComposedImage,
  name: string,
): Promise<string | null> {
  const archive = await packWithoutLayers(image, name);
  try {
    // Not aborted with the rest: the engine might end it all the same, a moment after the image was looked for.
    await load(engine, archive, AbortSignal.timeout(LOAD_TIMEOUT_MS));
    return await findLoaded(engine, image, name);
  } catch (error) {
    const failure = toEngineError(error);
    if (failure instanceof EngineError && failure.reason === 'INTERNAL') return null;
    throw failure;
  }
}

async function loadWhole(
  engine: EngineConnection,
  image: ComposedImage,
  source: string,
  name: string,
  signal?: AbortSignal,
): Promise<string> {
  const archive = await engine.get({ path: `/images/${source}/get`, query: {}, signal });
  try {
    await load(engine, recomposeArchive(archive, image, name), signal);
  } finally {
    archive.destroy();
  }
  const id = await findLoaded(engine, image, name, signal);
  if (id === null) throw new EngineError('INTERNAL', 'The engine took an image and does not have it.');
  return id;
}

async function load(engine: EngineConnection, body: Buffer | Readable, signal?: AbortSignal): Promise<void> {
  const answer = await engine.post({ path: '/images/load', query: { quiet: true }, body, signal });
  for await (const { error } of readMessages(answer)) if (error) throw loadFailure(error.message);
}

/** By its tag, not by its configuration's digest: with containerd's store the id is the manifest's. */
async function findLoaded(
  engine: EngineConnection,
  { layers }: ComposedImage,
  name: string,
  signal?: AbortSignal,
): Promise<string | null> {
  const found = await engine.ask((docker) => orNull(docker.getImage(name).inspect()), signal);
  const there = found?.RootFS.Layers ?? [];
  if (!found || there.length !== layers.length || layers.some((layer, i) => layer !== there[i])) return null;
  return fullImageId(found.Id);
}
