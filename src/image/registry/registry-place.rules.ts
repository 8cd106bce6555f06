import { parseImageReference } from '../../shared/image-reference.ts';
import { isDockerHub, isSameRegistry } from '../../shared/registry-host.ts';

/** Where a manifest lies. */
interface RegistryPlace {
  readonly reference: string;
  readonly registryHost: string;
  /** Docker Hub's own images have two names: `busybox` and `library/busybox`. */
  readonly repositories: readonly string[];
  readonly digest: string;
}

const HUB_OWN = 'library/';

/** Takes apart a name that an engine has for an image, `[host/]path@sha256:…`; `null` for what has no digest, or is none. PURE. */
export function placeOfReference(reference: string): RegistryPlace | null {
  const parsed = parseImageReference(reference);
  if ('problem' in parsed || parsed.digest === null) return null;
  const { host, path, digest } = parsed;
  if (host !== null && !isDockerHub(host)) {
    return { reference, registryHost: host, repositories: [path], digest };
  }
  const short = path.startsWith(HUB_OWN) ? path.slice(HUB_OWN.length) : path;
  const repositories = short.includes('/') ? [path] : [short, `${HUB_OWN}${short}`];
  return { reference, registryHost: 'docker.io', repositories, digest };
}

/** Does an image of the catalogue lie there? PURE; how the registry's host is spelled does not count. */
export function isAt(
  place: RegistryPlace,
  image: {
    readonly registryHost: string;
    readonly repository: string;
    readonly digest: string | null;
  },
): boolean {
  return (
    image.digest === place.digest &&
    place.repositories.includes(image.repository) &&
    isSameRegistry(image.registryHost, place.registryHost)
  );
}
