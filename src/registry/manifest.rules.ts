import { z } from 'zod';

export const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const Descriptor = z.object({
  mediaType: z.string().default(''),
  digest,
  size: z.number().int().nonnegative(),
});
const Manifest = z.object({ config: Descriptor, layers: z.array(Descriptor) });
const Platform = z.object({ os: z.string(), architecture: z.string() });
const Index = z.object({ manifests: z.array(Descriptor.extend({ platform: Platform.optional() })).min(1) });
const ImageConfig = z.object({ architecture: z.string().min(1).optional() });

export type Manifest = z.infer<typeof Manifest>;
export type Index = z.infer<typeof Index>;

/**
 * What a manifest's JSON says: one image, or an index of images for several platforms.
 *
 * @throws ZodError it is neither
 */
export function parseManifest(json: unknown): { image: Manifest } | { index: Index } {
  const index = Index.safeParse(json);
  return index.success ? { index: index.data } : { image: Manifest.parse(json) };
}

/** The image's processor from its configuration, `null` where it does not say. */
export function parseArchitecture(json: unknown): string | null {
  return ImageConfig.parse(json).architecture ?? null;
}

/**
 * The entry of an index that a Linux machine of this architecture would pull; where there is none, the first one for
 * any Linux, else the first. Entries for `unknown` platforms are BuildKit's attestations, not images.
 */
export function pickEntry(index: Index, architecture: string): Index['manifests'][number] | null {
  const images = index.manifests.filter((entry) => entry.platform?.os !== 'unknown');
  const linux = images.filter((entry) => entry.platform?.os === 'linux');
  return (
    linux.find((entry) => entry.platform?.architecture === architecture) ?? linux[0] ?? images[0] ?? null
  );
}
