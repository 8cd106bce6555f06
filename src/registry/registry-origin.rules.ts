import { isDockerHub, isLoopback } from '../shared/registry-host.ts';

/**
 * Where a registry's API is, e.g. `https://registry.example:5000`. Plain HTTP is spoken with this machine only, as engines
 * do. Docker Hub has another host than its references.
 *
 * @param host `host[:port]`
 * @returns `null` where no such host can be: a port beyond 65535, `999.1.1.1`
 */
export function registryOrigin(host: string): string | null {
  if (isDockerHub(host)) return 'https://registry-1.docker.io';
  const scheme = isLoopback(host.toLowerCase().replace(/:\d+$/, '')) ? 'http' : 'https';
  return URL.canParse(`${scheme}://${host}`) ? new URL(`${scheme}://${host}`).origin : null;
}
