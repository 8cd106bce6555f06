import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { BARE, readContent, WHOLE } from '../support/image-content.ts';
import {
  CONTENT_FIELDS,
  codes,
  countImages,
  imageOf,
  makeImage,
  REGISTER_IMAGE,
  registerImage,
  updateImage,
} from '../support/images.ts';

let slipway: TestApp;
let admin: ApiClient;
let serial = 0;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const fresh = (): string => {
  serial += 1;
  return `default/content-${serial}:1`;
};

/** What registering says is wrong; nothing may come into the catalogue. */
async function wrongWith(input: Record<string, unknown>): Promise<string[]> {
  const before = await countImages(admin);
  const { image, userErrors } = await registerImage(admin, { reference: fresh(), ...input });
  expect(image).toBeNull();
  expect(await countImages(admin)).toBe(before);
  return codes(userErrors);
}

describe('what is said of an image', () => {
  it('reads back as it was given, in the answer and later', async () => {
    const { registerImage: answer } = await admin.run<{ registerImage: { image: { id: string } } }>(
      `mutation ($input: RegisterImageInput!) {
        registerImage(input: $input) { image { id displayName description architecture origin visibility serviceType
          devServices resourceCategories labels { key value } ${CONTENT_FIELDS} } }
      }`,
      { input: { reference: fresh(), ...WHOLE } },
    );
    expect(answer.image).toMatchObject(WHOLE);
    expect(await readContent(admin, answer.image.id)).toMatchObject({
      ...answer.image,
      ...WHOLE,
      version: 1,
    });
  });

  it('is left to the catalogue where it is absent or null', async () => {
    const { id } = await makeImage(admin, { reference: fresh() });
    const unsaid = { ...BARE, devServices: ['NOTEBOOK', 'SSH'], algorithm: null, dependencies: [] };
    expect(await readContent(admin, id)).toMatchObject(unsaid);
    const nulls = Object.fromEntries(
      [...Object.keys(WHOLE), 'namespace', 'name', 'tag', 'workspaceId', 'dependencies', 'verify'].map(
        (name) => [name, null],
      ),
    );
    const nulled = await makeImage(admin, { reference: fresh(), ...nulls });
    expect(await readContent(admin, nulled.id)).toMatchObject(unsaid);
    const none = await makeImage(admin, { reference: fresh(), devServices: [], runtime: {} });
    expect(await readContent(admin, none.id)).toMatchObject({ ...unsaid, devServices: [] });
  });

  it('holds each service and category once', async () => {
    const image = await makeImage(admin, {
      reference: fresh(),
      devServices: ['SSH', 'SSH', 'NOTEBOOK'],
      resourceCategories: ['GPU', 'CPU', 'GPU'],
    });
    expect(image).toMatchObject({ devServices: ['SSH', 'NOTEBOOK'], resourceCategories: ['GPU', 'CPU'] });
  });

  it('gives a parameter its type, form field and place where they are left out', async () => {
    const { id } = await makeImage(admin, {
      reference: fresh(),
      inputs: [
        { name: 'a' },
        { name: 'b', index: 9 },
        { name: 'c', type: null, controls: null, index: null },
      ],
    });
    const unsaid = { kind: 'INPUT', type: 'string', controls: 'input', default: null, displayName: null };
    expect((await readContent(admin, id))['inputs']).toEqual([
      { ...unsaid, name: 'a', index: 0 },
      { ...unsaid, name: 'b', index: 9 },
      { ...unsaid, name: 'c', index: 2 },
    ]);
  });
});

