import { describe, expect, it } from 'vitest';
import { isAt, placeOfReference } from '../../src/image/registry/registry-place.rules.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const image = (registryHost: string, repository: string, digest: string | null = DIGEST) => ({
  registryHost,
  repository,
  digest,
});

describe("an engine's name for an image", () => {
  it.each([
    ['busybox', image('docker.io', 'busybox')],
    ['busybox', image('docker.io', 'library/busybox')],
    ['docker.io/library/busybox', image('docker.io', 'busybox')],
    ['index.docker.io/library/busybox', image('registry-1.docker.io', 'library/busybox')],
    ['team/torch', image('docker.io', 'team/torch')],
    ['library/a/b', image('docker.io', 'library/a/b')],
    ['registry.example:5000/team/torch', image('registry.example:5000', 'team/torch')],
    ['registry.example/library/x', image('Registry.Example:443', 'library/x')],
    ['127.0.0.1:5000/team/torch', image('localhost:5000', 'team/torch')],
  ])('%s is the one in the catalogue at %j', (name, found) => {
    const place = placeOfReference(`${name}@${DIGEST}`);
    expect(place !== null && isAt(place, found)).toBe(true);
  });

  it.each([
    ['busybox', image('quay.io', 'library/busybox')],
    ['busybox', image('docker.io', 'library/busybox', null)],
    ['busybox', image('docker.io', 'library/busybox', `sha256:${'b'.repeat(64)}`)],
    ['library/a/b', image('docker.io', 'a/b')],
    ['registry.example/library/x', image('registry.example', 'x')],
    ['registry.example:5000/x', image('registry.example:5001', 'x')],
  ])('%s is not the one at %j', (name, other) => {
    const place = placeOfReference(`${name}@${DIGEST}`);
    expect(place !== null && isAt(place, other)).toBe(false);
  });

  it.each(['', 'busybox', 'busybox:1', 'busybox@sha256:12', '<none>@<none>', `A@${DIGEST}`])(
    'is none where it has no digest or is no reference: %j',
    (name) => {
      expect(placeOfReference(name)).toBeNull();
    },
  );
});
