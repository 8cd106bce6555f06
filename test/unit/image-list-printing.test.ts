import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedContent } from '../../src/image/content/image-content.rules.ts';
import {
  type Algorithm,
  type ImageContent,
  type ImageParameter,
  type ImageRuntime,
  NO_CONTENT,
  NO_RUNTIME,
} from '../../src/image/content/image-content.ts';
import {
  imageIdOf,
  type PrintableImage,
  printImageRecord,
} from '../../src/image/transfer/image-list-printing.rules.ts';
import { type ImageListRow, readImageList } from '../../src/image/transfer/image-list-reading.rules.ts';
import {
  Architecture,
  DevService,
  FlavorType,
  ImageOrigin,
  ResourceCategory,
  ServiceType,
  Visibility,
} from '../../src/shared/enums.ts';
import { Problems } from '../../src/shared/problems.ts';
import { atOnce } from '../support/turns.ts';

const IMAGE: PrintableImage = {
  ...NO_CONTENT,
  id: 'c675e74e-1bc2-11ea-9f60-0242ac110002',
  namespace: 'algo',
  name: 'posterize',
  tag: '1.0',
  reference: 'registry.example/algo/posterize:1.0',
  digest: null,
  sizeBytes: null,
  layers: [],
  origin: 'CUSTOMIZE',
  workspace: 'default',
  dependencies: [],
};

/** An image printed and read again: the row, and what it makes of the content of another image. */
function again(
  image: PrintableImage,
  base: ImageContent = NO_CONTENT,
): {
  row: ImageListRow;
  content: ImageContent;
  problems: readonly unknown[];
} {
  const record = printImageRecord(image);
  const list = atOnce(readImageList(JSON.stringify({ [imageIdOf(image.id)]: record })));
  if ('problem' in list) throw new Error(list.problem.message);
  const row = list.rows[0] as ImageListRow;
  const problems = new Problems();
  const content = changedContent(base, row.changes, problems);
  return { row, content, problems: [...row.errors, ...problems.all, ...list.warnings] };
}

function runtimeOf(runtime: Partial<ImageRuntime>): PrintableImage {
  return { ...IMAGE, runtime: { ...NO_RUNTIME, ...runtime } };
}

describe("a record's keys", () => {
  it("begin with the document's, in its order, and end with ours", () => {
    const url = new URL('../fixtures/image-list/load.json', import.meta.url);
    const [record] = Object.values(JSON.parse(readFileSync(url, 'utf8')).res) as object[];
    const keys = Object.keys(printImageRecord(IMAGE));
    const seed = Object.keys(record ?? {});
    expect(keys.slice(0, seed.length)).toEqual(seed);
    expect(keys.slice(seed.length)).toEqual([
      'reference',
      'digest',
      'sizeBytes',
      'layers',
      'architecture',
      'origin',
      'workspace',
      'visibility',
      'serviceType',
      'devServices',
      'resourceCategories',
      'flavorType',
      'labels',
      'displayName',
      'group',
      'description',
      'price',
      'cover',
      'inputs',
      'outputs',
      'configs',
    ]);
  });

  it('are no others, whatever else the image has', () => {
    const row = { ...IMAGE, searchText: 'secret', createdById: 'x', deleted: '1' };
    expect(Object.keys(printImageRecord(row))).toEqual(Object.keys(printImageRecord(IMAGE)));
    expect(printImageRecord(row)['deleteFlag']).toBe('0');
  });
});

describe("the document's examples", () => {
  it.each(['load.json', 'search.json', 'register.json', 'update.json'])(
    'come out of %s as they went in',
    (name) => {
      const text = readFileSync(new URL(`../fixtures/image-list/${name}`, import.meta.url), 'utf8');
      const document = JSON.parse(text);
      const [record] = Object.values(document.res?.data ?? document.res ?? [document]) as Record<
        string,
        unknown
      >[];
      const list = atOnce(readImageList(JSON.stringify([record])));
      if ('problem' in list) throw new Error(list.problem.message);
      const row = list.rows[0] as ImageListRow;
      const problems = new Problems();
      const image = {
        ...IMAGE,
        ...changedContent(NO_CONTENT, row.changes, problems),
        ...row.name,
        id: row.imageId ?? IMAGE.id,
        dependencies: row.dependencies,
      };
      expect(problems.all).toEqual([]);
      const filled = Object.entries(record ?? {}).map(([key, value]) => [key, value === '' ? null : value]);
      expect(printImageRecord(image as PrintableImage)).toMatchObject(Object.fromEntries(filled));
    },
  );
});

