import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushBaseImage } from '../../src/embedded/base-image.ts';
import { findBusybox } from '../../src/embedded/busybox.ts';
import { startChild } from '../../src/embedded/child-process.ts';
import type { DataFolder } from '../../src/embedded/data-folder.ts';
import { freePort } from '../../src/embedded/free-port.ts';
import { findProgram } from '../../src/embedded/machine.ts';
import { createOciRegistry } from '../../src/registry/oci-registry.ts';
import { createOciRegistryDirectory } from '../../src/registry/oci-registry-directory.ts';
import { claimTestRegistryHost, openTestRegistry, quiet } from '../support/local-parts.ts';
import { linux, makeImage, makeIndex, pushImage, pushManifest } from '../support/registry-push.ts';
import { openTestFolder } from '../support/test-folder.ts';

const OWN = process.arch === 'x64' ? 'amd64' : process.arch;
const OTHER = OWN === 'arm64' ? 'amd64' : 'arm64';

const ANN = { username: 'ann', password: 'secret' };

const parts = new AsyncDisposableStack();
let folder: DataFolder;
let host = '';
let digest = '';

beforeAll(async () => {
  folder = parts.use(await openTestFolder()).data;
  host = await claimTestRegistryHost(folder);
  const opened = await openTestRegistry(folder, host, async () => null);
  if (!opened) throw new Error('no registry starts here');
  parts.use(opened.registry);
  const busybox = await findBusybox(folder, () => {});
  const again = await pushBaseImage(host, busybox);
  expect(again.pushed, 'the same bytes are sent once').toBe(false);
  digest = again.digest;
});
afterAll(() => parts.disposeAsync());

