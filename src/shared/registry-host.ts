/** What a reference without a host means, and the other names that lead there. */
const DOCKER_HUB: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/**
 * May a reference with this host reach the registry `own`? PURE: no name server is asked, whose answer could be another one
 * by the time the engine pulls.
 *
 * Spelling does not count: capitals, leading zeros of the port, a default port that is left out. A registry on this
 * machine's loopback has more names than can be listed (127.0.0.2, 0.0.0.0, `[::1]`, the host's own name, any name in the DNS
 * that somebody points to 127.0.0.1), so there every host with its port counts.
 *
 * @param host `host[:port]` as a reference has it; `null` where it has none
 * @param own `host[:port]` of the registry
 */
export function mayReachRegistry(host: string | null, own: string): boolean {
  const a = partsOf(host ?? 'docker.io');
  const b = partsOf(own);
  const samePort = a.ports.some((port) => b.ports.includes(port));
  return samePort && (a.name === b.name || isLoopback(b.name));
}

/** Do two hosts, `host[:port]`, name one registry by their looks? PURE; spelling does not count, nor which name of the loopback. */
export function isSameRegistry(a: string, b: string): boolean {
  const [first, second] = [partsOf(a), partsOf(b)];
  const samePort = first.ports.some((port) => second.ports.includes(port));
  return samePort && (first.name === second.name || (isLoopback(first.name) && isLoopback(second.name)));
}

/** Is `host[:port]` one of the names of Docker Hub? */
export function isDockerHub(host: string): boolean {
  return isSameRegistry(host, 'docker.io');
}

/** Is this name, without a port, the loopback by its looks? */
export function isLoopback(name: string): boolean {
  return name === 'localhost' || /^127(\.\d+){3}$/.test(name) || name === '[::1]';
}

function partsOf(host: string): { name: string; ports: readonly number[] } {
  const [, written = host, port] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  const name = written.toLowerCase().replace(/\.$/, '');
  return {
    name: DOCKER_HUB.has(name) ? 'docker.io' : name,
    // Engines try HTTPS first, and plain HTTP with registries on the loopback.
    ports: port === undefined ? [443, 80] : [Number(port)],
  };
}
