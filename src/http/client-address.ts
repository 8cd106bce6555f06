import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import proxyAddr from 'proxy-addr';

/**
 * Makes the function that finds a request's client: behind proxies whose `X-Forwarded-For` is believed the nearest address that is
 * none of theirs, else whoever has opened the connection. IPv4 is shown as such, also where the socket is one for IPv6.
 *
 * @param trustedProxies addresses and CIDR blocks
 */
export function createAddressOf(trustedProxies: readonly string[]): (req: IncomingMessage) => string | null {
  const isTrusted = createIsTrusted(trustedProxies);
  // Of connections that no proxy says anything about, as nearly all requests have one that is open already.
  const direct = new WeakMap<Socket, string | null>();
  return (req) => {
    if (req.headers['x-forwarded-for'] === undefined) {
      const before = direct.get(req.socket);
      if (before !== undefined) return before;
      const address = addressIn([req.socket.remoteAddress]);
      direct.set(req.socket, address);
      return address;
    }
    return addressIn(proxyAddr.all(req, isTrusted));
  };
}

function addressIn(addresses: readonly (string | undefined)[]): string | null {
  // A proxy may write what is no address ("unknown"); the one before it is as far as we know then.
  const known = addresses.findLast((address) => address !== undefined && ipaddr.isValid(address));
  return known === undefined ? null : ipaddr.process(known).toString();
}

/** Makes the function that knows the addresses of proxies that are believed. */
export function createIsTrusted(trustedProxies: readonly string[]): (address: string) => boolean {
  const isTrusted = proxyAddr.compile([...trustedProxies]);
  return (address) => isTrusted(address, 0);
}

/** What one client has for certain: its IPv4 address, or the /64 that every connection with IPv6 gets. */
export function networkOf(address: string): string {
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : parsed.toString();
}
