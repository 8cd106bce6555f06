import type { IncomingHttpHeaders } from 'node:http';

/** May the page that sent this use the API? What no page sent, and so has no `Origin`, may. */
export type IsAllowedOrigin = (headers: IncomingHttpHeaders) => boolean;

/**
 * Decides for CORS and for sockets alike: pages of the operator's `origins` and pages of the very host that they ask.
 *
 * The scheme of one's own host is not compared: a proxy that ends TLS passes on the host and not the scheme. A proxy that
 * passes on another `Host` than the browser's makes its own origin one that the operator has to name.
 *
 * A page of evil.example whose name leads to our address (DNS rebinding) counts as our own, since its host is the `Host`. It gains
 * nothing that any program on the network has not: no token comes along by itself as a cookie would, and those that the GraphiQL
 * page keeps belong to the origin under which it was opened, which evil.example is not.
 */
export function createOriginCheck(origins: readonly string[]): IsAllowedOrigin {
  const allowed = new Set(origins);
  return ({ origin, host }) => {
    if (origin === undefined || allowed.has(origin)) return true;
    if (host === undefined) return false;
    const page = URL.parse(origin);
    // Read as an address of the page's scheme: letters in either case, and the port of the scheme said or not.
    return page !== null && URL.parse(`${page.protocol}//${host}`)?.href === `${page.origin}/`;
  };
}
