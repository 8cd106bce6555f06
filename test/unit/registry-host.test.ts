import { describe, expect, it } from 'vitest';
import { mayReachRegistry } from '../../src/shared/registry-host.ts';

describe('a registry elsewhere', () => {
  it.each(['registry.test:5000', 'REGISTRY.Test:5000', 'registry.test:05000', 'registry.test.:5000'])(
    'is reached by its name however it is spelt: %s',
    (host) => expect(mayReachRegistry(host, 'registry.test:5000')).toBe(true),
  );

  it.each(['registry.test', 'registry.test:5001', 'test:5000', 'other.test:5000', 'localhost:5000', null])(
    'is not what %s names',
    (host) => expect(mayReachRegistry(host, 'registry.test:5000')).toBe(false),
  );

  it('may be named with or without its default port', () => {
    expect(mayReachRegistry('registry.test:443', 'registry.test')).toBe(true);
    expect(mayReachRegistry('registry.test', 'registry.test:443')).toBe(true);
    expect(mayReachRegistry('registry.test:5000', 'registry.test')).toBe(false);
  });

  it('may be Docker Hub, which has several names and needs none', () => {
    for (const host of [null, 'docker.io', 'index.docker.io', 'registry-1.docker.io']) {
      expect(mayReachRegistry(host, 'docker.io')).toBe(true);
    }
  });
});

describe('a registry on the loopback', () => {
  it.each([
    '127.0.0.1:5000',
    'localhost:5000',
    'LOCALHOST:5000',
    '127.0.0.2:5000',
    '127.1:5000',
    '0.0.0.0:5000',
    '2130706433:5000',
    '[::1]:5000',
    '127.0.0.1.nip.example:5000',
    '127.0.0.1:05000',
  ])('is what every host with its port may name: %s', (host) => {
    expect(mayReachRegistry(host, '127.0.0.1:5000')).toBe(true);
    expect(mayReachRegistry(host, 'localhost:5000')).toBe(true);
  });

  it.each(['127.0.0.1:5001', 'localhost', 'registry.test', null])('is not what %s names', (host) => {
    expect(mayReachRegistry(host, '127.0.0.1:5000')).toBe(false);
  });
});
