import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { imageRegistryContract } from '../contracts/image-registry.contract.ts';
import { createFakeRegistry } from '../support/fake-registry.ts';

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;

for (const removes of ['TAG', 'MANIFEST'] as const) {
  imageRegistryContract(`the fake registry that removes a ${removes}`, async () => {
    const registry = createFakeRegistry();
    registry.setRemovable(removes);
    return {
      registry,
      removes,
      async push(repository, tag, content) {
        const layer = { digest: digestOf(content), sizeBytes: content.length, mediaType: 'application/x' };
        const digest = digestOf(`manifest of ${content}`);
        registry.put(repository, tag, {
          digest,
          sizeBytes: content.length + 100,
          layers: [layer],
          architecture: 'arm64',
          configDigest: digestOf('config'),
        });
        return digest;
      },
    };
  });
}

it('can be a registry that removes nothing', async () => {
  const registry = createFakeRegistry();
  const digest = digestOf('x');
  registry.put('a/b', '1', { digest, sizeBytes: 1, layers: [], architecture: null, configDigest: digest });
  registry.setRemovable('NOTHING');
  const removal = registry.removeTag('a/b', '1', digest, { manifestMayGo: true });
  await expect(removal).rejects.toMatchObject({ reason: 'DELETE_NOT_ALLOWED' });
  expect(await registry.manifest('a/b', '1')).toMatchObject({ digest, architectures: [] });
});
