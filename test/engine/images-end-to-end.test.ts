import { afterAll, beforeAll, expect, it } from 'vitest';
import { createOciRegistry } from '../../src/registry/oci-registry.ts';
import { finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { deleteImage, makeImage } from '../support/images.ts';
import { openRoles, type Roles } from '../support/roles.ts';

let roles: Roles;
let client: ApiClient;

beforeAll(async () => {
  roles = await openRoles();
  client = (await roles.serve()).client;
  await roles.work();
});
afterAll(async () => await roles?.[Symbol.asyncDispose]());

interface Purged {
  readonly removedFromRegistry: boolean;
  readonly warnings: readonly string[];
  readonly userErrors: readonly { code: string; message: string }[];
}

async function purge(id: string): Promise<Purged> {
  const { purgeImage } = await client.run<{ purgeImage: Purged }>(
    `mutation ($input: PurgeImageInput!) {
      purgeImage(input: $input) { removedFromRegistry warnings userErrors { code message } } }`,
    { input: { id, removeFromRegistry: true } },
  );
  return purgeImage;
}

it('purges a built image from the registry too, and spares one that others are the same as', async () => {
  const registry = createOciRegistry(roles.registryHost, null);
  const dockerfile = `FROM ${roles.baseImage}\nRUN echo "to be purged" > /x\n`;
  const build = await startBuild(client, { name: 'purged', dockerfile });
  const { image } = await finished(client, build.id);
  if (image === null) throw new Error('the build made no image');
  const { digest } = (await registry.manifest('default/purged', 'latest')) ?? { digest: '' };
  const same = await makeImage(client, {
    reference: `${roles.registryHost}/default/purged:latest@${digest}`,
    namespace: 'default',
    name: 'the-same',
  });

  await deleteImage(client, { id: image.id });
  const spared = await purge(image.id);
  expect(spared).toMatchObject({ removedFromRegistry: false, userErrors: [] });
  expect(spared.warnings.join()).toContain('another image needs the tag latest');
  expect(await registry.manifest('default/purged', digest)).not.toBeNull();

  await deleteImage(client, { id: same.id });
  expect(await purge(same.id)).toMatchObject({ removedFromRegistry: true, userErrors: [] });
  expect(await registry.manifest('default/purged', 'latest')).toBeNull();
  expect(await registry.manifest('default/purged', digest)).toBeNull();
});

it('verifies a reference to the real registry: digest, size, layers and architecture', async () => {
  const image = await makeImage(client, { reference: roles.baseImage, name: 'verified', verify: true });
  expect(image.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(image.sizeBytes).toBeGreaterThan(100_000);
  expect(image.architecture).toBe(process.arch === 'arm64' ? 'AARCH64' : 'X86_64');
});