describe('a name', () => {
  it.each([
    ['algo', 'posterize', 'algo/posterize'],
    ['default', 'posterize', 'posterize'],
    ['default', 'deep/posterize', 'default/deep/posterize'],
    ['algo', 'deep/posterize', 'algo/deep/posterize'],
  ])('in %s, %s, is written %s', (namespace, name, written) => {
    expect(printImageRecord({ ...IMAGE, namespace, name })['imageName']).toBe(written);
    expect(again({ ...IMAGE, namespace, name }).row.name).toEqual({ namespace, name, tag: '1.0' });
  });
});

describe('a list of the runtime', () => {
  it("is S1's text", () => {
    const ports = [
      { name: 'service1', containerPort: 5016, nodePort: 30016 },
      { name: 'service', containerPort: 8888, nodePort: null },
    ];
    const record = printImageRecord(runtimeOf({ ports, command: ['run'], args: [] }));
    expect(record).toMatchObject({
      imagePorts: 'service1:5016:30016,service:8888',
      command: 'run',
      args: null,
    });
    expect(record).not.toHaveProperty('imagePortsList');
  });

  it('has a key of its own where no text can carry it', () => {
    const env = [{ name: 'LIST', value: 'a,b' }];
    const record = printImageRecord(runtimeOf({ env, mounts: ['/a,b'], command: [''], args: ['a', 'b'] }));
    expect(record).toMatchObject({
      env: null,
      envList: env,
      imageMount: null,
      imageMountList: ['/a,b'],
      command: [''],
      args: ['a', 'b'],
    });
  });
});

describe('an image without an algorithm', () => {
  it("has S1's fields blank, and is read as one", () => {
    expect(printImageRecord(IMAGE)).toMatchObject({
      factory: null,
      algoName: null,
      algoType: null,
      frameInterval: null,
    });
    expect(again(IMAGE)).toMatchObject({ content: { algorithm: null }, problems: [] });
  });
});

/** Text of one line with what means something in the text forms and in JSON. */
const character = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  fc.constantFrom(',', ':', '/', '"', '\\', ' ', '名', '𝒳', '0', 'null'),
);
const text = fc.string({ unit: character, minLength: 1, maxLength: 12 });
const word = text.filter((given) => given.trim() !== '');
const orNull = <T>(given: fc.Arbitrary<T>) => fc.option(given, { nil: null });
const identifier = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const count = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 31 - 1 }));
const path = fc
  .string({
    unit: fc.constantFrom('a', 'b', '/', '.x', ',', ':', ' ', '名', '𝒳'),
    minLength: 1,
    maxLength: 12,
  })
  .map((rest) => `/${rest}`);
const subsetOf = <T extends string>(words: Readonly<Record<string, T>>) => fc.subarray(Object.values(words));
const listOf = <T>(given: fc.Arbitrary<T>, key: (value: T) => unknown) =>
  fc.uniqueArray(given, { maxLength: 4, selector: key });
const placeOf = (given: string) => posix.normalize(`/${given}/`).replace(/^\/+/, '/');

