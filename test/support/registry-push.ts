import { createHash } from 'node:crypto';

const TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  list: 'application/vnd.docker.distribution.manifest.list.v2+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  docker: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

/** A document of a registry: a manifest, an index or a blob. */
export interface Document {
  readonly mediaType: string;
  readonly text: string;
  readonly digest: string;
  readonly size: number;
}

/** An image of one layer, which is no archive: registries do not look. */
export interface TestImage {
  readonly manifest: Document;
  readonly config: Document;
  readonly layer: Document;
}

export function makeImage(
  architecture: string,
  content = 'layer',
  type: 'manifest' | 'docker' = 'manifest',
): TestImage {
  const layer = makeDocument(TYPES.layer, content);
  const config = makeDocument(TYPES.config, JSON.stringify({ architecture, os: 'linux' }));
  const body = { schemaVersion: 2, mediaType: TYPES[type], config: point(config), layers: [point(layer)] };
  return { layer, config, manifest: makeDocument(TYPES[type], JSON.stringify(body)) };
}

/** An index of documents, each with what its entry says besides. */
export function makeIndex(
  entries: readonly (readonly [Document, Record<string, unknown>])[],
  type: 'index' | 'list' = 'index',
): Document {
  const manifests = entries.map(([document, facts]) => ({ ...point(document), ...facts }));
  return makeDocument(TYPES[type], JSON.stringify({ schemaVersion: 2, mediaType: TYPES[type], manifests }));
}

export const linux = (architecture: string) => ({ platform: { os: 'linux', architecture } });

export function makeDocument(mediaType: string, text: string): Document {
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  return { mediaType, text, digest, size: Buffer.byteLength(text) };
}

const point = ({ mediaType, digest, size }: Document) => ({ mediaType, digest, size });

/** Pushes an image to a registry that speaks plain HTTP. */
export async function pushImage(host: string, repository: string, tag: string, image: TestImage) {
  for (const blob of [image.layer, image.config]) await pushBlob(host, repository, blob);
  await pushManifest(host, repository, tag, image.manifest);
}

export async function pushManifest(host: string, repository: string, reference: string, document: Document) {
  const url = `http://${host}/v2/${repository}/manifests/${reference}`;
  await send(url, 'PUT', { 'content-type': document.mediaType }, document.text, 201);
}

async function pushBlob(host: string, repository: string, blob: Document) {
  const base = `http://${host}/v2/${repository}/blobs/uploads/`;
  const upload = await send(base, 'POST', {}, '', 202);
  const target = new URL(upload.headers.get('location') ?? '', base);
  target.searchParams.set('digest', blob.digest);
  await send(target.href, 'PUT', { 'content-type': 'application/octet-stream' }, blob.text, 201);
}

async function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: string,
  status: number,
) {
  const response = await fetch(url, { method, headers, body });
  if (response.status !== status) throw new Error(`${method} ${url}: ${await response.text()}`);
  return response;
}
