import { isPublicAddress } from '../../registry/public-address.rules.ts';
import { parseDockerfile } from '../../shared/dockerfile.ts';
import { excerpt } from '../../shared/excerpt.ts';
import { isSameRegistry } from '../../shared/registry-host.ts';
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
 * may. What a public name resolves to is not known here. PURE.
 */
export function hostProblems(
  text: string,
  buildArgs: Readonly<Record<string, string>>,
  { own, publicHosts, hosts }: BaseRegistries,
  dockerfile = parseDockerfile(text, buildArgs),
): DockerfileProblem[] {
  const allowed = [own, ...hosts];
  const found = new Map<string, DockerfileProblem>();
  for (const { host, range } of possibleBases(text, buildArgs, dockerfile)) {
    const name = host ?? 'docker.io';
    if ((publicHosts && isPublicHost(name)) || allowed.some((one) => isSameRegistry(name, one))) continue;
    const message = isPublicHost(name)
      ? `bases from "${excerpt(name)}" are not allowed on this server; take one from ${allowed.join(', ')}`
      : `"${excerpt(name)}" is not a registry on the public internet; name one that is, or have the operator allow it`;
    found.set(`${range.line} ${range.column}`, { severity: 'ERROR', code: 'NOT_ALLOWED', message, ...range });
  }
  return [...found.values()];
}

/** @see https://www.iana.org/assignments/special-use-domain-names, and what home and cloud networks use besides */
const PRIVATE_SUFFIX =
  /\.(?:localhost|local|localdomain|internal|intranet|private|corp|home|lan|home\.arpa)$/;

/** Is `host[:port]` a name in the public DNS or a public address? Numbers count in every spelling: 0x7f000001, 127.1, 017700000001. */
function isPublicHost(host: string): boolean {
  // URL reads numbers as the system's resolver does, and refuses those that are no address.
  const name = URL.parse(`http://${host}`)?.hostname.replace(/\.$/, '') ?? '';
  const address = /^\[(.*)\]$/.exec(name)?.[1] ?? name;
  if (name.startsWith('[') || /^[\d.]+$/.test(name)) return isPublicAddress(address);
  return name.includes('.') && !PRIVATE_SUFFIX.test(name);
}
