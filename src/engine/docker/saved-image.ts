import { createHash } from 'node:crypto';
import { type HistoryEntry, historyOf, type ToldEntry } from './image-history.ts';

/** What an engine tells of an image, as far as a new one is made of it. */
export interface ToldImage {
  readonly Architecture: string;
  readonly Os: string;
  readonly Variant?: string;
  readonly OsVersion?: string;
  readonly Author?: string;
  /** `null` where it was imported without any. */
  readonly Config:
    | (Readonly<Record<string, unknown>> & { readonly Labels?: Readonly<Record<string, string>> | null })
    | null;
  readonly RootFS: { readonly Layers?: readonly string[] };
}

/** An image's configuration as the bytes that an engine stores. */
export interface ComposedImage {
  readonly config: Buffer;
  /** The SHA-256 of these bytes in hexadecimal, which most engines call the image by. */
  readonly digest: string;
  /** The digests of its uncompressed layers, the lowest first. */
  readonly layers: readonly string[];
}

export interface SavedParts {
  readonly base: ToldImage;
  readonly baseHistory: readonly ToldEntry[];
  /** The layers that the commit found: the base's, and one more if there is anything in it. */
  readonly layers: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly omitLabels: readonly string[];
  readonly comment: string;
  readonly at: Date;
}

/** Of a container, not of an image; engines tell them all the same. */
const OF_A_CONTAINER = new Set([
  'Hostname',
  'Domainname',
  'AttachStdin',
  'AttachStdout',
  'AttachStderr',
  'Tty',
  'OpenStdin',
  'StdinOnce',
  'NetworkDisabled',
  'MacAddress',
  'Image',
]);

/** The image of a saved notebook: its base's configuration and history with the notebook's layers, and nothing else of the notebook. PURE. */
export function composeImage(parts: SavedParts): ComposedImage {
  const { base, baseHistory, layers, labels, omitLabels, comment, at } = parts;
  const { Labels, ...settings } = base.Config ?? {};
  const own = Object.entries(settings).filter(([key, value]) => value !== null && !OF_A_CONTAINER.has(key));
  const kept = Object.entries(Labels ?? {}).filter(([key]) => !omitLabels.includes(key));
  const baseLayers = base.RootFS.Layers?.length ?? 0;
  const saved: HistoryEntry = {
    created: at.toISOString(),
    created_by: 'saved from a notebook',
    ...(comment !== '' && { comment }),
    ...(layers.length === baseLayers && { empty_layer: true }),
  };
  const image = {
    created: at.toISOString(),
    ...(base.Author && { author: base.Author }),
    architecture: base.Architecture,
    ...(base.Variant && { variant: base.Variant }),
    os: base.Os,
    ...(base.OsVersion && { 'os.version': base.OsVersion }),
    config: { ...Object.fromEntries(own), Labels: { ...Object.fromEntries(kept), ...labels } },
    rootfs: { type: 'layers', diff_ids: layers },
    history: [...historyOf(baseHistory, baseLayers), saved],
  };
  const config = Buffer.from(JSON.stringify(image));
  return { config, digest: createHash('sha256').update(config).digest('hex'), layers };
}
