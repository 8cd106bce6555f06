import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { extract } from 'tar-stream';

/** What an engine gives for an image, as `docker save` does. */
export interface SavedArchive {
  readonly bytes: Buffer;
  readonly config: ImageConfig;
}
export interface ImageConfig {
  readonly config: Readonly<Record<string, unknown>>;
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly { readonly created_by: string; readonly empty_layer?: boolean }[];
}

/** Reads the whole archive of a small image. */
export async function readArchive(docker: Docker, imageId: string): Promise<SavedArchive> {
  const bytes = await buffer(Readable.from(await docker.getImage(imageId).get()));
  const files = new Map<string, string>();
  const entries = extract();
  Readable.from([bytes]).pipe(entries);
  for await (const entry of entries) files.set(entry.header.name, (await buffer(entry)).toString('utf8'));
  const [manifest]: { Config: string }[] = JSON.parse(files.get('manifest.json') ?? '[]');
  const config: ImageConfig = JSON.parse(files.get(manifest?.Config ?? '') ?? '{}');
  return { bytes, config };
}
