import { createHash } from 'node:crypto';
import { createGuardedFetch, type Fetch, isListedFor } from '../outgoing/guarded-fetch.ts';
import { isDockerHub } from '../shared/registry-host.ts';
import { type ImageRegistry, RegistryError } from './image-registry.ts';
import { createKnownHosts, type KnownHosts } from './known-hosts.ts';
import {
  architecturesOf,
  entriesOf,
  type Index,
  type IndexEntry,
  MANIFEST_TYPES,
  type Manifest,
  parseArchitecture,
  parseManifest,
  pickEntry,
  sizeOf,
} from './manifest.rules.ts';
import { isOwnSite } from './own-site.rules.ts';
import { type Credentials, createRegistryClient, readBody } from './registry-client.ts';
import { registryOrigin } from './registry-origin.rules.ts';

// A registry answers in milliseconds; one that takes longer than this holds up a build's end.
const DEADLINE_MS = 15_000;
// Indexes are nested one deep, if at all. Each further one is a request.
const MAX_NESTED_INDEXES = 8;
// The algorithms of digests that can be checked.
const HASHES: ReadonlySet<string> = new Set(['sha256', 'sha384', 'sha512']);
const OWN_ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

/** How else a registry is reached. */
export interface OciRegistryOptions {
  /** Where its API is; absent: as engines would find it. */
  readonly origin?: string;
  /** The hosts that the operator has named besides this one. */
  readonly known?: KnownHosts;
  /**
   * For a registry that a user has named: one that asks the known hosts wherever they are. Absent: the operator has named this
   * registry, which is asked wherever it is, and may send us on to the known hosts.
   */
  readonly fetch?: Fetch;
  /** For each call, in milliseconds. */
  readonly deadlineMs?: number;
}

/**
 * ADAPTER: a registry that speaks the OCI distribution API, over plain HTTP on this machine and HTTPS elsewhere. Where it sends
 * us on, we go over HTTPS to public addresses; if the operator has named it, to the other hosts that the operator has named as well.
 *
 * @param host `host[:port]`, as it stands in references
 * @param auth for registries that ask; shown to the registry itself, and to the token service it names only where that is
 *   of its own site ({@link isOwnSite}) or the operator has given the same for that host
 */