describe('a list that is given as a text', () => {
  it.each([
    [
      'portsText',
      'service1:5016:30016,service2:5017:30017,service:8888',
      'ports',
      [
        { name: 'service1', containerPort: 5016, nodePort: 30_016 },
        { name: 'service2', containerPort: 5017, nodePort: 30_017 },
        { name: 'service', containerPort: 8888, nodePort: null },
      ],
    ],
    [
      'envText',
      'CVSIP:172.38.90.52,CVSPORT:11112,URL:http://a:80/',
      'env',
      [
        { name: 'CVSIP', value: '172.38.90.52' },
        { name: 'CVSPORT', value: '11112' },
        { name: 'URL', value: 'http://a:80/' },
      ],
    ],
    ['mountsText', '/vse/logs, /vse/coredump', 'mounts', ['/vse/logs', '/vse/coredump']],
    ['configFilesText', '/etc/fdfs/client.conf', 'configFiles', ['/etc/fdfs/client.conf']],
    ['subPathsText', '/a:/b', 'subPaths', [{ source: '/a', destination: '/b' }]],
    ['hostPathsText', '/home:/home', 'hostPaths', [{ source: '/home', destination: '/home' }]],
  ])('%s reads back in the structured form', async (text, written, list, entries) => {
    const { id } = await makeImage(admin, { reference: fresh(), runtime: { [text]: written } });
    expect(await readContent(admin, id)).toMatchObject({ runtime: { ...BARE.runtime, [list]: entries } });
    for (const blank of [null, '', ' ']) {
      imageOf(await updateImage(admin, { id, runtime: { [text]: written } }));
      expect(await readContent(admin, id)).toMatchObject({ runtime: { [list]: entries } });
      imageOf(await updateImage(admin, { id, runtime: { [text]: blank } }));
      expect(await readContent(admin, id)).toMatchObject({ runtime: BARE.runtime });
    }
    for (const both of [entries, []]) {
      const twice = { runtime: { [list]: both, [text]: written } };
      expect(await wrongWith(twice)).toEqual([`NOT_ALLOWED runtime.${text}`]);
      expect(codes((await updateImage(admin, { id, ...twice })).userErrors)).toEqual([
        `NOT_ALLOWED runtime.${text}`,
      ]);
    }
  });

  it.each([
    [{ portsText: 'http:80,web' }, ['INVALID runtime.portsText.1']],
    [
      { portsText: 'http:80,,x:0' },
      ['INVALID runtime.portsText.1', 'OUT_OF_RANGE runtime.portsText.2.containerPort'],
    ],
    [
      { portsText: 'a:70000,a:1:99999' },
      [
        'DUPLICATE runtime.portsText.1.name',
        'OUT_OF_RANGE runtime.portsText.0.containerPort',
        'OUT_OF_RANGE runtime.portsText.1.nodePort',
      ],
    ],
    [{ envText: 'A:1,B' }, ['INVALID runtime.envText.1']],
    [
      { envText: 'A:1,A:2,LD_PRELOAD:x' },
      ['DUPLICATE runtime.envText.1.name', 'NOT_ALLOWED runtime.envText.2.name'],
    ],
    [{ mountsText: '/a,b' }, ['INVALID runtime.mountsText.1']],
    [{ configFilesText: '/a,/a' }, ['DUPLICATE runtime.configFilesText.1']],
    [{ subPathsText: '/a:/b:/c' }, ['INVALID runtime.subPathsText.0']],
    [{ hostPathsText: '/a:/b,c:/d' }, ['INVALID runtime.hostPathsText.1.source']],
    [{ portsText: 'x', mounts: ['a'] }, ['INVALID runtime.mounts.0', 'INVALID runtime.portsText.0']],
  ])('%j is told of where it is wrong', async (runtime, expected) => {
    expect(await wrongWith({ runtime })).toEqual(expected);
  });
});

