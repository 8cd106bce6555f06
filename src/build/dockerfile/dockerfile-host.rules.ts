import { isPublicAddress } from '../../outgoing/public-address.rules.ts';
import { parseDockerfile, type TextRange } from '../../shared/dockerfile.ts';
import { excerpt } from '../../shared/excerpt.ts';
import { isDockerHub, isSameRegistry } from '../../shared/registry-host.ts';
import type { DockerfileProblem } from './dockerfile.rules.ts';
import { possibleBases } from './dockerfile-base.rules.ts';

/** Where bases may come from. */
export interface BaseRegistries {
  /** `host[:port]` of the platform's own registry; always allowed. */
  readonly own: string;
  /** Any host on the public internet. */
  readonly publicHosts: boolean;
  /** `host[:port]` of those that the operator allows, wherever they are. */
  readonly hosts: readonly string[];
}

/**
 * Refuses bases in registries that are not allowed, and those that are not on the public internet by their looks unless the
 * operator named them: the engine asks them from the host's network, and reaches addresses there that no build container
 * may. What a public name resolves to is not known here, see {@link basesByName}. PURE.
 */
export function hostProblems(
  text: string,
  buildArgs: Readonly<Record<string, string>>,
  registries: BaseRegistries,
  dockerfile = parseDockerfile(text, buildArgs),
): DockerfileProblem[] {
  const { own, publicHosts, hosts } = registries;
  const allowed = [own, ...hosts];
  const found = new Map<string, DockerfileProblem>();
  for (const { host, range } of possibleBases(text, buildArgs, dockerfile)) {
    const name = host ?? 'docker.io';
    if ((publicHosts && isPublicHost(name)) || allowed.some((one) => isSameRegistry(name, one))) continue;
    const message = isPublicHost(name)
      ? `bases from "${excerpt(name)}" are not allowed on this server; take one from ${allowed.join(', ')}`
      : notPublic(name);
    found.set(`${range.line} ${range.column}`, {
      severity: 'ERROR',
      code: 'REGISTRY_NOT_ALLOWED',
      message,
      ...range,
    });
  }
  const [tooMany] = [...basesByName(text, buildArgs, registries, dockerfile).values()].slice(MAX_NAMES);
  if (tooMany?.[0]) {
    const message = `a build takes images from at most ${MAX_NAMES} registries of others`;
    const { range } = tooMany[0];
    found.set('', { severity: 'ERROR', code: 'TOO_MANY_REGISTRIES', message, ...range });
  }
  return [...found.values()];
}

export const notPublic = (host: string): string =>
  `"${excerpt(host)}" is not a registry on the public internet; name one that is, or have the operator allow it`;

/** More registries than any real build takes. Each name is looked up, all at the same time, with two sockets each. */
export const MAX_NAMES = 50;

/** A base in a registry that is allowed for the looks of its name. */
export interface NamedBase {
  /** `host[:port]` as it is written. */
  readonly host: string;
  readonly range: TextRange;
}

/**
 * The bases whose registries are allowed because their names look public, by the names that a name server has to be asked
 * for. Docker Hub's is nobody's choice, and is not among them. PURE.
 */
export function basesByName(
  text: string,
  buildArgs: Readonly<Record<string, string>>,
  { own, publicHosts, hosts }: BaseRegistries,
  dockerfile = parseDockerfile(text, buildArgs),
): Map<string, NamedBase[]> {
  const bases = new Map<string, NamedBase[]>();
  if (!publicHosts) return bases;
  const seen = new Set<string>();
  for (const { host, range } of possibleBases(text, buildArgs, dockerfile)) {
    if (host === null || isDockerHub(host) || !isPublicHost(host) || isAddress(nameOf(host))) continue;
    const key = `${range.line} ${range.column} ${host}`;
    if (seen.has(key) || [own, ...hosts].some((one) => isSameRegistry(host, one))) continue;
    seen.add(key);
    const name = nameOf(host);
    bases.set(name, [...(bases.get(name) ?? []), { host, range }]);
  }
  return bases;
}

/** @see https://www.iana.org/assignments/special-use-domain-names, and what home and cloud networks and clusters use besides */
const PRIVATE_SUFFIX =
  /\.(?:localhost|local|localdomain|internal|intranet|private|corp|home|lan|home\.arpa|svc|pod|cluster|consul|docker|podman)$/;

/** Is `host[:port]` a name in the public DNS or a public address? Numbers count in every spelling: 0x7f000001, 127.1, 017700000001. */
function isPublicHost(host: string): boolean {
  const name = nameOf(host);
  if (isAddress(name)) return isPublicAddress(name.replace(/^\[(.*)\]$/, '$1'));
  return name.includes('.') && !PRIVATE_SUFFIX.test(name);
}

/** URL reads numbers as the system's resolver does, and refuses those that are no address: they come out empty. */
const nameOf = (host: string): string => URL.parse(`http://${host}`)?.hostname.replace(/\.$/, '') ?? '';

const isAddress = (name: string): boolean => name.startsWith('[') || /^[\d.]+$/.test(name);
