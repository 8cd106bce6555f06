import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Busybox } from './busybox.ts';
import { architecture } from './machine.ts';

export interface BaseImage {
  /** `host/slipway/base:latest`. */
  readonly reference: string;
  readonly digest: string;
  /** Whether anything had to be sent. */
  readonly pushed: boolean;
}

const REPOSITORY = 'slipway/base';
const TAG = 'latest';
// Fixed, so that the same busybox gives the same bytes, and a second start finds its image in the registry.
const CREATED = '2024-01-01T00:00:00Z';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/**
 * Puts a small image with a shell into a registry on this machine, so that examples build without any public one.
 *
 * @throws Error the registry refuses it
 */
export async function pushBaseImage(host: string, busybox: Busybox): Promise<BaseImage> {
  const layer = await makeLayer(busybox);
  const compressed = gzipSync(layer, { level: 6 });
  const config = Buffer.from(JSON.stringify(makeConfig(digestOf(layer))));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: describe('application/vnd.oci.image.config.v1+json', config),
      layers: [describe('application/vnd.oci.image.layer.v1.tar+gzip', compressed)],
    }),
  );
  const image = { reference: `${host}/${REPOSITORY}:${TAG}`, digest: digestOf(manifest) };
  const base = `http://${host}/v2/${REPOSITORY}`;
  const present = await ask(`${base}/manifests/${TAG}`, {
    method: 'HEAD',
    headers: { accept: MANIFEST_TYPE },
  });
  if (present.headers.get('docker-content-digest') === image.digest) return { ...image, pushed: false };
  for (const blob of [compressed, config]) await pushBlob(base, blob);
  const put = await ask(`${base}/manifests/${TAG}`, {
    method: 'PUT',
    headers: { 'content-type': MANIFEST_TYPE },
    body: manifest,
  });
  if (put.status !== 201)
    throw new Error(`the registry refuses the manifest of ${image.reference}: ${put.status}`);
  return { ...image, pushed: true };
}

async function makeLayer(busybox: Busybox): Promise<Buffer> {
  const tar = pack();
  const mtime = new Date(CREATED);
  const add = (name: string, mode: number, content?: string | Buffer) =>
    content === undefined
      ? tar.entry({ name, mode, mtime, type: 'directory' })
      : tar.entry({ name, mode, mtime }, Buffer.from(content));
  for (const folder of [
    'bin',
    'sbin',
    'usr',
    'usr/bin',
    'usr/sbin',
    'etc',
    'home',
    'var',
    'dev',
    'proc',
    'sys',
  ]) {
    add(folder, 0o755);
  }
  add('root', 0o700);
  add('tmp', 0o1777);
  add('var/tmp', 0o1777);
  add('etc/passwd', 0o644, 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
  add('etc/group', 0o644, 'root:x:0:\nnogroup:x:65534:\n');
  add(
    'etc/os-release',
    0o644,
    'ID=slipway-base\nNAME="Slipway base"\nPRETTY_NAME="Slipway base (busybox)"\n',
  );
  add('bin/busybox', 0o755, readFileSync(busybox.path));
  for (const name of busybox.commands) {
    tar.entry({ name, mode: 0o777, mtime, type: 'symlink', linkname: '/bin/busybox' });
  }
  tar.finalize();
  return buffer(tar);
}

function makeConfig(layerDigest: string) {
  return {
    architecture: architecture(),
    os: 'linux',
    created: CREATED,
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Cmd: ['/bin/sh'],
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: [layerDigest] },
    history: [{ created: CREATED, created_by: 'busybox-static', comment: "Slipway's base image" }],
  };
}

async function pushBlob(base: string, blob: Buffer): Promise<void> {
  const digest = digestOf(blob);
  if ((await ask(`${base}/blobs/${digest}`, { method: 'HEAD' })).ok) return;
  const upload = await ask(`${base}/blobs/uploads/`, { method: 'POST' });
  const location = upload.headers.get('location');
  if (upload.status !== 202 || !location) throw new Error(`the registry takes no upload: ${upload.status}`);
  const target = new URL(location, base);
  target.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream' };
  const put = await ask(target.href, { method: 'PUT', headers, body: blob });
  if (put.status !== 201) throw new Error(`the registry refuses a blob: ${put.status}`);
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(30_000) });
  await response.body?.cancel();
  return response;
}

function describe(mediaType: string, bytes: Buffer) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
