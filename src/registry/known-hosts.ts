import type { Credentials } from './registry-client.ts';
import { registryOrigin } from './registry-origin.rules.ts';

/** What the operator says about registries other than the platform's own. */
export interface KnownHostsOptions {
  /** Hosts that may be asked wherever they are: `host[:port]`, or `http://host[:port]` for plain HTTP. */
  readonly hosts: readonly string[];
  /** Credentials by `host[:port]`. Each is for its own host and for no other. */
  readonly auths: Readonly<Record<string, Credentials>>;
}

/** The hosts that the operator has named, by their origins. */
export interface KnownHosts {
  /** May be asked wherever they are. */
  readonly listed: ReadonlySet<string>;
  /** Where the API of `host[:port]` is; `null` where no such host can be. */
  originOf(host: string): string | null;
  authOf(origin: string): Credentials | null;
  /** Has the operator given the host this very user and password? */
  hasAuth(origin: string, auth: Credentials): boolean;
}

export function createKnownHosts(options: KnownHostsOptions): KnownHosts {
  const listed = new Set(options.hosts.flatMap((host) => listedOrigin(host) ?? []));
  const auths = new Map(Object.entries(options.auths).map(([host, auth]) => [originOf(host), auth]));

  function originOf(host: string): string | null {
    const origin = registryOrigin(host);
    const plain = origin?.replace(/^https:/, 'http:');
    return plain !== undefined && listed.has(plain) ? plain : origin;
  }

  const authOf = (origin: string) => auths.get(origin) ?? null;

  return {
    listed,
    originOf,
    authOf,
    hasAuth(origin, { username, password }) {
      const given = authOf(origin);
      return given?.username === username && given.password === password;
    },
  };
}

function listedOrigin(host: string): string | null {
  return host.startsWith('http://') ? new URL(host).origin : registryOrigin(host);
}
