import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { digestOf } from '../support/fake-engine.ts';
import { codes, countImages, globalId, makeImage, REGISTER_IMAGE, registerImage } from '../support/images.ts';

let slipway: TestApp;
let admin: ApiClient;
let developer: ApiClient;
let viewer: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  developer = await slipway.user('dana', { namespace: 'DEVELOPER' });
  viewer = await slipway.user('vera', { namespace: 'VIEWER' });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

describe('registering an image', () => {
  it('takes the name from the reference and keeps a name in another script for people, as Argon sends it', async () => {
    const image = await makeImage(admin, {
      namespace: 'default',
      name: '普通整片转码',
      description: '普通整片转码',
      reference: 'nvidia/cuda10.1:tensorflow_mgdc-test-v0.1',
    });
    expect(image).toMatchObject({
      namespace: { name: 'default' },
      name: 'cuda10.1',
      tag: 'tensorflow_mgdc-test-v0.1',
      displayName: '普通整片转码',
      description: '普通整片转码',
      reference: 'nvidia/cuda10.1:tensorflow_mgdc-test-v0.1',
      registryHost: 'docker.io',
      repository: 'nvidia/cuda10.1',
    });
  });

  it('takes a name and a tag without a namespace, as algoPlatform sends them, into the default namespace', async () => {
    const image = await makeImage(admin, { reference: 'test1.0:test1.0', description: '抽帧超压' });
    expect(image).toMatchObject({ namespace: { name: 'default' }, name: 'test1.0', tag: 'test1.0' });
    const other = await makeImage(admin, { reference: 'algo/structure_new:latest' });
    expect(other).toMatchObject({ namespace: { name: 'algo' }, name: 'structure_new', tag: 'latest' });
  });

  it('fills in what ModelArts fills in, and is ACTIVE at once', async () => {
    const reference =
      'swr.xxx.com/op_svc_modelarts_container2/pytorch_1_8:train-pytorch_1.8.0-cuda_10.2-py_3.7';
    const before = Date.now();
    const image = await makeImage(admin, {
      description: '',
      resourceCategories: ['CPU'],
      architecture: 'X86_64',
      reference,
    });
    expect(image).toMatchObject({
      architecture: 'X86_64',
      description: '',
      devServices: ['NOTEBOOK', 'SSH'],
      name: 'pytorch_1_8',
      namespace: { name: 'op_svc_modelarts_container2' },
      origin: 'CUSTOMIZE',
      resourceCategories: ['CPU'],
      serviceType: 'UNKNOWN',
      status: 'ACTIVE',
      reference,
      registryHost: 'swr.xxx.com',
      tag: 'train-pytorch_1.8.0-cuda_10.2-py_3.7',
      type: 'DEDICATED',
      visibility: 'PRIVATE',
      workspace: { name: 'default', isDefault: true },
      createdBy: { name: 'admin' },
      deletedAt: null,
      viewerPermissions: ['READ', 'UPDATE', 'DELETE', 'SHARE'],
    });
    expect(Buffer.from(image.id, 'base64url').toString()).toContain(image.uid);
    expect(Date.parse(image.createdAt)).toBeGreaterThanOrEqual(before);
    expect(image.updatedAt).toBe(image.createdAt);
  });

  it('takes namespace, name and tag that differ from the reference, and a digest', async () => {
    const digest = digestOf('anything');
    const image = await makeImage(developer, {
      reference: `registry.example:5000/team/deep/torch:2@${digest}`,
      namespace: 'default',
      name: 'vision/torch',
      tag: 'stable',
      displayName: 'Torch für alle',
      labels: [
        { key: 'b', value: '2' },
        { key: 'a', value: '' },
      ],
      visibility: 'PUBLIC',
      serviceType: 'TRAIN',
      devServices: ['SSH'],
      origin: 'IMAGE_SAVE',
    });
    expect(image).toMatchObject({
      namespace: { name: 'default' },
      name: 'vision/torch',
      tag: 'stable',
      displayName: 'Torch für alle',
      registryHost: 'registry.example:5000',
      repository: 'team/deep/torch',
      digest,
      labels: [
        { key: 'b', value: '2' },
        { key: 'a', value: '' },
      ],
      visibility: 'PUBLIC',
      serviceType: 'TRAIN',
      devServices: ['SSH'],
      origin: 'IMAGE_SAVE',
      createdBy: { name: 'dana' },
    });
    const deep = await makeImage(developer, {
      reference: 'registry.example/team/deep/torch',
      namespace: 'default',
    });
    expect(deep).toMatchObject({ name: 'deep/torch', tag: 'latest' });
  });

  it('tells of everything that is wrong at once, each with its path, and changes nothing', async () => {
    const before = await countImages(admin);
    const { image, userErrors, clientMutationId } = await registerImage(admin, {
      reference: 'default/Upper:1',
      namespace: '1st',
      tag: 'a,b',
      displayName: 'x'.repeat(257),
      description: '宽'.repeat(513),
      labels: [
        { key: '', value: '' },
        { key: 'k', value: 'v'.repeat(257) },
        { key: 'k', value: 'bell\u0007' },
      ],
      workspaceId: globalId('Workspace'),
      clientMutationId: 'mine',
    });
    expect(image).toBeNull();
    expect(clientMutationId).toBe('mine');
    expect(codes(userErrors)).toEqual([
      'DUPLICATE labels.2.key',
      'INVALID labels.2.value',
      'NOT_FOUND workspaceId',
      'PATTERN namespace',
      'REFERENCE_INVALID reference',
      'REQUIRED labels.0.key',
      'TAG_NOT_OCI tag',
      'TOO_LONG description',
      'TOO_LONG displayName',
      'TOO_LONG labels.1.value',
    ]);
    expect(userErrors.find(({ path }) => path[0] === 'description')?.details).toEqual({
      max: 512,
      current: 513,
    });
    expect(await countImages(admin)).toBe(before);
  });

  it('tells that the name is taken together with what else is wrong', async () => {
    await makeImage(admin, { reference: 'default/occupied:1' });
    const { userErrors } = await registerImage(admin, {
      reference: 'default/occupied:1',
      description: 'x'.repeat(513),
    });
    expect(codes(userErrors)).toEqual(['NAME_TAKEN name', 'TOO_LONG description']);
  });

  it('counts characters, not bytes or UTF-16 units', async () => {
    const image = await makeImage(admin, {
      reference: 'default/long-words',
      description: '🚀'.repeat(512),
      displayName: '长'.repeat(256),
    });
    expect([...(image.description ?? '')]).toHaveLength(512);
  });

  it.each([
    ['', 'REFERENCE_INVALID'],
    ['ubuntu:18:04', 'REFERENCE_INVALID'],
    ['http://reg.example/a/b', 'REFERENCE_INVALID'],
    ['a/b@sha256:12', 'REFERENCE_INVALID'],
    ['default/', 'REFERENCE_INVALID'],
  ])('refuses the reference %j', async (reference, code) => {
    expect(codes((await registerImage(admin, { reference })).userErrors)).toEqual([`${code} reference`]);
  });

  it('holds a namespace that stands in the reference to the rule for namespaces', async () => {
    const { userErrors } = await registerImage(admin, { reference: '3rdparty/tool:1' });
    expect(codes(userErrors)).toEqual(['PATTERN namespace']);
    expect((await makeImage(admin, { reference: '3rdparty/tool:1', namespace: 'default' })).name).toBe(
      'tool',
    );
  });

  it.each([
    ['a', true],
    ['aB9._-', true],
    [`a${'x'.repeat(63)}`, true],
    [`a${'x'.repeat(64)}`, false],
    ['Aa', false],
    ['9a', false],
    ['a/b', false],
    ['中文', false],
    ['a\n', false],
  ])('takes %j as a namespace: %j', async (namespace, legal) => {
    const { userErrors } = await registerImage(admin, { reference: 'x:1', namespace, validateOnly: true });
    expect(codes(userErrors)).toEqual(legal ? [] : ['PATTERN namespace']);
  });

  it.each([
    ['1.0', true],
    ['_x', true],
    ['V1-rc.2_3', true],
    ['x'.repeat(128), true],
    ['x'.repeat(129), false],
    ['a,b', false],
    ['.1', false],
    ['-1', false],
    ['a b', false],
    ['标签', false],
  ])('takes %j as a tag: %j', async (tag, legal) => {
    const { userErrors } = await registerImage(admin, { reference: 'tagged', tag, validateOnly: true });
    expect(codes(userErrors)).toEqual(legal ? [] : ['TAG_NOT_OCI tag']);
  });

  it('refuses a second live image of the same name and tag and says which one has it', async () => {
    const first = await makeImage(admin, { reference: 'default/single:1' });
    const { image, userErrors } = await registerImage(admin, {
      reference: 'elsewhere.example/default/single:1',
    });
    expect(image).toBeNull();
    expect(userErrors).toMatchObject([
      { code: 'NAME_TAKEN', path: ['name'], details: { imageId: first.id } },
    ]);
    await makeImage(admin, { reference: 'default/single:2' });
    await makeImage(admin, { reference: 'other/single:1' });
  });

  it('gives a name that 200 ask for at once to one of them, and NAME_TAKEN to the others', async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => registerImage(admin, { reference: 'contested/prize:1' })),
    );
    expect(answers.filter(({ image }) => image !== null)).toHaveLength(1);
    expect(answers.flatMap(({ userErrors }) => codes(userErrors))).toEqual(
      Array.from({ length: 199 }, () => 'NAME_TAKEN name'),
    );
    const { images } = await admin.run<{ images: { totalCount: number } }>(
      '{ images(filter: { namespace: "contested" }) { totalCount } }',
    );
    expect(images.totalCount).toBe(1);
  });

  it('only checks where validateOnly is set, the name too, and makes neither image nor namespace', async () => {
    const before = await countImages(admin);
    const good = await registerImage(admin, { reference: 'nowhere/near:1', validateOnly: true });
    expect(good).toMatchObject({ image: null, userErrors: [] });
    await makeImage(admin, { reference: 'default/there:1' });
    const taken = await registerImage(admin, { reference: 'default/there:1', validateOnly: true });
    expect(codes(taken.userErrors)).toEqual(['NAME_TAKEN name']);
    expect(await countImages(admin)).toBe(before + 1);
    const { namespace } = await admin.run<{ namespace: unknown }>('{ namespace(name: "nowhere") { id } }');
    expect(namespace).toBeNull();
  });

  it('makes the namespace that an administrator names, and answers NOT_FOUND to anyone else', async () => {
    const foreign = await registerImage(developer, { reference: 'fresh/thing:1' });
    expect(codes(foreign.userErrors)).toEqual(['NOT_FOUND namespace']);
    const image = await makeImage(admin, { reference: 'fresh/thing:1' });
    expect(image.namespace.name).toBe('fresh');
    const unseen = await registerImage(developer, { reference: 'fresh/thing:2' });
    expect(codes(unseen.userErrors)).toEqual(['NOT_FOUND namespace']);
  });

  it('is FORBIDDEN for a VIEWER, and says which role it takes', async () => {
    const { errors } = await viewer.ask(REGISTER_IMAGE, { input: { reference: 'default/wanted:1' } });
    expect(errors?.[0]?.extensions).toMatchObject({
      code: 'FORBIDDEN',
      details: { action: 'image:create', requiredRole: 'DEVELOPER' },
    });
  });

  it('refuses a name for people that is too long or has control characters', async () => {
    const long = await registerImage(admin, { reference: 'default/named:1', name: '名'.repeat(257) });
    expect(codes(long.userErrors)).toEqual(['TOO_LONG name']);
    const control = await registerImage(admin, { reference: 'default/named:1', name: 'No\u0000Name' });
    expect(codes(control.userErrors)).toEqual(['INVALID name']);
  });

  it('refuses half characters, which no database takes', async () => {
    const { userErrors } = await registerImage(admin, {
      reference: 'default/halves:1',
      description: '\ud83d',
      labels: [{ key: '\ud83d', value: '\ude80' }],
    });
    expect(codes(userErrors)).toEqual([
      'INVALID description',
      'INVALID labels.0.key',
      'INVALID labels.0.value',
    ]);
  });

  it('refuses an id that is not one of ours, with all that is wrong besides', async () => {
    const input = { reference: 'a:1', workspaceId: '00', description: 'x'.repeat(513) };
    expect(codes((await registerImage(admin, input)).userErrors)).toEqual([
      'INVALID workspaceId',
      'TOO_LONG description',
    ]);
  });

  it('takes the workspace "0" for the default one, as ModelArts calls it', async () => {
    const image = await makeImage(admin, { reference: 'default/in-zero:1', workspaceId: '0' });
    expect(image.workspace).toEqual({ name: 'default', isDefault: true });
  });
});

describe('the words of a refusal', () => {
  it('quote no more than the beginning of what was sent', async () => {
    const long = 'x'.repeat(100_000);
    for (const input of [
      { reference: `a/${long}:${long}` },
      { reference: `a/b@${long}` },
      { reference: 'a/b', namespace: long, tag: long },
      {
        reference: 'a/b',
        labels: [
          { key: long, value: '' },
          { key: long, value: '' },
        ],
      },
    ]) {
      const { userErrors } = await registerImage(admin, input);
      expect(userErrors).not.toEqual([]);
      expect(JSON.stringify(userErrors).length).toBeLessThan(2000);
    }
  });
});
