import { describe, expect, it } from 'vitest';
import {
  architecturesOf,
  entriesOf,
  type Index,
  parseArchitecture,
  parseManifest,
  pickEntry,
} from '../../src/registry/manifest.rules.ts';
import { linux, makeImage, makeIndex } from '../support/registry-push.ts';

const image = (architecture: string) => makeImage(architecture).manifest;
const platform = (os: string, architecture: string) => ({ platform: { os, architecture } });

function indexOf(...entries: Parameters<typeof makeIndex>[0]): Index {
  const parsed = parseManifest(JSON.parse(makeIndex(entries).text));
  if ('image' in parsed) throw new Error('not an index');
  return parsed.index;
}

const SEVERAL = indexOf(
  [image('windows'), platform('windows', 'amd64')],
  [image('s390x'), linux('s390x')],
  [image('arm'), { platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }],
  [image('armv6'), { platform: { os: 'linux', architecture: 'arm', variant: 'v6' } }],
  [image('amd64'), linux('amd64')],
);

describe('the image of an index', () => {
  const pick = (...architectures: string[]) => pickEntry(entriesOf(SEVERAL).images, architectures)?.platform;

  it('is the one for the first architecture asked for that is there', () => {
    expect(pick('arm', 'amd64')).toEqual({ os: 'linux', architecture: 'arm' });
    expect(pick('riscv64', 'amd64', 's390x')).toEqual({ os: 'linux', architecture: 'amd64' });
  });

  it('is the first one for Linux, else the first at all, where none is', () => {
    expect(pick('riscv64')).toEqual({ os: 'linux', architecture: 's390x' });
    const others = indexOf([image('a'), platform('windows', 'amd64')], [image('b'), platform('darwin', 'x')]);
    expect(pickEntry(entriesOf(others).images, ['amd64'])?.platform?.os).toBe('windows');
    expect(pickEntry([], ['amd64'])).toBeNull();
  });

  it('is told with all architectures of the index, each once', () => {
    expect(architecturesOf(entriesOf(SEVERAL).images)).toEqual(['amd64', 's390x', 'arm']);
  });

  it('is never an attestation', () => {
    const index = indexOf(
      [image('a'), platform('unknown', 'unknown')],
      [image('b'), { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }],
      [image('c'), linux('unknown')],
      [image('arm64'), { ...linux('arm64'), annotations: { note: 'mine' } }],
    );
    expect(entriesOf(index).images.map((entry) => entry.platform?.architecture)).toEqual(['arm64']);
  });

  it('may be in an index within', () => {
    const inner = makeIndex([[image('arm64'), linux('arm64')]], 'list');
    const { images, indexes } = entriesOf(indexOf([inner, {}], [image('amd64'), linux('amd64')]));
    expect(indexes.map(({ digest }) => digest)).toEqual([inner.digest]);
    expect(images).toHaveLength(1);
  });
});

describe('a document that is no manifest', () => {
  const whole = JSON.parse(image('amd64').text) as { config: object; layers: object[] };
  const [layer] = whole.layers;
  it.each([
    ['nothing', null],
    ['an empty object', {}],
    ['an index of nothing', { manifests: [] }],
    ['an image and an index at once', { ...whole, manifests: SEVERAL.manifests }],
    ['one with a digest that is none', { ...whole, config: { ...whole.config, digest: 'sha256:x' } }],
    ['one with a negative size', { ...whole, layers: [{ ...layer, size: -1 }] }],
    ['one of an impossible size', { ...whole, layers: Array(3).fill({ ...layer, size: 2 ** 52 }) }],
    ['one of 1001 layers', { ...whole, layers: Array(1001).fill(layer) }],
    ['one with a NUL in a type', { ...whole, layers: [{ ...layer, mediaType: 'a\0' }] }],
    ["Docker's first kind", { schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [], history: [] }],
  ])('is refused: %s', (_, json) => {
    expect(() => parseManifest(json)).toThrow();
  });
});

it('knows the architecture of a configuration, and that some have none', () => {
  expect(parseArchitecture({ architecture: 'arm64' })).toBe('arm64');
  expect(parseArchitecture({ architecture: '' })).toBeNull();
  expect(parseArchitecture({})).toBeNull();
  expect(() => parseArchitecture({ architecture: 'a\0' })).toThrow();
});
