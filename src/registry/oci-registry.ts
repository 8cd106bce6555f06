import { createHash } from 'node:crypto';
import { type ImageRegistry, RegistryError, type RegistryImage } from './image-registry.ts';
import {
  MANIFEST_TYPES,
  type Manifest,
  parseArchitecture,
  parseManifest,
  pickEntry,
} from './manifest.rules.ts';
import { type Credentials, createRegistryClient } from './registry-client.ts';

// A registry answers in milliseconds; one that takes longer than this holds up a build's end.
const DEADLINE_MS = 15_000;
// The specification asks registries to take manifests of 4 MiB at least, and clients to bound them.
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

/**
 * ADAPTER: a registry that speaks the OCI distribution API, over plain HTTP on this machine and HTTPS elsewhere.
 *
 * @param host `host[:port]`, as it stands in references
 * @param auth for registries that ask; handed to the registry itself, and to the token service it names only where that
 *   is on the same host or speaks HTTPS
 */
export function createOciRegistry(
  host: string,
  auth: Credentials | null,
  fetchImpl: typeof fetch = fetch,
): ImageRegistry {
  const client = createRegistryClient(host, auth, fetchImpl);
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

  async function getManifest(repository: string, reference: string, signal: AbortSignal) {
    const path = `${repository}/manifests/${reference}`;
    const document = await readDocument(
      await client.get(path, { accept: MANIFEST_TYPES.join(', ') }, signal),
      path,
    );
    if (!document) return null;
    const promised = document.headers.get('docker-content-digest');
    const asked = reference.startsWith('sha256:') ? reference : null;
    for (const expected of [promised, asked]) {
      // A digest of another algorithm cannot be compared, and is nothing that we ask for.
      if (expected?.startsWith('sha256:') && expected !== document.digest) {
        throw new RegistryError(
          'PROTOCOL',
          `${host}/${path} has the digest ${document.digest}, not ${expected}`,
        );
      }
    }
    return { digest: document.digest, ...understand(path, () => parseManifest(JSON.parse(document.text))) };
  }

  async function architectureOf(
    repository: string,
    image: Manifest,
    signal: AbortSignal,
  ): Promise<string | null> {
    const path = `${repository}/blobs/${image.config.digest}`;
    const document = await readDocument(await client.get(path, {}, signal), path);
    if (!document) return null;
    if (document.digest !== image.config.digest) {
      throw new RegistryError('PROTOCOL', `${host}/${path} has the digest ${document.digest}`);
    }
    return understand(path, () => parseArchitecture(JSON.parse(document.text)));
  }

  async function readDocument(response: Response, path: string) {
    if (response.status === 404) {
      await response.body?.cancel();
      return null;
    }
    if (response.status !== 200) {
      throw new RegistryError('PROTOCOL', `${host}/${path} answers with status ${response.status}`);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > MAX_DOCUMENT_BYTES)
        throw new RegistryError('PROTOCOL', `${host}/${path} has more than 4 MiB`);
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    return { digest, text: bytes.toString('utf8'), headers: response.headers };
  }

  function understand<T>(path: string, parse: () => T): T {
    try {
      return parse();
    } catch (cause) {
      throw new RegistryError('PROTOCOL', `${host}/${path} is not an image manifest that we know`, { cause });
    }
  }

  /** Gives every call its deadline, and turns what breaks on the way into the port's error. */
  async function bounded<T>(
    outer: AbortSignal | undefined,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
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

    manifest: (repository, tagOrDigest, options = {}) =>
      bounded(options.signal, async (signal): Promise<RegistryImage | null> => {
        const named = await getManifest(repository, tagOrDigest, signal);
        if (!named) return null;
        let image: Manifest;
        let platform: string | undefined;
        if ('image' in named) {
          image = named.image;
        } else {
          const entry = pickEntry(named.index, architecture);
          const chosen = entry && (await getManifest(repository, entry.digest, signal));
          if (!chosen || !('image' in chosen)) {
            throw new RegistryError(
              'PROTOCOL',
              `${host}/${repository}: the index ${named.digest} holds no image`,
            );
          }
          image = chosen.image;
          platform = entry.platform?.architecture;
        }
        return {
          digest: named.digest,
          sizeBytes: image.layers.reduce((sum, layer) => sum + layer.size, image.config.size),
          layers: image.layers.map(({ digest, size, mediaType }) => ({ digest, sizeBytes: size, mediaType })),
          architecture: platform ?? (await architectureOf(repository, image, signal)),
          configDigest: image.config.digest,
        };
      }),

    ping: (options = {}) =>
      bounded(options.signal, async (signal) => {
        const response = await client.get('', {}, signal);
        await response.body?.cancel();
        return response.status === 200;
      }).catch((error: unknown) => error instanceof RegistryError && error.reason === 'DENIED'),
  };
}