export function createOciRegistry(
  host: string,
  auth: Credentials | null,
  options: OciRegistryOptions = {},
): ImageRegistry {
  const { known = createKnownHosts({ hosts: [], auths: {} }), deadlineMs = DEADLINE_MS } = options;
  const origin = options.origin ?? registryOrigin(host) ?? `https://${host}`;
  const listed = options.fetch === undefined ? new Set([origin, ...known.listed]) : known.listed;
  const client = createRegistryClient({
    host,
    auth,
    origin,
    fetch: options.fetch ?? createGuardedFetch(listed),
    maySendOn: (url, sentBy) => url.protocol === 'https:' || isListedFor(listed, url.origin, sentBy),
    maySeePassword: (url) =>
      isOwnSite(url, host, origin) || (auth !== null && known.hasAuth(url.origin, auth)),
  });

  // A reference to Docker Hub may leave out the first part of an official image's path.
  const pathOf = (repository: string) =>
    isDockerHub(host) && !repository.includes('/') ? `library/${repository}` : repository;

  async function getManifest(repository: string, reference: string, signal: AbortSignal) {
    const path = `${pathOf(repository)}/manifests/${reference}`;
    const document = await getDocument(path, { accept: MANIFEST_TYPES.join(', ') }, signal);
    if (!document) return null;
    const { bytes, headers } = document;
    // What the registry promises by an algorithm that nobody asked for need not be one that we know.
    const promised = headers.get('docker-content-digest') ?? '';
    if (HASHES.has(algorithmOf(promised))) assertDigest(bytes, promised, path);
    if (reference.includes(':')) assertDigest(bytes, reference, path);
    return { digest: digestOf(bytes, 'sha256'), ...understand(path, bytes, parseManifest) };
  }

  async function architectureOf(
    repository: string,
    image: Manifest,
    signal: AbortSignal,
  ): Promise<string | null> {
    const path = `${pathOf(repository)}/blobs/${image.config.digest}`;
    const document = await getDocument(path, {}, signal);
    if (!document) return null;
    assertDigest(document.bytes, image.config.digest, path);
    return understand(path, document.bytes, parseArchitecture);
  }

  async function getDocument(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) {
    const response = await client.send('GET', path, headers, signal);
    if (response.status === 200)
      return { bytes: await readBody(response, `${host}/${path}`), headers: response.headers };
    await response.body?.cancel();
    if (response.status === 404) return null;
    throw new RegistryError('PROTOCOL', `${host}/${path} answers with status ${response.status}`);
  }

  function assertDigest(bytes: Buffer, expected: string, path: string): void {
    const algorithm = algorithmOf(expected);
    const actual = HASHES.has(algorithm) ? digestOf(bytes, algorithm) : 'one that cannot be checked';
    if (actual === expected) return;
    throw new RegistryError('PROTOCOL', `the digest of ${host}/${path} is ${actual}, not ${expected}`);
  }

  function understand<T>(path: string, bytes: Buffer, parse: (json: unknown) => T): T {
    try {
      return parse(JSON.parse(bytes.toString('utf8')));
    } catch (cause) {
      throw new RegistryError('PROTOCOL', `${host}/${path} is not an image manifest that we know`, { cause });
    }
  }

  /** All images of an index, those of the indexes in it included. */
  async function imagesOf(repository: string, index: Index, signal: AbortSignal): Promise<IndexEntry[]> {
    const { images, indexes } = entriesOf(index);
    for (let read = 0; indexes[read] !== undefined; read += 1) {
      if (read === MAX_NESTED_INDEXES)
        throw new RegistryError('PROTOCOL', `${host}/${repository}: an index holds too many others`);
      const nested = await getManifest(repository, (indexes[read] as IndexEntry).digest, signal);
      if (nested === null || !('index' in nested)) continue;
      const entries = entriesOf(nested.index);
      images.push(...entries.images);
      indexes.push(...entries.indexes);
    }
    return images;
  }

  /** The image of an index that is read for it as a whole. */
  async function chooseImage(repository: string, index: Index, signal: AbortSignal, asked?: string) {
    const images = await imagesOf(repository, index, signal);
    const entry = pickEntry(images, [...(asked === undefined ? [] : [asked]), OWN_ARCHITECTURE, 'amd64']);
    const chosen = entry && (await getManifest(repository, entry.digest, signal));
    if (!chosen || !('image' in chosen))
      throw new RegistryError('PROTOCOL', `${host}/${repository}: the index holds no image`);
    const architecture = entry.platform?.architecture || null;
    return { image: chosen.image, architecture, architectures: architecturesOf(images) };
  }

  async function readImage(repository: string, tagOrDigest: string, signal: AbortSignal, asked?: string) {
    const named = await getManifest(repository, tagOrDigest, signal);
    if (!named) return null;
    const found =
      'image' in named
        ? { image: named.image, architecture: null, architectures: [] }
        : await chooseImage(repository, named.index, signal, asked);
    const { image } = found;
    const architecture = found.architecture ?? (await architectureOf(repository, image, signal));
    return {
      digest: named.digest,
      sizeBytes: sizeOf(image),
      layers: image.layers.map(({ digest, size, mediaType }) => ({ digest, sizeBytes: size, mediaType })),
      architecture,
      architectures: [...new Set([...found.architectures, ...(architecture === null ? [] : [architecture])])],
      configDigest: image.config.digest,
    };
  }

  /** @returns the answer's status, e.g. 202 for done, 404 for nothing there, 400 or 405 for what the registry cannot do */
  async function sendDelete(repository: string, reference: string, signal: AbortSignal): Promise<number> {
    const path = `${pathOf(repository)}/manifests/${reference}`;
    try {
      const response = await client.send('DELETE', path, {}, signal);
      await response.body?.cancel();
      return response.status;
    } catch (error) {
      if (error instanceof RegistryError && error.reason === 'DENIED') throw deleteNotAllowed(error);
      throw error;
    }
  }

  function deleteNotAllowed(cause: unknown): RegistryError {
    const message = `the registry ${host} does not let this server remove images`;
    return new RegistryError('DELETE_NOT_ALLOWED', message, { cause });
  }

  async function removeTag(
    repository: string,
    tag: string,
    digest: string,
    manifestMayGo: boolean,
    signal: AbortSignal,
  ) {
    const named = await getManifest(repository, tag, signal);
    if (named?.digest !== digest) return null;
    const ofTag = await sendDelete(repository, tag, signal);
    if (isDone(ofTag)) return 'TAG';
    if (ofTag === 404) return null;
    if (!manifestMayGo) return 'KEPT';
    const ofManifest = await sendDelete(repository, digest, signal);
    if (isDone(ofManifest)) return 'MANIFEST';
    if (ofManifest === 404) return null;
    throw deleteNotAllowed(`status ${ofManifest}`);
  }

  /** Gives every call its deadline, and turns what breaks on the way into the port's error. */
  async function bounded<T>(
    outer: AbortSignal | undefined,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = AbortSignal.timeout(deadlineMs);
    try {
      return await call(outer ? AbortSignal.any([outer, deadline]) : deadline);
    } catch (cause) {
      if (cause instanceof RegistryError) throw cause;
      throw new RegistryError('REGISTRY_UNAVAILABLE', `the registry ${host} did not answer to the end`, {
        cause,
      });
    }
  }

  return {
    host,

    manifest: (repository, tagOrDigest, { signal: outer, architecture } = {}) =>
      bounded(outer, (signal) => readImage(repository, tagOrDigest, signal, architecture)),

    removeTag: (repository, tag, digest, { signal: outer, manifestMayGo }) =>
      bounded(outer, (signal) => removeTag(repository, tag, digest, manifestMayGo, signal)),

    ping: ({ signal: outer } = {}) =>
      bounded(outer, async (signal) => {
        const response = await client.send('GET', '', {}, signal);
        await response.body?.cancel();
        return response.status === 200;
      }).catch((error: unknown) => error instanceof RegistryError && error.reason === 'DENIED'),
  };
}

const algorithmOf = (digest: string) => digest.split(':', 1)[0] as string;

// The specification says 202. Some say 200 or 204.
const isDone = (status: number) => status >= 200 && status < 300;

function digestOf(bytes: Buffer, algorithm: string): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}
