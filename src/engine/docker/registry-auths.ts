import type { BuildRequest, RegistryCredentials } from '../container-engine.ts';
import { jsonHeader } from './engine-connection.ts';

type RegistryAuths = BuildRequest['registryAuths'];

/** Docker Hub's name among credentials, and the other names under which engines and people speak of it. */
const DOCKER_HUB = 'https://index.docker.io/v1/';
const DOCKER_HUB_NAMES: ReadonlySet<string> = new Set([
  DOCKER_HUB,
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
]);

const keyOf = (host: string): string =>
  DOCKER_HUB_NAMES.has(host.toLowerCase()) ? DOCKER_HUB : host.toLowerCase();

/**
 * The credentials for a registry, and for no other: the host and the port must be written the same, since what else
 * might lead there is nothing to bet a password on. `null` where there are none.
 */
export function credentialsFor(auths: RegistryAuths, host: string): RegistryCredentials | null {
  return Object.entries(auths).find(([own]) => keyOf(own) === keyOf(host))?.[1] ?? null;
}

/** The header by which the classic builder and Podman get credentials, by host; they hand each to its own. */
export function registryConfigHeader(auths: RegistryAuths): Record<string, string> {
  const byKey = Object.entries(auths).map(([host, pair]) => [keyOf(host), pair]);
  return byKey.length === 0 ? {} : { 'X-Registry-Config': jsonHeader(Object.fromEntries(byKey)) };
}
