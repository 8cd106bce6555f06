import { gunzipSync } from 'node:zlib';

const MANIFESTS = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
].join(', ');

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}
/** What stands in an image's configuration, as far as tests look at it. */
export interface ImageConfig {
  readonly architecture: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly { readonly created_by?: string; readonly empty_layer?: boolean }[];
  readonly rootfs: { readonly diff_ids: readonly string[] };
}
/** An image as a registry gives it to whoever may pull it. */
export interface PushedImage {
  readonly digest: string;
  /** Bytes of the compressed layers and of the configuration. */
  readonly sizeBytes: number;
  readonly config: ImageConfig;
  /** Uncompressed archives, the lowest first. */
  readonly layers: readonly Buffer[];
  /** Which of these texts stands anywhere: in the manifest, the configuration, or a byte of a layer. */
  holds(texts: readonly string[]): readonly string[];
}

/** Fetches an image with all its layers from a registry that speaks plain HTTP. */
export async function fetchPushed(host: string, repository: string, reference: string): Promise<PushedImage> {
  const base = `http://${host}/v2/${repository}`;
  const answer = await get(`${base}/manifests/${reference}`, { accept: MANIFESTS });
  const text = await answer.text();
  const manifest = JSON.parse(text) as { config: Descriptor; layers: Descriptor[] };
  const configText = await (await get(`${base}/blobs/${manifest.config.digest}`)).text();
  const layers: Buffer[] = [];
  for (const { mediaType, digest } of manifest.layers) {
    if (!mediaType.endsWith('gzip')) throw new Error(`no test reads layers of type ${mediaType}`);
    const blob = await get(`${base}/blobs/${digest}`);
    layers.push(gunzipSync(Buffer.from(await blob.arrayBuffer())));
  }
  const parts = [Buffer.from(text), Buffer.from(configText), ...layers];
  return {
    digest: answer.headers.get('docker-content-digest') ?? '',
    sizeBytes: [manifest.config, ...manifest.layers].reduce((sum, { size }) => sum + size, 0),
    config: JSON.parse(configText) as ImageConfig,
    layers,
    holds: (texts) => texts.filter((wanted) => parts.some((part) => part.includes(wanted))),
  };
}

/** The tags of a repository. */
export async function tagsOf(host: string, repository: string): Promise<readonly string[]> {
  const { tags } = (await (await get(`http://${host}/v2/${repository}/tags/list`)).json()) as {
    tags: string[];
  };
  return tags;
}

async function get(url: string, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(url, { headers });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return response;
}