describe('a price', () => {
  it.each([
    [0, '0'],
    ['0', '0'],
    ['0.50', '0.50'],
    [12.5, '12.5'],
    ['007.10', '7.10'],
    ['00', '0'],
    ['123456789012345', '123456789012345'],
    ['1234567890123.45', '1234567890123.45'],
  ])('of %j is %s', async (price, expected) => {
    const { id } = await makeImage(admin, { reference: fresh(), price });
    expect(await readContent(admin, id)).toMatchObject({ price: expected });
    expect((await updateImage(admin, { id, price })).image?.version).toBe(1);
  });

  it.each([-1, '-0.01', '-0', '1234567890123456', '0.123456789012345'])(
    'of %j is out of range',
    async (price) => {
      expect(await wrongWith({ price })).toEqual(['OUT_OF_RANGE price']);
    },
  );

  it.each([1e30, 'abc', '1,5', '', '0x10', 'NaN', [], true, {}, '1'.repeat(31)])(
    'of %j is no decimal number: an error that says so, and where',
    async (price) => {
      const { errors } = await admin.ask(REGISTER_IMAGE, { input: { reference: fresh(), price } });
      expect(errors).toHaveLength(1);
      expect(errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
      expect(errors?.[0]?.message).toMatch(/input\.price.*Not a decimal number/);
    },
  );
});

describe('a cover', () => {
  it.each(['https://a.example/b.png', 'HTTP://a.example:8080/?q=1', 'https://例子.example/图.png', ''])(
    'may be %j',
    async (cover) => {
      const { id } = await makeImage(admin, { reference: fresh(), cover });
      expect(await readContent(admin, id)).toMatchObject({ cover });
    },
  );

  it.each([
    'cover.png',
    '/cover.png',
    '//a.example/b',
    'ftp://a.example/b',
    'javascript:alert(1)',
    'data:image/png;base64,AA',
    'https://',
    'https:a.example',
    ' https://a.example/b',
    'https://a.example/b c',
    'ht\ntps://a.example/b',
    'https://a.example/b\n',
  ])('may not be %j', async (cover) => {
    expect(await wrongWith({ cover })).toEqual(['INVALID cover']);
  });
});

describe('labels', () => {
  const labels = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: '' }));

  it('may be 20, in any order, and no more', async () => {
    const image = await makeImage(admin, { reference: fresh(), labels: labels(20).reverse() });
    expect(image.labels).toEqual(labels(20).reverse());
    expect(await wrongWith({ labels: labels(21) })).toEqual(['TOO_MANY labels']);
    expect(codes((await updateImage(admin, { id: image.id, labels: labels(21) })).userErrors)).toEqual([
      'TOO_MANY labels',
    ]);
  });

  it('have keys of their own', async () => {
    const twice = [
      { key: 'k', value: '1' },
      { key: 'K', value: '2' },
      { key: 'k', value: '3' },
    ];
    expect(await wrongWith({ labels: twice })).toEqual(['DUPLICATE labels.2.key']);
  });
});

/** Every text that people write, as an input with this text in it, and the longest that it may be. */
const TEXTS: Record<string, readonly [max: number, make: (text: string) => Record<string, unknown>]> = {
  displayName: [256, (displayName) => ({ displayName })],
  name: [256, (name) => ({ name })],
  group: [256, (group) => ({ group })],
  description: [512, (description) => ({ description })],
  'labels.0.key': [128, (key) => ({ labels: [{ key, value: '' }] })],
  'labels.0.value': [256, (value) => ({ labels: [{ key: 'k', value }] })],
  'runtime.command.0': [32_768, (text) => ({ runtime: { command: [text] } })],
  'runtime.args.1': [32_768, (text) => ({ runtime: { args: ['', text] } })],
  'runtime.workingDir': [4096, (text) => ({ runtime: { workingDir: `/${text.slice(1)}` } })],
  'runtime.env.0.value': [32_768, (value) => ({ runtime: { env: [{ name: 'A', value }] } })],
  'runtime.ports.0.name': [256, (name) => ({ runtime: { ports: [{ name, containerPort: 1 }] } })],
  'runtime.mounts.0': [4096, (text) => ({ runtime: { mounts: [`/${text.slice(1)}`] } })],
  'runtime.configFiles.0': [4096, (text) => ({ runtime: { configFiles: [`/${text.slice(1)}`] } })],
  'runtime.subPaths.0.source': [
    4096,
    (text) => ({ runtime: { subPaths: [{ source: `/${text.slice(1)}`, destination: '/d' }] } }),
  ],
  'runtime.hostPaths.0.destination': [
    4096,
    (text) => ({ runtime: { hostPaths: [{ source: '/s', destination: `/${text.slice(1)}` }] } }),
  ],
  'inputs.0.name': [128, (name) => ({ inputs: [{ name }] })],
  'outputs.0.type': [64, (type) => ({ outputs: [{ name: 'o', type }] })],
  'configs.0.controls': [64, (controls) => ({ configs: [{ name: 'c', controls }] })],
  'inputs.0.default': [32_768, (value) => ({ inputs: [{ name: 'i', default: value }] })],
  'inputs.0.displayName': [256, (displayName) => ({ inputs: [{ name: 'i', displayName }] })],
  'algorithm.factory': [256, (factory) => ({ algorithm: { ...BARE.algorithm, factory } })],
  'algorithm.name': [256, (name) => ({ algorithm: { ...BARE.algorithm, name } })],
  'algorithm.type': [256, (type) => ({ algorithm: { ...BARE.algorithm, type } })],
  'algorithm.description': [512, (description) => ({ algorithm: { ...BARE.algorithm, description } })],
  'algorithm.incidentId': [64, (incidentId) => ({ algorithm: { ...BARE.algorithm, incidentId } })],
  'algorithm.useableFlag': [64, (useableFlag) => ({ algorithm: { ...BARE.algorithm, useableFlag } })],
};

