import type { LookupFunction } from 'node:net';
import { createGuardedFetch } from '../outgoing/guarded-fetch.ts';
import { isSameRegistry } from '../shared/registry-host.ts';
import { type ImageRegistry, RegistryError, type RegistryReader } from './image-registry.ts';
import { createKnownHosts, type KnownHostsOptions } from './known-hosts.ts';
import { createOciRegistry } from './oci-registry.ts';
import type { RegistryDirectory } from './registry-directory.ts';

/** What the operator says about registries other than the platform's own. */
export interface DirectoryOptions extends KnownHostsOptions {
  /** May every host at public addresses be asked? */
  readonly publicHosts: boolean;
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
  const known = createKnownHosts(options);
  const fetch = createGuardedFetch(known.listed, lookup, lookup);

  function readerOf(host: string): RegistryReader {
    if (own !== null && isSameRegistry(host, own.host)) return own;
    const origin = known.originOf(host);
    if (origin === null || !(options.publicHosts || known.listed.has(origin))) return closed(host);
    return createOciRegistry(host, known.authOf(origin), { origin, known, fetch, deadlineMs: DEADLINE_MS });
  }

  return { readerOf };
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
