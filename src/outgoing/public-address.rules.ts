import ipaddr from 'ipaddr.js';

// All that is given out for the internet so far. What lies outside is special: `::a.b.c.d` means an IPv4 address.
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** Addresses that look public and lead to a cloud's own services from each of its machines: Azure's WireServer, keys and all. */
const CLOUD_INTERNAL: ReadonlySet<string> = new Set(['168.63.129.16']);

/**
 * Is this an address on the public internet? Not: private, loopback, link-local, carrier-grade NAT, multicast, unspecified,
 * reserved, for documentation, or a cloud's own, nor an IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4, Teredo).
 *
 * @param text as the system writes addresses
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast' || CLOUD_INTERNAL.has(address.toString())) return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
}