const paths = listOf(path, placeOf);
const mappings = listOf(fc.record({ source: path, destination: path }), ({ destination }) =>
  placeOf(destination),
);
const runtime: fc.Arbitrary<ImageRuntime> = fc.record({
  command: fc.array(text, { maxLength: 3 }).filter(([first]) => first?.trim() !== ''),
  args: fc.array(fc.oneof(text, fc.constant('')), { maxLength: 3 }),
  workingDir: orNull(path),
  env: listOf(fc.record({ name: identifier, value: fc.oneof(text, fc.constant('')) }), ({ name }) => name),
  ports: fc
    .uniqueArray(
      fc.record({
        name: word,
        containerPort: fc.integer({ min: 1, max: 65_535 }),
        nodePort: orNull(fc.integer({ min: 1, max: 65_535 })),
      }),
      { maxLength: 4, selector: ({ name }) => name },
    )
    .filter((ports) => {
      const taken = ports.flatMap(({ nodePort }) => nodePort ?? []);
      return new Set(taken).size === taken.length;
    }),
  mounts: paths,
  configFiles: paths,
  subPaths: mappings,
  hostPaths: mappings,
  cpuRequests: orNull(count),
  gpuRequests: orNull(count),
  memRequests: orNull(count),
  pvcSize: orNull(count),
});
const algorithm: fc.Arbitrary<Algorithm> = fc.record({
  factory: word,
  name: word,
  type: word,
  description: orNull(text),
  eventType: orNull(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  incidentId: orNull(text),
  tvChannels: orNull(count),
  pictures: orNull(count),
  frameInterval: orNull(count),
  frameNumber: orNull(count),
  useableFlag: orNull(text),
});
const parameters: fc.Arbitrary<ImageParameter[]> = listOf(
  fc.record({
    name: identifier,
    type: fc.constantFrom('string', 'path'),
    controls: fc.constantFrom('input', 'select'),
    default: orNull(fc.oneof(text, fc.constant(''))),
    displayName: orNull(fc.oneof(text, fc.constant(''))),
    index: count,
  }),
  ({ name }) => name,
);
const digest = fc
  .array(fc.integer({ min: 0, max: 15 }), { minLength: 64, maxLength: 64 })
  .map((digits) => `sha256:${digits.map((digit) => digit.toString(16)).join('')}`);
const content: fc.Arbitrary<ImageContent> = fc
  .record({
    displayName: orNull(text),
    group: orNull(text),
    description: orNull(text),
    architecture: orNull(fc.constantFrom(...Object.values(Architecture))),
    visibility: fc.constantFrom(...Object.values(Visibility)),
    serviceType: fc.constantFrom(...Object.values(ServiceType)),
    devServices: subsetOf(DevService),
    resourceCategories: subsetOf(ResourceCategory),
    flavorType: orNull(fc.constantFrom(...Object.values(FlavorType))),
    labels: listOf(fc.record({ key: text, value: fc.oneof(text, fc.constant('')) }), ({ key }) => key),
    price: orNull(fc.constantFrom('0', '0.50', '12', '123456789.000001')),
    cover: orNull(fc.constantFrom('https://example.com/a,b.png', 'http://例子.example/')),
    runtime,
    inputs: parameters,
    outputs: parameters,
    configs: parameters,
    algorithm: orNull(algorithm),
  })
  // What no image can have, such as an open quote in a command, need not come back.
  .filter((given) => {
    const problems = new Problems();
    changedContent(NO_CONTENT, given, problems);
    return !problems.any;
  });
const imageName = fc.tuple(
  fc.oneof(fc.constant('default'), fc.stringMatching(/^[a-z][A-Za-z0-9._-]{0,10}$/)),
  fc.array(identifier, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/')),
  fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,10}$/),
);
const image: fc.Arbitrary<PrintableImage> = fc
  .tuple(
    content,
    imageName,
    fc.uuid(),
    fc.array(imageName, { maxLength: 3 }),
    fc.array(digest, { maxLength: 3 }),
  )
  .chain(([said, [namespace, name, tag], id, dependencies, digests]) =>
    fc
      .record({
        facts: fc.record({
          digest: fc.constant(digests[0] ?? null),
          sizeBytes: orNull(fc.maxSafeNat()),
          origin: fc.constantFrom(...Object.values(ImageOrigin)),
          workspace: fc.constantFrom('default', 'team.a'),
        }),
      })
      .map(({ facts }) => ({
        ...said,
        ...facts,
        id,
        namespace,
        name,
        tag,
        reference: `registry.example:5000/${name}:${tag}`,
        layers: digests.map((layer, at) => ({ digest: layer, sizeBytes: at, mediaType: '' })),
        dependencies: dependencies.map(([scope, target, version]) => `${scope}/${target}:${version}`),
      })),
  );

describe('any image', () => {
  it('is the same after it was printed and read, whatever was there before', () => {
    fc.assert(
      fc.property(image, fc.oneof(fc.constant(NO_CONTENT), content), (given, base) => {
        const { row, content: read, problems } = again(given, base);
        expect(problems).toEqual([]);
        const {
          id,
          namespace,
          name,
          tag,
          reference,
          digest: known,
          sizeBytes,
          layers,
          origin,
          workspace,
          dependencies,
          ...said
        } = given;
        expect(read).toEqual(said);
        expect(row).toMatchObject({
          imageId: id,
          name: { namespace, name, tag },
          reference,
          digest: known,
          sizeBytes,
          layers,
          origin,
          workspace,
          dependencies,
        });
        expect(row.layers).toEqual(layers);
      }),
      { numRuns: 500 },
    );
  });
});