describe.each(Object.entries(TEXTS))('the text %s', (path, [max, make]) => {
  it('is measured in characters, whatever they take in bytes or UTF-16 units', async () => {
    const { id } = await makeImage(admin, { reference: fresh(), ...make(`a${'🚀'.repeat(max - 1)}`) });
    expect(JSON.stringify(await readContent(admin, id))).toContain('🚀'.repeat(max - 1));
    const { userErrors } = await registerImage(admin, {
      reference: fresh(),
      ...make(`a${'🚀'.repeat(max)}`),
    });
    expect(userErrors).toMatchObject([
      { code: 'TOO_LONG', path: path.split('.'), details: { max, current: max + 1 } },
    ]);
  });

  it.each([
    ['NUL', 'a\u0000b'],
    ['a bell', 'a\u0007b'],
    ['a C1 control character', 'a\u0085b'],
    ['half a character', 'a\ud83db'],
    ['the other half', 'a\ude80'],
  ])('may not hold %s', async (_, text) => {
    const [wrong, ...more] = await wrongWith(make(text));
    expect(wrong).toMatch(new RegExp(`^(INVALID|PATTERN) ${path.replaceAll('.', '\\.')}$`));
    expect(more).toEqual([]);
  });
});

describe('names of the catalogue', () => {
  it.each([
    [{ tag: 'a\u0000' }, ['TAG_NOT_OCI tag']],
    [{ tag: '\ud83d' }, ['TAG_NOT_OCI tag']],
    [{ namespace: 'a\u0000' }, ['PATTERN namespace']],
    [{ reference: 'a\u0000' }, ['REFERENCE_INVALID reference']],
    [{ reference: 'a\ud83d' }, ['REFERENCE_INVALID reference']],
    [{ dependencies: ['a/b:1\u0000'] }, ['REFERENCE_INVALID dependencies.0']],
    [{ workspaceId: '\u0000' }, ['INVALID workspaceId']],
    [{ name: `${'n'.repeat(513)}` }, ['TOO_LONG name']],
    [{ reference: `a/b@blake3:${'0'.repeat(1100)}` }, ['REFERENCE_INVALID reference']],
    [{ dependencies: [`a/${'b'.repeat(513)}:1`] }, ['REFERENCE_INVALID dependencies.0']],
  ])('%j are refused with all that is wrong besides, also in an update', async (names, expected) => {
    const wrong = [...expected, 'TOO_LONG description'].sort();
    const input = { ...names, description: 'x'.repeat(513) };
    expect(await wrongWith(input)).toEqual(wrong);
    const { id } = await makeImage(admin, { reference: fresh() });
    expect(codes((await updateImage(admin, { id, ...input })).userErrors)).toEqual(wrong);
  });
});

