import { z } from 'zod';

const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;
export const MANIFEST_TYPES = [
  ...INDEX_TYPES,
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

// Engines stop at 127 layers; other artifacts, such as models, may have more.
const MAX_LAYERS = 1000;

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const Descriptor = z.object({
  mediaType: z
    .string()
    .regex(/^[\x20-\x7e]{0,255}$/)
    .default(''),
  digest,
  size: z.number().int().nonnegative(),
});
const word = z.string().regex(/^[\w.-]{0,64}$/);
const Entry = Descriptor.extend({
  platform: z.object({ os: word, architecture: word }).optional(),
  annotations: z.record(z.string(), z.unknown()).optional(),
});
// What would be both an index and an image could be another one for the engine that pulls it.
const Index = z.object({ manifests: z.array(Entry).min(1), layers: z.never().optional() });
const Image = z.object({
  config: Descriptor,
  layers: z.array(Descriptor).max(MAX_LAYERS),
  manifests: z.never().optional(),
});
const Manifest = Image.refine((image) => Number.isSafeInteger(sizeOf(image)), 'has an impossible size');
const ImageConfig = z.object({ architecture: word.optional() });

export type Manifest = z.infer<typeof Image>;
export type Index = z.infer<typeof Index>;
export type IndexEntry = z.infer<typeof Entry>;

/**
 * What a manifest's JSON says: one image, or an index of images for several platforms.
 *
 * @throws ZodError it is neither, or both
 */
export function parseManifest(json: unknown): { image: Manifest } | { index: Index } {
  const index = Index.safeParse(json);
  return index.success ? { index: index.data } : { image: Manifest.parse(json) };
}

/** The image's processor from its configuration, `null` where it does not say. */
export function parseArchitecture(json: unknown): string | null {
  return ImageConfig.parse(json).architecture || null;
}

/** Compressed layers and configuration together, in bytes. */
export function sizeOf(image: Manifest): number {
  return image.layers.reduce((sum, layer) => sum + layer.size, image.config.size);
}

/** The entries of an index that are images, and those that are indexes again. BuildKit's attestations are neither. */
export function entriesOf(index: Index): { images: IndexEntry[]; indexes: IndexEntry[] } {
  const isIndex = (entry: IndexEntry) => (INDEX_TYPES as readonly string[]).includes(entry.mediaType);
  const entries = index.manifests.filter((entry) => !isAttestation(entry));
  return { images: entries.filter((entry) => !isIndex(entry)), indexes: entries.filter(isIndex) };
}

function isAttestation({ platform, annotations }: IndexEntry): boolean {
  return (
    platform?.os === 'unknown' ||
    platform?.architecture === 'unknown' ||
    annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
  );
}

/**
 * The entry that a Linux machine would pull, of the first of these architectures that is there; where there is none, the
 * first one for any Linux, else the first.
 */
export function pickEntry(
  images: readonly IndexEntry[],
  architectures: readonly string[],
): IndexEntry | null {
  const linux = images.filter(({ platform }) => platform?.os === 'linux');
  for (const architecture of architectures) {
    const entry = linux.find(({ platform }) => platform?.architecture === architecture);
    if (entry !== undefined) return entry;
  }
  return linux[0] ?? images[0] ?? null;
}

/** The processors of these entries, each once, in their order. */
export function architecturesOf(images: readonly IndexEntry[]): string[] {
  return [...new Set(images.flatMap(({ platform }) => platform?.architecture || []))];
}
