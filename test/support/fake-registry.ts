import { type ImageRegistry, RegistryError, type RegistryImage } from '../../src/registry/image-registry.ts';

export interface FakeRegistry extends ImageRegistry {
  /** Makes the registry know an image under a tag, and under its digest. */
  put(repository: string, tag: string, image: RegistryImage): void;
  /** Forgets every tag and digest of the repository, as if someone had deleted it there. */
  forget(repository: string): void;
  /** `false`: every call fails with REGISTRY_UNAVAILABLE. */
  setAvailable(available: boolean): void;
}

/** A registry in memory. Its host is one that no name server knows. */
export function createFakeRegistry(host = 'registry.test:5000'): FakeRegistry {
  const images = new Map<string, RegistryImage>();
  let available = true;
  function check(signal?: AbortSignal): void {
    signal?.throwIfAborted();
    if (!available) throw new RegistryError('REGISTRY_UNAVAILABLE', 'The registry does not answer.');
  }
  return {
    host,
    put(repository, tag, image) {
      images.set(`${repository}:${tag}`, image);
      images.set(`${repository}:${image.digest}`, image);
    },
    forget(repository) {
      for (const key of images.keys()) if (key.startsWith(`${repository}:`)) images.delete(key);
    },
    setAvailable: (value) => {
      available = value;
    },
    async manifest(repository, tagOrDigest, options) {
      check(options?.signal);
      return images.get(`${repository}:${tagOrDigest}`) ?? null;
    },
    async ping(options) {
      options?.signal?.throwIfAborted();
      return available;
    },
  };
}