describe('an input with very much in it', () => {
  it('is answered with the first hundred things that are wrong, and how many there are', async () => {
    const labels = Array.from({ length: 1000 }, () => ({ key: '', value: '\u0007' }));
    const { userErrors } = await registerImage(admin, { reference: fresh(), labels });
    expect(userErrors).toHaveLength(101);
    // Too many, then an empty key and a control character in each, and a thousandth part less of repeated keys.
    const current = 1 + 1000 + 1000 + 999;
    expect(userErrors[0]).toMatchObject({ code: 'TOO_MANY', path: ['labels'] });
    expect(userErrors.at(-1)).toEqual({
      code: 'TOO_MANY',
      path: [],
      message: `there are ${current - 100} more problems; mend these first`,
      details: { max: 100, current },
    });
  });

  it('says all of exactly a hundred, and no more', async () => {
    const mounts = Array.from({ length: 100 }, (_, i) => `relative${i}`);
    const { userErrors } = await registerImage(admin, { reference: fresh(), runtime: { mounts } });
    expect(codes(userErrors)).toEqual(mounts.map((_, i) => `INVALID runtime.mounts.${i}`).sort());
  });

  const MEGABYTES = 5_000_000;
  it.each([
    ['a description', { description: '宽'.repeat(MEGABYTES / 3) }, ['TOO_LONG description']],
    ['a name', { name: `${'a-'.repeat(MEGABYTES / 2)}a` }, ['TOO_LONG name']],
    ['a host', { reference: `${'a.'.repeat(MEGABYTES / 2)}a/b` }, ['REFERENCE_INVALID reference']],
    ['a tag', { tag: 't'.repeat(MEGABYTES) }, ['TAG_NOT_OCI tag']],
    ['a namespace', { namespace: 'n'.repeat(MEGABYTES) }, ['PATTERN namespace']],
    ['a reference', { reference: `a/${'r-'.repeat(MEGABYTES / 2)}r` }, ['REFERENCE_INVALID reference']],
    ['a reference of many parts', { reference: 'a/'.repeat(MEGABYTES / 2) }, ['REFERENCE_INVALID reference']],
    ['a cover', { cover: `https://a.example/${'c'.repeat(MEGABYTES)}` }, ['TOO_LONG cover']],
    [
      'a dependency',
      { dependencies: [`a/${'b-'.repeat(MEGABYTES / 2)}c`] },
      ['REFERENCE_INVALID dependencies.0'],
    ],
    [
      'a list of ports',
      { runtime: { portsText: 'a:1,'.repeat(MEGABYTES / 4) } },
      ['TOO_MANY runtime.portsText'],
    ],
    [
      'a variable',
      { runtime: { env: [{ name: 'N'.repeat(MEGABYTES / 2), value: 'v'.repeat(MEGABYTES / 2) }] } },
      ['TOO_LONG runtime.env.0.name', 'TOO_LONG runtime.env.0.value'],
    ],
    [
      'a command',
      { runtime: { command: ['{{inputs.a}}'.repeat(MEGABYTES / 12)] } },
      ['TOO_LONG runtime.command.0'],
    ],
  ])('of megabytes in %s is refused in a few words', async (_, input, expected) => {
    const { userErrors } = await registerImage(admin, { reference: fresh(), ...input });
    // Beyond what each part may have there is a limit for all of it together.
    expect(codes(userErrors).filter((code) => code !== 'TOO_LONG ')).toEqual(expected);
    expect(JSON.stringify(userErrors).length).toBeLessThan(2000);
  });
});

describe('what is not of its type', () => {
  it.each([
    [{ devServices: ['NOTEBOOK', 'TELNET'] }, 'input.devServices[1]'],
    [{ devServices: 7 }, 'input.devServices'],
    [{ architecture: 'x86_64' }, 'input.architecture'],
    [{ labels: [{ key: 'a' }] }, 'input.labels[0]"; Field "value"'],
    [{ labels: [{ key: 'a', value: 'b', more: 1 }] }, 'input.labels[0]'],
    [{ labels: { key: 1, value: 'b' } }, 'input.labels'],
    [{ description: 5 }, 'input.description'],
    [{ runtime: 'python3' }, 'input.runtime'],
    [{ runtime: { ports: [{ name: 'a', containerPort: 1.5 }] } }, 'input.runtime.ports[0].containerPort'],
    [{ runtime: { cpuRequests: 2 ** 31 } }, 'input.runtime.cpuRequests'],
    [{ runtime: { command: [null] } }, 'input.runtime.command[0]'],
    [{ inputs: [{ default: 'x' }] }, 'input.inputs[0]"; Field "name"'],
    [{ algorithm: { eventType: '0' } }, 'input.algorithm.eventType'],
    [{ reference: null }, 'input.reference'],
    [{ nonsense: 1 }, 'nonsense'],
  ])('%j is an error that says where', async (input, where) => {
    const { errors, data } = await admin.ask(REGISTER_IMAGE, { input: { reference: fresh(), ...input } });
    expect(data ?? null).toBeNull();
    expect(errors?.length).toBeGreaterThan(0);
    for (const { message, extensions } of errors ?? []) {
      expect(message).toContain(where);
      expect(extensions).toEqual({ code: 'BAD_USER_INPUT' });
      expect(message).not.toMatch(/\n\s+at |node_modules|select /);
    }
  });
});
