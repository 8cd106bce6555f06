import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, type Pack, pack } from 'tar-stream';
import type { ComposedImage } from './saved-image.ts';

/** No description in an archive is longer; what is may only be a layer. */
const MAX_DESCRIPTION_BYTES = 8 * 1024 * 1024;

/** An archive of an image without its layers, for an engine that has them and does not ask. */
export async function packWithoutLayers(image: ComposedImage, name: string): Promise<Buffer> {
  const tar = pack();
  const files = image.layers.map((_, i) => `${i}/layer.tar`);
  describe(tar, image, name, files);
  return buffer(tar);
}

/**
 * The archive that an engine gave for an image, with the same layers and another configuration. It passes as a stream: its
 * descriptions are left out, and the new ones come at the end. If either side fails, so does the other.
 */
export function recomposeArchive(archive: Readable, image: ComposedImage, name: string): Readable {
  const tar = pack();
  passLayers(archive, tar).then(
    (files) => describe(tar, image, name, files),
    (error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return Readable.from(tar, { objectMode: false });
}

/** @returns the layers' names in the archive, the lowest first */
async function passLayers(archive: Readable, tar: Pack): Promise<readonly string[]> {
  const entries = extract();
  const read = pipeline(archive, entries);
  let files: readonly string[] | null = null;
  const pass = async () => {
    for await (const entry of entries) {
      const { header } = entry;
      if (header.type !== 'file') {
        // Some engines give a layer more than one name, by links.
        tar.entry(header);
        entry.resume();
      } else if (header.size > MAX_DESCRIPTION_BYTES) {
        await pipeline(entry, tar.entry(header));
      } else {
        const content = await buffer(entry);
        // Every description is JSON, and a layer never is: a tar holds NULs.
        const description = parsed(content);
        if (description === undefined) await pipeline(Readable.from([content]), tar.entry(header));
        else if (header.name === 'manifest.json') files = layerFiles(description);
      }
    }
  };
  await Promise.all([read, pass()]);
  if (files === null) throw new Error("the engine's archive has no manifest.json");
  return files;
}

function describe(
  tar: Pack,
  { config, digest }: ComposedImage,
  name: string,
  files: readonly string[],
): void {
  const manifest = [{ Config: `${digest}.json`, RepoTags: [name], Layers: files }];
  add(tar, `${digest}.json`, config);
  add(tar, 'manifest.json', Buffer.from(JSON.stringify(manifest)));
  tar.finalize();
}

function add(tar: Pack, name: string, content: Buffer): void {
  tar.entry({ name, mode: 0o644, mtime: new Date(0) }, content);
}

function parsed(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    return undefined;
  }
}

function layerFiles(manifest: unknown): readonly string[] | null {
  const first: unknown = Array.isArray(manifest) ? manifest[0] : null;
  if (typeof first !== 'object' || first === null || !('Layers' in first)) return null;
  const { Layers } = first;
  return Array.isArray(Layers) && Layers.every((file) => typeof file === 'string') ? Layers : null;
}