describe('the registry adapter on a real registry', () => {
  it('reads an image by tag and by digest', async () => {
    const registry = createOciRegistry(host, null);
    const image = await registry.manifest('slipway/base', 'latest');
    expect(image).toMatchObject({ digest, architecture: OWN, architectures: [OWN] });
    expect(image?.layers).toHaveLength(1);
    expect(image?.sizeBytes).toBeGreaterThan(image?.layers[0]?.sizeBytes ?? 0);
    expect(await registry.manifest('slipway/base', digest)).toEqual(image);
    expect(await registry.ping()).toBe(true);
    const directory = createOciRegistryDirectory(null, { publicHosts: false, hosts: [host], auths: {} });
    expect(await directory.readerOf(host).manifest('slipway/base', 'latest')).toEqual(image);
  });

  describe('reads an index', () => {
    const images = {
      s390x: makeImage('s390x', 'a layer for s390x'),
      other: makeImage(OTHER, 'and a layer for another', 'docker'),
      own: makeImage(OWN, 'a layer for this machine'),
    };
    const inner = makeIndex([[images.own.manifest, linux(OWN)]], 'list');
    const attestation = makeImage('unknown', 'in-toto');
    const attested = { platform: { os: 'unknown', architecture: 'unknown' } };

    beforeAll(async () => {
      for (const image of [...Object.values(images), attestation])
        await pushImage(host, 'multi/arch', 'latest', image);
      await pushManifest(host, 'multi/arch', inner.digest, inner);
    });

    it.each([
      ['of OCI', 'index'],
      ["of Docker's kind", 'list'],
    ] as const)("%s: its own digest, and this machine's image", async (_, type) => {
      const index = makeIndex(
        [
          [attestation.manifest, attested],
          [images.s390x.manifest, linux('s390x')],
          [images.other.manifest, linux(OTHER)],
          [images.own.manifest, linux(OWN)],
        ],
        type,
      );
      await pushManifest(host, 'multi/arch', type, index);
      const registry = createOciRegistry(host, null);
      const image = await registry.manifest('multi/arch', type);
      expect(image).toMatchObject({
        digest: index.digest,
        architecture: OWN,
        architectures: ['s390x', OTHER, OWN],
        configDigest: images.own.config.digest,
        layers: [{ digest: images.own.layer.digest }],
        sizeBytes: images.own.config.size + images.own.layer.size,
      });
      expect(await registry.manifest('multi/arch', type, { architecture: OTHER })).toMatchObject({
        digest: index.digest,
        architecture: OTHER,
        configDigest: images.other.config.digest,
      });
      expect(await registry.manifest('multi/arch', type, { architecture: 'riscv64' })).toEqual(image);
    });

    it('in an index', async () => {
      const outer = makeIndex([
        [images.s390x.manifest, linux('s390x')],
        [inner, {}],
      ]);
      await pushManifest(host, 'multi/arch', 'nested', outer);
      expect(await createOciRegistry(host, null).manifest('multi/arch', 'nested')).toMatchObject({
        digest: outer.digest,
        architecture: OWN,
        architectures: ['s390x', OWN],
      });
    });

    it('that does not name platforms: what the image itself says counts', async () => {
      const index = makeIndex([[images.other.manifest, {}]]);
      await pushManifest(host, 'multi/arch', 'unnamed', index);
      expect(await createOciRegistry(host, null).manifest('multi/arch', 'unnamed')).toMatchObject({
        architecture: OTHER,
        architectures: [OTHER],
      });
    });

    it('of attestations only, which is no image', async () => {
      const index = makeIndex([[attestation.manifest, attested]]);
      await pushManifest(host, 'multi/arch', 'empty', index);
      const read = createOciRegistry(host, null).manifest('multi/arch', 'empty');
      await expect(read).rejects.toMatchObject({ reason: 'PROTOCOL' });
    });
  });

  it('learns that a registry with a password removes nothing', async () => {
    const closed = parts.use(await startClosedRegistry(folder));
    const registry = createOciRegistry(closed.host, ANN);
    const removal = registry.removeTag('slipway/base', 'latest', digest, { manifestMayGo: true });
    await expect(removal).rejects.toMatchObject({ reason: 'DELETE_NOT_ALLOWED' });
    expect(await registry.removeTag('slipway/base', 'latest', digest, { manifestMayGo: false })).toBe('KEPT');
    expect(await registry.manifest('slipway/base', 'latest')).toMatchObject({ digest });
    const others = { publicHosts: false, hosts: [closed.host], auths: { [closed.host]: ANN } };
    const reader = createOciRegistryDirectory(null, others).readerOf(closed.host);
    expect(await reader.manifest('slipway/base', 'latest')).toMatchObject({ digest });
    for (const auth of [null, { username: 'ann', password: 'guess' }]) {
      const read = createOciRegistry(closed.host, auth).manifest('slipway/base', 'latest');
      await expect(read).rejects.toMatchObject({ reason: 'DENIED' });
    }
  });
});

/** A second registry over the same storage that asks for a password, and removes nothing. */
async function startClosedRegistry(data: DataFolder) {
  const address = `127.0.0.1:${await freePort()}`;
  const users = join(data.path, 'registry-users');
  writeFileSync(users, `ann:${SECRET}\n`);
  const config = join(data.path, 'registry-closed.json');
  const { storage, ...settings } = JSON.parse(readFileSync(join(data.path, 'registry.json'), 'utf8')) as {
    storage: object;
  };
  writeFileSync(
    config,
    JSON.stringify({
      ...settings,
      storage: { ...storage, delete: { enabled: false } },
      http: { addr: address },
      auth: { htpasswd: { realm: 'test', path: users } },
    }),
  );
  const name = 'docker-registry';
  const child = await startChild(
    data,
    {
      name: 'closed-registry',
      command: findProgram(name) ?? join(data.tools, name, 'usr/bin', name),
      args: ['serve', config],
      env: { OTEL_TRACES_EXPORTER: 'none' },
      stopSignal: 'SIGTERM',
      stopTimeoutMs: 10_000,
      readyTimeoutMs: 20_000,
      isReady: async () => (await fetch(`http://${address}/v2/`)).status === 401,
    },
    quiet,
  );
  return { host: address, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** `secret`, as bcrypt writes it. */
const SECRET = '$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW';
