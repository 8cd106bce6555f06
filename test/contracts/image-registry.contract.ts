import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageRegistry } from '../../src/registry/image-registry.ts';

/** What a suite needs beside the registry to hold it to its contract. */
export interface RegistryHarness {
  readonly registry: ImageRegistry;
  /** What it removes for `removeTag`. */
  readonly removes: 'TAG' | 'MANIFEST';
  /** Pushes an image for arm64 with one layer whose bytes are `content`; its digest. */
  push(repository: string, tag: string, content: string): Promise<string>;
}

const UNKNOWN_DIGEST = `sha256:${'0'.repeat(64)}`;

/** What everything above the port relies on: the fake and each real registry pass it. */
export function imageRegistryContract(
  name: string,
  setUp: () => Promise<RegistryHarness>,
  tearDown: () => Promise<void> = async () => undefined,
): void {
  describe(`${name} keeps the contract of an image registry`, () => {
    let harness: RegistryHarness;
    let registry: ImageRegistry;
    beforeAll(async () => {
      harness = await setUp();
      registry = harness.registry;
    });
    afterAll(tearDown);

    /** A repository of the test's own with one image under these tags. */
    async function pushed(...tags: readonly string[]) {
      const repository = `contract/${randomUUID()}`;
      let digest = '';
      for (const tag of tags) digest = await harness.push(repository, tag, 'first');
      return { repository, digest };
    }
    const holds = async (repository: string, tag: string) =>
      (await registry.manifest(repository, tag))?.digest ?? null;

    it('reads an image by tag and by digest', async () => {
      const { repository, digest } = await pushed('1');
      const image = await registry.manifest(repository, '1');
      expect(image).toMatchObject({
        digest,
        architecture: 'arm64',
        architectures: ['arm64'],
        layers: [{ sizeBytes: 'first'.length }],
        configDigest: expect.stringMatching(/^sha256:/),
      });
      expect(image?.sizeBytes).toBeGreaterThan('first'.length);
      expect(await registry.manifest(repository, digest)).toEqual(image);
      expect(
        await registry.manifest(repository, '1', { architecture: 'amd64' }),
        'there is no other',
      ).toEqual(image);
    });

    it('says null for a tag, a digest and a repository that it does not know', async () => {
      const { repository, digest } = await pushed('1');
      expect(await registry.manifest(repository, '2')).toBeNull();
      expect(await registry.manifest(repository, UNKNOWN_DIGEST)).toBeNull();
      expect(await registry.manifest(`${repository}/below`, digest)).toBeNull();
    });

    it('fails with its own error, and is not there, for a call that is given up', async () => {
      const { repository, digest } = await pushed('1');
      const signal = AbortSignal.abort();
      const given = { name: 'RegistryError', reason: 'REGISTRY_UNAVAILABLE' };
      await expect(registry.manifest(repository, '1', { signal })).rejects.toMatchObject(given);
      const removal = registry.removeTag(repository, '1', digest, { manifestMayGo: true, signal });
      await expect(removal).rejects.toMatchObject(given);
      expect(await registry.ping({ signal })).toBe(false);
      expect(await registry.ping()).toBe(true);
      expect(await holds(repository, '1')).toBe(digest);
    });

    it('removes a tag once, and takes it when it is pushed again', async () => {
      const { repository, digest } = await pushed('1');
      const remove = () => registry.removeTag(repository, '1', digest, { manifestMayGo: true });
      expect(await remove()).toBe(harness.removes);
      expect(await holds(repository, '1')).toBeNull();
      expect(await remove()).toBeNull();
      await harness.push(repository, '1', 'first');
      expect(await holds(repository, '1')).toBe(digest);
    });

    it('removes nothing that is not there', async () => {
      const { repository, digest } = await pushed('1');
      const options = { manifestMayGo: true };
      expect(await registry.removeTag(repository, '2', digest, options)).toBeNull();
      expect(await registry.removeTag(`${repository}/below`, '1', digest, options)).toBeNull();
      expect(await holds(repository, '1')).toBe(digest);
    });

    it('leaves a tag that was pushed anew, and the manifest it pointed to', async () => {
      const { repository, digest: old } = await pushed('1');
      const fresh = await harness.push(repository, '1', 'second');
      expect(await registry.removeTag(repository, '1', old, { manifestMayGo: true })).toBeNull();
      expect(await holds(repository, '1')).toBe(fresh);
      expect(await holds(repository, old)).toBe(old);
    });

    it('keeps a manifest that others need', async () => {
      const { repository, digest } = await pushed('1', '2');
      const removed = await registry.removeTag(repository, '1', digest, { manifestMayGo: false });
      expect(removed).toBe(harness.removes === 'TAG' ? 'TAG' : 'KEPT');
      expect(await holds(repository, '1')).toBe(removed === 'TAG' ? null : digest);
      expect(await holds(repository, '2')).toBe(digest);
    });

    it('takes other tags of a manifest that may go along only where it removes manifests', async () => {
      const { repository, digest } = await pushed('1', '2');
      const other = await harness.push(repository, '3', 'second');
      await registry.removeTag(repository, '1', digest, { manifestMayGo: true });
      expect(await holds(repository, '1')).toBeNull();
      expect(await holds(repository, '2')).toBe(harness.removes === 'TAG' ? digest : null);
      expect(await holds(repository, '3')).toBe(other);
    });
  });
}
