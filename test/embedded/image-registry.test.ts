import { createOciRegistry } from '../../src/registry/oci-registry.ts';
import { imageRegistryContract } from '../contracts/image-registry.contract.ts';
import { claimTestRegistryHost, openTestRegistry } from '../support/local-parts.ts';
import { makeImage, pushImage } from '../support/registry-push.ts';
import { openTestFolder } from '../support/test-folder.ts';

const parts = new AsyncDisposableStack();

imageRegistryContract(
  "Debian's docker-registry",
  async () => {
    const folder = parts.use(await openTestFolder());
    const host = await claimTestRegistryHost(folder.data);
    const opened = await openTestRegistry(folder.data, host, async () => null);
    if (!opened) throw new Error('no registry starts here');
    parts.use(opened.registry);
    return {
      registry: createOciRegistry(host, null),
      removes: 'MANIFEST',
      async push(repository, tag, content) {
        const image = makeImage('arm64', content);
        await pushImage(host, repository, tag, image);
        return image.manifest.digest;
      },
    };
  },
  async () => await parts.disposeAsync(),
);
