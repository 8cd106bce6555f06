import { type ImageRegistry, RegistryError, type RegistryImage } from '../../src/registry/image-registry.ts';

export interface FakeRegistry extends ImageRegistry {
  /** Makes the registry know an image under a tag, and under its digest. */
  put(repository: string, tag: string, image: FakeImage): void;
  /** Forgets every tag and digest of the repository, as if someone had deleted it there. */
  forget(repository: string): void;
  /** `false`: every call fails with REGISTRY_UNAVAILABLE. */
  setAvailable(available: boolean): void;
  /** What can be removed: tags alone, as OCI 1.1 has it; manifests only, which is where it begins; nothing. */
  setRemovable(removable: 'TAG' | 'MANIFEST' | 'NOTHING'): void;
}

/** Its architectures are its architecture where nothing is said. */
export type FakeImage = Omit<RegistryImage, 'architectures'> & Partial<Pick<RegistryImage, 'architectures'>>;

/** A registry in memory, for tests of what stands above the port. It passes the same contract as the real one. Its host is one that no name server knows. */
export function createFakeRegistry(host = 'registry.test:5000'): FakeRegistry {
  const images = new Map<string, RegistryImage>();
  let available = true;
  let removable: 'TAG' | 'MANIFEST' | 'NOTHING' = 'MANIFEST';
  function check(signal?: AbortSignal): void {
    if (!available || signal?.aborted === true)
      throw new RegistryError('REGISTRY_UNAVAILABLE', 'The registry does not answer.');
  }
  return {
    host,
    put(repository, tag, image) {
      const architectures = image.architecture === null ? [] : [image.architecture];
      const whole = { architectures, ...image };
      images.set(`${repository}:${tag}`, whole);
      images.set(`${repository}:${image.digest}`, whole);
    },
    forget(repository) {
      for (const key of images.keys()) if (key.startsWith(`${repository}:`)) images.delete(key);
    },
    setAvailable: (value) => {
      available = value;
    },
    setRemovable: (value) => {
      removable = value;
    },
    async manifest(repository, tagOrDigest, options) {
      check(options?.signal);
      return images.get(`${repository}:${tagOrDigest}`) ?? null;
    },
    async removeTag(repository, tag, digest, options) {
      check(options.signal);
      if (images.get(`${repository}:${tag}`)?.digest !== digest) return null;
      if (removable === 'TAG') {
        images.delete(`${repository}:${tag}`);
        return 'TAG';
      }
      if (!options.manifestMayGo) return 'KEPT';
      if (removable === 'NOTHING')
        throw new RegistryError('DELETE_NOT_ALLOWED', 'The registry does not remove images.');
      for (const [key, image] of images)
        if (key.startsWith(`${repository}:`) && image.digest === digest) images.delete(key);
      return 'MANIFEST';
    },
    async ping(options) {
      return available && options?.signal?.aborted !== true;
    },
  };
}
