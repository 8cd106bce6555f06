import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { packWithoutLayers, recomposeArchive } from '../../src/engine/docker/image-archive.ts';

const image = {
  config: Buffer.from('{"new":true}'),
  digest: 'd'.repeat(64),
  layers: ['sha256:a', 'sha256:b'],
};
const NAME = 'slipway-kept:1';
const BASE = Buffer.concat([Buffer.from('{"a file whose name looks like JSON"'), Buffer.alloc(1_000)]);
const BIG = Buffer.concat([randomBytes(9 * 2 ** 20), Buffer.alloc(1_024)]);
const SECRET = JSON.stringify({ Env: ['TOKEN=hunter2'] });

interface File {
  readonly name: string;
  readonly content: Buffer | string;
  readonly linkname?: string;
}

async function archiveOf(files: readonly File[]): Promise<Readable> {
  const tar = pack();
  for (const { name, content, linkname } of files) {
    if (linkname === undefined) tar.entry({ name }, content);
    else tar.entry({ name, type: 'symlink', linkname });
  }
  tar.finalize();
  return Readable.from([await buffer(tar)]);
}

async function filesOf(tar: AsyncIterable<Uint8Array>): Promise<Map<string, Buffer | string>> {
  const files = new Map<string, Buffer | string>();
  const entries = extract();
  Readable.from(tar).pipe(entries);
  for await (const entry of entries) {
    const content = await buffer(entry);
    files.set(entry.header.name, entry.header.type === 'symlink' ? entry.header.linkname : content);
  }
  return files;
}

const manifestOf = (layers: readonly string[]) =>
  Buffer.from(JSON.stringify([{ Config: `${image.digest}.json`, RepoTags: [NAME], Layers: layers }]));

describe('an archive of an image with another configuration', () => {
  it.each([
    [
      'Docker before 25',
      ['1/layer.tar', '2/layer.tar'],
      [
        { name: '1/VERSION', content: '1.0' },
        { name: '1/json', content: SECRET },
        { name: '2/json', content: SECRET },
        { name: 'raw.json', content: SECRET },
        { name: 'repositories', content: '{"raw":{}}' },
      ],
    ],
    [
      'Docker from 25 on',
      ['blobs/sha256/1', 'blobs/sha256/2'],
      [
        { name: 'blobs/sha256/3', content: SECRET },
        { name: 'index.json', content: '{"manifests":[]}' },
        { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
      ],
    ],
    ['Podman', ['1.tar', '2.tar'], [{ name: 'raw.json', content: SECRET }]],
  ])('has the layers of what %s gives, and none of its descriptions', async (_, layers, descriptions) => {
    const [first = '', second = ''] = layers;
    const archive = await archiveOf([
      ...descriptions,
      { name: first, content: BASE },
      { name: 'link/layer.tar', content: '', linkname: `../${second}` },
      { name: second, content: BIG },
      { name: 'manifest.json', content: JSON.stringify([{ Config: 'raw.json', Layers: layers }]) },
    ]);
    const files = await filesOf(recomposeArchive(archive, image, NAME));
    expect([...files.keys()]).toEqual([
      first,
      'link/layer.tar',
      second,
      `${image.digest}.json`,
      'manifest.json',
    ]);
    expect(files.get(first)).toEqual(BASE);
    expect(files.get('link/layer.tar')).toBe(`../${second}`);
    expect(BIG.equals(Buffer.from(files.get(second) ?? ''))).toBe(true);
    expect(files.get(`${image.digest}.json`)).toEqual(image.config);
    expect(files.get('manifest.json')).toEqual(manifestOf(layers));
  });

  it('is read no faster than it is taken', async () => {
    const archive = await archiveOf([{ name: 'manifest.json', content: '[{"Layers":["x"]}]' }]);
    const head = await buffer(archive);
    let given = 0;
    const endless = async function* () {
      const tar = pack();
      const layer = tar.entry({ name: 'x', size: 2 ** 30 });
      layer.write(Buffer.alloc(2 ** 16));
      for await (const chunk of tar) {
        given += 1;
        layer.write(Buffer.alloc(2 ** 16));
        yield chunk;
      }
    };
    const source = Readable.from(endless());
    const recomposed = recomposeArchive(source, image, NAME);
    for await (const _ of recomposed) if (given > 20) break;
    expect(given).toBeLessThan(60);
    expect(head.length).toBeGreaterThan(0);
    await expect.poll(() => source.destroyed).toBe(true);
  });

  it.each([
    [
      'it is cut off',
      async () =>
        Readable.from([
          (await buffer(await archiveOf([{ name: 'x', content: BIG }]))).subarray(0, 9_000_000),
        ]),
    ],
    ['it has no manifest', () => archiveOf([{ name: 'x', content: BASE }])],
    ['the manifest names no layers', () => archiveOf([{ name: 'manifest.json', content: '[{"Layers":7}]' }])],
    [
      'the engine ends on the way',
      async () =>
        Readable.from(
          (async function* () {
            yield (await buffer(await archiveOf([{ name: 'x', content: BIG }]))).subarray(0, 100_000);
            throw new Error('it is gone');
          })(),
        ),
    ],
  ])('fails where %s', async (_, archive) => {
    await expect(buffer(recomposeArchive(await archive(), image, NAME))).rejects.toThrow();
  });
});

it('an archive without layers has a configuration and a manifest that names as many', async () => {
  const files = await filesOf(Readable.from([await packWithoutLayers(image, NAME)]));
  expect([...files]).toEqual([
    [`${image.digest}.json`, image.config],
    ['manifest.json', manifestOf(['0/layer.tar', '1/layer.tar'])],
  ]);
});
