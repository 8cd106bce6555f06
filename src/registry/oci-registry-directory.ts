import type { LookupFunction } from 'node:net';
import { isSameRegistry } from '../shared/registry-host.ts';
import { createGuardedFetch } from './guarded-fetch.ts';
import { type ImageRegistry, RegistryError, type RegistryReader } from './image-registry.ts';
import { createOciRegistry } from './oci-registry.ts';
import type { Credentials } from './registry-client.ts';
import type { RegistryDirectory } from './registry-directory.ts';
import { registryOrigin } from './registry-origin.rules.ts';

/** What the operator says about registries other than the platform's own. */
export interface DirectoryOptions {
  /** May every host at public addresses be asked? */
  readonly publicHosts: boolean;
  /** Hosts that may be asked wherever they are: `host[:port]`, or `http://host[:port]` for plain HTTP. */
  readonly hosts: readonly string[];
  /** Credentials by `host[:port]`. Each is for its own host and for no other. */
  readonly auths: Readonly<Record<string, Credentials>>;
}

// A person waits for it. It is the time for all of one reading: sign-in, redirects, index, manifest, configuration.
const DEADLINE_MS = 10_000;

/**
 * ADAPTER: any registry that speaks the OCI distribution API, asked over HTTPS unless the operator says otherwise.
 *
 * @param own the platform's registry, which is asked as always; `null` on a server without one
 * @param lookup how all names become addresses; given by tests
 */
export function createOciRegistryDirectory(
  own: ImageRegistry | null,
  options: DirectoryOptions,
  lookup?: LookupFunction,
): RegistryDirectory {
  const listed = new Set(options.hosts.flatMap((host) => listedOrigin(host) ?? []));
  const auths = new Map(Object.entries(options.auths).map(([host, auth]) => [originOf(host), auth]));
  const fetch = createGuardedFetch(listed, lookup, lookup);
  const maySendOn = (url: URL) => url.protocol === 'https:' || listed.has(url.origin);

  function originOf(host: string): string | null {
    const origin = registryOrigin(host);
    const plain = origin?.replace(/^https:/, 'http:');
    return plain !== undefined && listed.has(plain) ? plain : origin;
  }

  function readerOf(host: string): RegistryReader {
    if (own !== null && isSameRegistry(host, own.host)) return own;
    const origin = originOf(host);
    if (origin === null || !(options.publicHosts || listed.has(origin))) return closed(host);
    const auth = auths.get(origin) ?? null;
    return createOciRegistry(host, auth, { origin, fetch, maySendOn, deadlineMs: DEADLINE_MS });
  }

  return { readerOf };
}

function listedOrigin(host: string): string | null {
  return host.startsWith('http://') ? new URL(host).origin : registryOrigin(host);
}

/** A registry that is not asked at all. */
function closed(host: string): RegistryReader {
  return {
    host,
    async manifest() {
      throw new RegistryError('NOT_ALLOWED', `${host} is not a registry that this server may ask`);
    },
  };
}
