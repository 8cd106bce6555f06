import { expect, it } from 'vitest';
import { createOciRegistry } from '../../src/registry/oci-registry.ts';
import { registryOrigin } from '../../src/registry/registry-origin.rules.ts';

it.each([
  ['registry.example', 'https://registry.example'],
  ['Registry.Example:0443', 'https://registry.example'],
  ['registry.example:5000', 'https://registry.example:5000'],
  ['localhost:5000', 'http://localhost:5000'],
  ['LOCALHOST:5000', 'http://localhost:5000'],
  ['127.0.0.1:5000', 'http://127.0.0.1:5000'],
  ['[::1]:5000', 'http://[::1]:5000'],
  ['0x7f000001:5000', 'https://127.0.0.1:5000'],
  ['docker.io', 'https://registry-1.docker.io'],
  ['index.docker.io:443', 'https://registry-1.docker.io'],
  ['docker.io:5000', 'https://docker.io:5000'],
  ['999.1.1.1', null],
  ['registry.example:65536', null],
])('reaches %s at %s', (host, origin) => {
  expect(registryOrigin(host)).toBe(origin);
});

it('asks Docker Hub for an official image by its whole path', async () => {
  const asked: string[] = [];
  const registry = createOciRegistry('docker.io', null, {
    fetch: async (url) => {
      asked.push(url.href);
      return new Response(null, { status: 404 });
    },
  });
  await registry.manifest('busybox', '1');
  await registry.manifest('bitnami/redis', '7');
  expect(asked).toEqual([
    'https://registry-1.docker.io/v2/library/busybox/manifests/1',
    'https://registry-1.docker.io/v2/bitnami/redis/manifests/7',
  ]);
});
