import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { digestOf } from '../support/fake-engine.ts';
import { type HttpServer, listen } from '../support/http-server.ts';
import {
  codes,
  countImages,
  errorCode,
  imageOf,
  makeImage,
  REGISTER_IMAGE,
  readImage,
  registerImage,
  UPDATE_IMAGE,
  updateImage,
} from '../support/images.ts';
import { linux, makeIndex, makeImage as makeManifest } from '../support/registry-push.ts';
import { makeScope, setQuota } from '../support/scopes.ts';

/** A registry elsewhere: an image, an index of two, one that is private, one that is no image, one that is away. */
const amd64 = makeManifest('amd64', 'the layer for amd64');
const arm64 = makeManifest('arm64', 'and the one for arm64');
const index = makeIndex([
  [amd64.manifest, linux('amd64')],
  [arm64.manifest, linux('arm64')],
]);
const documents = new Map([
  ['/v2/team/plain/manifests/1', arm64.manifest.text],
  ['/v2/team/multi/manifests/1', index.text],
  ['/v2/team/multi/manifests/2', amd64.manifest.text],
  ['/v2/team/text/manifests/1', '"no image"'],
  ...[amd64, arm64].flatMap(({ manifest, config }) =>
    ['plain', 'multi'].flatMap((name): [string, string][] => [
      [`/v2/team/${name}/manifests/${manifest.digest}`, manifest.text],
      [`/v2/team/${name}/blobs/${config.digest}`, config.text],
    ]),
  ),
]);
const serve: RequestListener = ({ url = '', headers }, response) => {
  if (url.includes('/away/')) return void response.writeHead(503).end();
  if (url.includes('/private/') && headers.authorization !== `Basic ${btoa('ann:secret')}`) {
    return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  }
  const document = documents.get(url.replace('/private/', '/plain/'));
  response.writeHead(document === undefined ? 404 : 200).end(document);
};

let elsewhere: HttpServer;
let slipway: TestApp;
let admin: ApiClient;

beforeAll(async () => {
  elsewhere = await listen(serve);
  slipway = await createTestApp({ worker: false, env: { SLIPWAY_VERIFY_HOSTS: elsewhere.host } });
  admin = slipway.admin;
});
afterAll(async () => {
  await slipway[Symbol.asyncDispose]();
  await elsewhere[Symbol.asyncDispose]();
});

/** Puts an image into the platform's own registry. */
function put(repository: string, tag: string, architecture: string | null, content = `${repository}:${tag}`) {
  const digest = digestOf(content);
  const layers = [
    { digest: digestOf(`layer of ${content}`), sizeBytes: 3_376_133_259, mediaType: 'application/x' },
  ];
  slipway.engine.registry.put(repository, tag, {
    digest,
    sizeBytes: 3_376_133_300,
    layers,
    architecture,
    configDigest: digestOf(`configuration of ${content}`),
  });
  return { digest, sizeBytes: 3_376_133_300, layers };
}
const OWN = 'registry.test:5000';
const FACTS = 'digest sizeBytes architecture layers { digest sizeBytes mediaType }';

