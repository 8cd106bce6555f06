import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../src/outgoing/public-address.rules.ts';

describe('an address on the public internet', () => {
  it.each(['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '192.167.0.1'])(
    'is %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
  it.each(['2606:4700:4700::1111', '2a00:1450:4001:80b::200e', '2600::'])('is %s', (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );
});

describe('an address that is not public', () => {
  it.each([
    ['loopback', ['127.0.0.1', '127.255.255.254', '::1']],
    ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd00:ec2::254']],
    ['link-local', ['169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'fec0::1']],
    ['of carrier-grade NAT', ['100.64.0.1', '100.100.100.200', '100.127.255.255']],
    ['unspecified', ['0.0.0.0', '0.1.2.3', '::']],
    ['multicast or broadcast', ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1']],
    ['an IPv4 address in IPv6', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '::127.0.0.1']],
    ['behind a translator', ['64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::', '2001:0:4136:e378::1']],
    ['reserved or for documentation', ['192.0.0.192', '192.0.2.1', '198.18.0.1', '203.0.113.1', '240.0.0.1']],
    ['reserved or for documentation', ['2001:db8::1', '3fff::1', '100::1', '4000::1', '5f00::1']],
    [
      "a cloud's own",
      ['168.63.129.16', '::ffff:168.63.129.16', '100.100.100.200', '192.0.0.192', '169.254.42.42'],
    ],
    ["a cloud's own in IPv6", ['fd00:ec2::254', 'fd20:ce::254', 'fd00:c1::a9fe:a9fe', 'fe80::a9fe:a9fe']],
    ['no address', ['', 'localhost', '999.1.1.1', '1.2.3.4.5', '::g']],
  ])('can be %s: %s', (_, addresses) => {
    expect(addresses.filter(isPublicAddress)).toEqual([]);
  });
});
