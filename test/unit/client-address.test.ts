import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createAddressOf, networkOf } from '../../src/http/client-address.ts';

/** The address of a request whose connection came from `remote`. */
function addressOf(trusted: readonly string[], remote: string | undefined, forwarded?: string) {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return createAddressOf(trusted)({
    headers,
    socket: { remoteAddress: remote },
  } as unknown as IncomingMessage);
}

describe('the address of a client', () => {
  it('is that of its connection', () => {
    expect(addressOf([], '203.0.113.7')).toBe('203.0.113.7');
    expect(addressOf([], '2001:db8::7')).toBe('2001:db8::7');
  });

  it('is shown as IPv4 where it is that on a socket for IPv6', () => {
    expect(addressOf([], '::ffff:203.0.113.7')).toBe('203.0.113.7');
  });

  it('is what a trusted proxy says it is', () => {
    expect(addressOf(['10.0.0.0/8'], '10.0.0.5', '203.0.113.7')).toBe('203.0.113.7');
    expect(addressOf(['10.0.0.0/8'], '::ffff:10.0.0.5', '::ffff:203.0.113.7')).toBe('203.0.113.7');
    expect(addressOf(['2001:db8::/32'], '2001:db8::5', '2001:db9::7')).toBe('2001:db9::7');
  });

  it('is the last one before the trusted proxies, whatever the client wrote in front of it', () => {
    const trusted = ['10.0.0.0/8', '192.0.2.1'];
    expect(addressOf(trusted, '10.0.0.5', '127.0.0.1, 203.0.113.7, 192.0.2.1')).toBe('203.0.113.7');
  });

  it('is not what anybody else says', () => {
    expect(addressOf([], '203.0.113.7', '127.0.0.1')).toBe('203.0.113.7');
    expect(addressOf(['10.0.0.0/8'], '203.0.113.7', '127.0.0.1')).toBe('203.0.113.7');
  });

  it('is the proxy’s where that names no address', () => {
    for (const said of ['unknown', '_hidden', '', '203.0.113.7:1234', '<script>', `${'1'.repeat(5000)}`]) {
      expect(addressOf(['10.0.0.0/8'], '10.0.0.5', said)).toBe('10.0.0.5');
    }
  });

  it('is not known where the connection is gone', () => {
    expect(addressOf([], undefined)).toBeNull();
  });
});

it('clients are told apart by IPv4 address, and by /64 with IPv6', () => {
  expect(networkOf('203.0.113.7')).not.toBe(networkOf('203.0.113.8'));
  expect(networkOf('2001:db8:1:2::7')).toBe(networkOf('2001:db8:1:2:ffff::8'));
  expect(networkOf('2001:db8:1:2::7')).not.toBe(networkOf('2001:db8:1:3::7'));
});