describe('a reference to the own registry', () => {
  it('gives digest, size, layers and architecture', async () => {
    const facts = put('default/known', '1', 'arm64');
    const { id } = await makeImage(admin, { reference: `${OWN}/default/known:1`, verify: true });
    expect(await readImage(admin, id, FACTS)).toEqual({ ...facts, architecture: 'AARCH64' });
    const unasked = await makeImage(admin, { reference: `${OWN}/default/known:1`, name: 'unasked' });
    expect(await readImage(admin, unasked.id, FACTS)).toEqual({
      digest: null,
      sizeBytes: null,
      layers: [],
      architecture: null,
    });
  });

  it('is refused where the registry does not know it', async () => {
    for (const reference of [
      `${OWN}/default/known:2`,
      `${OWN}/default/known:1@${digestOf('other')}`,
      `${OWN}/default/nothing`,
    ]) {
      const { image, userErrors } = await registerImage(admin, {
        reference,
        name: 'absent',
        verify: true,
        price: -1,
      });
      expect(image).toBeNull();
      expect(codes(userErrors)).toEqual(['OUT_OF_RANGE price', 'REFERENCE_NOT_FOUND reference']);
    }
  });

  it('has an architecture that the catalogue has no word for, or none', async () => {
    for (const architecture of ['riscv64', null]) {
      put('default/odd', '1', architecture);
      const input = { reference: `${OWN}/default/odd:1`, verify: true, validateOnly: true };
      expect(await registerImage(admin, input)).toMatchObject({ userErrors: [], warnings: [] });
    }
  });

  it('is UNAVAILABLE while the registry does not answer, and nothing was changed', async () => {
    put('default/away', '1', 'amd64');
    const { id } = await makeImage(admin, { reference: `${OWN}/default/away:1` });
    const before = await countImages(admin);
    slipway.engine.registry.setAvailable(false);
    try {
      const input = { reference: `${OWN}/default/known:3`, verify: true };
      expect(await errorCode(admin, REGISTER_IMAGE, { input })).toBe('UNAVAILABLE');
      expect(await errorCode(admin, UPDATE_IMAGE, { input: { id, verify: true } })).toBe('UNAVAILABLE');
      imageOf(await updateImage(admin, { id, description: 'without it' }));
    } finally {
      slipway.engine.registry.setAvailable(true);
    }
    expect(await countImages(admin)).toBe(before);
  });

  it('of an image that the viewer may not use is answered as of one that is not there', async () => {
    await makeScope(admin, 'namespace', { name: 'theirs' });
    put('theirs/hidden', '1', 'amd64');
    const dana = await slipway.user('dana', { namespace: 'DEVELOPER' });
    const { id } = await makeImage(dana, { reference: 'default/danas:1' });
    for (const verify of [true, false]) {
      for (const ask of [
        async (reference: string) => await registerImage(dana, { reference, verify, namespace: 'default' }),
        async (reference: string) => await updateImage(dana, { id, reference, verify }),
      ]) {
        const hidden = await ask(`${OWN}/theirs/hidden:1`);
        const absent = await ask(`${OWN}/theirs/absent:1`);
        expect(codes(hidden.userErrors)).toEqual(['REFERENCE_NOT_FOUND reference']);
        expect(JSON.stringify(hidden).replaceAll('hidden', 'X')).toBe(
          JSON.stringify(absent).replaceAll('absent', 'X'),
        );
      }
    }
  });
});

describe('a reference to another registry', () => {
  it('is asked for where the operator lets this server ask it', async () => {
    const image = await makeImage(admin, { reference: `${elsewhere.host}/team/plain:1`, verify: true });
    expect(image).toMatchObject({
      digest: arm64.manifest.digest,
      architecture: 'AARCH64',
      registryHost: elsewhere.host,
      repository: 'team/plain',
    });
    expect(image.sizeBytes).toBeGreaterThan(0);
  });

  it.each([
    ['unknown', '/team/plain:2', 'REFERENCE_NOT_FOUND reference'],
    ['unknown by its digest', `/team/plain@${digestOf('other')}`, 'REFERENCE_NOT_FOUND reference'],
    ['private', '/team/private:1', 'REFERENCE_NOT_FOUND reference'],
    ['no image', '/team/text:1', 'REFERENCE_NOT_FOUND reference'],
  ])('that is %s there is refused', async (_, path, expected) => {
    const { userErrors } = await registerImage(admin, {
      reference: `${elsewhere.host}${path}`,
      verify: true,
    });
    expect(codes(userErrors)).toEqual([expected]);
    expect(
      codes(
        (await registerImage(admin, { reference: `${elsewhere.host}${path}`, validateOnly: true }))
          .userErrors,
      ),
    ).toEqual([]);
  });

  it('that does not answer is UNAVAILABLE', async () => {
    const input = { reference: `${elsewhere.host}/team/away:1`, verify: true };
    expect(await errorCode(admin, REGISTER_IMAGE, { input })).toBe('UNAVAILABLE');
  });

  it('that this server may not ask is refused, and nothing is asked', async () => {
    const inside = await listen(serve);
    const { userErrors } = await registerImage(admin, {
      reference: `${inside.host}/team/plain:9`,
      verify: true,
    });
    expect(codes(userErrors)).toEqual(['REGISTRY_NOT_ALLOWED reference']);
    expect(inside.connections).toBe(0);
    await inside[Symbol.asyncDispose]();
  });

  it('is asked for by nobody who may not register', async () => {
    const before = elsewhere.connections;
    const stranger = await slipway.user('sam');
    const viewer = await slipway.user('vera', { namespace: 'VIEWER' });
    const input = { reference: `${elsewhere.host}/team/plain:1`, namespace: 'default', verify: true };
    expect(codes((await registerImage(stranger, input)).userErrors)).toEqual(['NOT_FOUND namespace']);
    expect(await errorCode(viewer, REGISTER_IMAGE, { input })).toBe('FORBIDDEN');
    const { id } = await makeImage(admin, { reference: 'default/public:1', visibility: 'PUBLIC' });
    const change = { id, reference: `${elsewhere.host}/team/plain:1`, verify: true };
    expect(await errorCode(stranger, UPDATE_IMAGE, { input: change })).toBe('FORBIDDEN');
    expect(elsewhere.connections).toBe(before);
  });

  it('is asked with the credentials that the operator gives for it', async () => {
    const { host } = elsewhere;
    const signedIn = await createTestApp({
      worker: false,
      database: slipway.database,
      env: { SLIPWAY_VERIFY_HOSTS: host, SLIPWAY_REGISTRY_AUTHS: `${host}=ann:secret` },
    });
    const { digest } = await makeImage(signedIn.admin, { reference: `${host}/team/private:1`, verify: true });
    expect(digest).toBe(arm64.manifest.digest);
    await signedIn[Symbol.asyncDispose]();
  });

  it('is not asked at all by a server that may ask none', async () => {
    const closed = await createTestApp({
      worker: false,
      database: slipway.database,
      env: { SLIPWAY_VERIFY_HOSTS: 'none' },
    });
    const input = { reference: '127.0.0.1:1/a/b:1', verify: true };
    const { userErrors } = await registerImage(closed.admin, input);
    expect(codes(userErrors)).toEqual(['REGISTRY_NOT_ALLOWED reference']);
    await closed[Symbol.asyncDispose]();
  });
});

