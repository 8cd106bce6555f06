import { isIP } from 'node:net';
import { isDockerHub } from '../shared/registry-host.ts';

/**
 * Is a token service the registry's own, so that the registry's password may be shown to it? That is the same name, one below it
 * or one above it: who owns `registry.example.com` owns what is below, and lives by the grace of who owns `example.com`. Names side
 * by side are not: at `one.registries.example` and `two.registries.example` there may be two customers of one house. Docker Hub is
 * everything below `docker.io`.
 *
 * @param url where the registry says that it gives out tokens
 * @param host the registry's `host[:port]`, as references have it
 * @param origin where its API is
 */
export function isOwnSite(url: URL, host: string, origin: string): boolean {
  if (url.origin === origin) return true;
  const own = isDockerHub(host) ? 'docker.io' : new URL(origin).hostname;
  const named = url.hostname;
  if (named === own) return true;
  if (isIP(own.replace(/^\[|\]$/g, '')) !== 0) return false;
  // A name of one part is a whole top-level domain, or that of a private network.
  return isBelow(named, own) || isBelow(own, named);
}

const isBelow = (name: string, above: string) => above.includes('.') && name.endsWith(`.${above}`);