describe('an image for several architectures', () => {
  const multi = () => `${elsewhere.host}/team/multi:1`;

  it('is read for the one that is asked for', async () => {
    for (const [architecture, { layer, config }] of [
      ['X86_64', amd64],
      ['AARCH64', arm64],
    ] as const) {
      const input = {
        reference: multi(),
        name: `for-${architecture.toLowerCase()}`,
        architecture,
        verify: true,
      };
      const { image, warnings } = await registerImage(admin, input);
      expect(warnings).toEqual([]);
      expect(image).toMatchObject({ architecture, digest: index.digest });
      expect(image?.sizeBytes).toBe(layer.size + config.size);
    }
  });

  it('and a warning says where it is not for the architecture that was given', async () => {
    const input = { reference: `${elsewhere.host}/team/multi:2`, architecture: 'AARCH64', verify: true };
    const answer = await registerImage(admin, input);
    expect(imageOf(answer)).toMatchObject({ architecture: 'AARCH64', tag: '2' });
    expect(answer.warnings).toEqual([expect.stringContaining('for amd64, not for arm64')]);
  });

  it('stays of the architecture that was said when it is verified later', async () => {
    const input = { reference: multi(), name: 'said', architecture: 'AARCH64' };
    const { id } = await makeImage(admin, input);
    const verified = await updateImage(admin, { id, verify: true });
    expect(verified.warnings).toEqual([]);
    expect(imageOf(verified)).toMatchObject({ architecture: 'AARCH64', digest: index.digest, version: 2 });
    const { layers } = await readImage<{ layers: unknown }>(admin, id, 'layers { digest }');
    expect(layers).toEqual([{ digest: arm64.layer.digest }]);
    // Cleared, it is what the registry says.
    expect(imageOf(await updateImage(admin, { id, architecture: null })).architecture).toBeNull();
    expect(imageOf(await updateImage(admin, { id, verify: true })).architecture).not.toBeNull();
  });
});

describe('verifying an image that is there', () => {
  it('takes over what the registry has now, as a change of the reference, and nothing where it is the same', async () => {
    const reference = `${OWN}/default/moving:1`;
    const { id } = await makeImage(admin, { reference });
    const first = put('default/moving', '1', 'amd64', 'first');
    expect(imageOf(await updateImage(admin, { id, verify: true, validateOnly: true }))).toMatchObject({
      digest: null,
      version: 1,
    });
    expect(imageOf(await updateImage(admin, { id, verify: true }))).toMatchObject({
      digest: first.digest,
      sizeBytes: first.sizeBytes,
      architecture: 'X86_64',
      version: 2,
      reference,
    });
    const same = imageOf(await updateImage(admin, { id, verify: true }));
    expect(same.version).toBe(2);
    const second = put('default/moving', '1', 'amd64', 'second');
    expect(imageOf(await updateImage(admin, { id, verify: true }))).toMatchObject({
      digest: second.digest,
      version: 3,
    });
    const { userErrors } = await updateImage(admin, { id, group: 'g', expectedVersion: 2 });
    expect(userErrors[0]?.details?.['changed']).toEqual(['reference']);
    expect(imageOf(await updateImage(admin, { id, description: 'not asked' }))).toMatchObject({
      digest: second.digest,
      sizeBytes: second.sizeBytes,
    });
  });

  it('is in ERROR while the registry has it no more, and ACTIVE when it is there again', async () => {
    const put1 = () => put('default/coming-and-going', '1', 'amd64');
    put1();
    const reference = `${OWN}/default/coming-and-going:1`;
    const { id, digest } = await makeImage(admin, { reference, verify: true });
    slipway.engine.registry.forget('default/coming-and-going');
    expect(imageOf(await updateImage(admin, { id, verify: true }))).toMatchObject({
      status: 'ERROR',
      statusMessage: 'the registry no longer has it',
      digest,
      version: 2,
    });
    const still = await updateImage(admin, { id, verify: true, description: 'still gone' });
    expect(imageOf(still)).toMatchObject({ status: 'ERROR', description: 'still gone', version: 3 });
    put1();
    expect(imageOf(await updateImage(admin, { id, verify: true }))).toMatchObject({
      status: 'ACTIVE',
      statusMessage: null,
      version: 4,
    });
  });

  it('forgets the architecture of another reference', async () => {
    put('default/for-amd', '1', 'amd64');
    put('default/for-arm', '1', 'arm64');
    const { id } = await makeImage(admin, { reference: `${OWN}/default/for-amd:1`, verify: true });
    const moved = imageOf(await updateImage(admin, { id, reference: `${OWN}/default/for-arm:1` }));
    expect(moved).toMatchObject({ architecture: null, digest: null });
    expect(imageOf(await updateImage(admin, { id, verify: true })).architecture).toBe('AARCH64');
  });

  it('is refused where the registry does not know the new reference', async () => {
    put('default/vanishing', '1', 'amd64');
    const { id } = await makeImage(admin, { reference: `${OWN}/default/vanishing:1`, verify: true });
    const other = { id, reference: `${OWN}/default/vanished:1`, verify: true };
    expect(codes((await updateImage(admin, other)).userErrors)).toEqual(['REFERENCE_NOT_FOUND reference']);
    expect(await readImage(admin, id, 'digest version')).toEqual({
      digest: digestOf('default/vanishing:1'),
      version: 1,
    });
  });
});

describe('checking only', () => {
  it('tells of everything at once, quota, name, registry and dependencies among it, and changes nothing', async () => {
    const { id } = await makeScope(admin, 'namespace', { name: 'full' });
    await makeImage(admin, { reference: 'full/one:1' });
    await setQuota(admin, 'namespace', id, { images: 1 });
    const before = await countImages(admin);
    const input = {
      reference: `${elsewhere.host}/team/plain:absent`,
      namespace: 'full',
      name: 'one',
      tag: '1',
      workspaceId: 'nonsense',
      dependencies: ['full/absent:1'],
      description: 'x'.repeat(513),
      verify: true,
    };
    const expected = [
      'DEPENDENCY_UNRESOLVED dependencies.0',
      'INVALID workspaceId',
      'NAME_TAKEN name',
      'QUOTA_EXCEEDED namespace',
      'REFERENCE_NOT_FOUND reference',
      'TOO_LONG description',
    ];
    for (const validateOnly of [true, false]) {
      const { image, userErrors } = await registerImage(admin, { ...input, validateOnly });
      expect(image).toBeNull();
      expect(codes(userErrors)).toEqual(expected);
    }
    const full = { reference: 'full/two:1', validateOnly: true };
    const [refusal] = (await registerImage(admin, full)).userErrors;
    expect(refusal).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      details: { limit: 1, current: 1, requested: 1 },
    });
    const moved = await makeImage(admin, { reference: 'default/to-move:1' });
    expect(
      codes(
        (await updateImage(admin, { id: moved.id, namespace: 'full', price: -1, validateOnly: true }))
          .userErrors,
      ),
    ).toEqual(['OUT_OF_RANGE price', 'QUOTA_EXCEEDED namespace']);
    expect(await countImages(admin)).toBe(before + 1);
  });
});
