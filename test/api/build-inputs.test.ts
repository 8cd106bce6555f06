import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { type BuildPayload, buildInput, finished, sendBuild } from '../support/builds.ts';
import { digestOf } from '../support/fake-engine.ts';
import { codes } from '../support/images.ts';

let slipway: TestApp;
let waiting: TestApp;
beforeAll(async () => {
  slipway = await createTestApp();
  // Without a worker: what is accepted stays QUEUED.
  waiting = await createTestApp({ worker: false });
});
afterAll(async () => {
  await waiting[Symbol.asyncDispose]();
  await slipway[Symbol.asyncDispose]();
});

let count = 0;
/** Sends the usual input with these changes; `buildConfig` is merged. */
async function ask(
  app: TestApp,
  { buildConfig, ...changes }: Record<string, unknown> & { buildConfig?: Record<string, unknown> },
): Promise<BuildPayload> {
  count += 1;
  const input = await buildInput(app.admin, { name: `input-${count}` });
  const config = { ...(input['buildConfig'] as object), ...buildConfig };
  return await sendBuild(app.admin, { ...input, ...changes, buildConfig: config });
}

async function fieldsOf(app: TestApp, id: string, fields: string): Promise<unknown> {
  const { imageBuild } = await app.admin.run<{ imageBuild: unknown }>(
    `query ($id: ID!) { imageBuild(id: $id) { ${fields} } }`,
    { id },
  );
  return imageBuild;
}

describe('a list of packages', () => {
  const packages = {
    apt: ['curl'],
    pip: ['numpy==1.19.5', 'torch>=2.0,<3'],
    conda: ['conda-forge::lightgbm'],
  };
  const PACKAGES = { buildType: 'PACKAGE_INSTALLATION', dockerfile: undefined };

  it('becomes a Dockerfile that can be read, and an image', async () => {
    const baseImage = 'python:3.12-slim';
    const { build, userErrors } = await ask(slipway, { buildConfig: { ...PACKAGES, baseImage, packages } });
    expect(userErrors).toEqual([]);
    expect(await finished(slipway.admin, build?.id ?? '')).toMatchObject({
      status: 'SUCCEEDED',
      image: { status: 'ACTIVE' },
    });
    const shown = (await fieldsOf(slipway, build?.id ?? '', 'kind buildType dockerfile')) as {
      dockerfile: string;
    };
    expect(shown).toMatchObject({ kind: 'PACKAGES', buildType: 'PACKAGE_INSTALLATION' });
    expect(shown.dockerfile).toMatch(/^FROM python:3\.12-slim$/m);
    for (const name of ['curl', 'numpy==1.19.5', 'torch>=2.0,<3', 'conda-forge::lightgbm']) {
      expect(shown.dockerfile).toContain(`'${name}'`);
    }
    expect(slipway.engine.builds.at(-1)?.dockerfile).toBe(shown.dockerfile);
  });

  it('tells everything that is wrong at once, where it stands', async () => {
    const { userErrors } = await ask(slipway, {
      buildConfig: {
        buildType: 'PACKAGE_INSTALLATION',
        dockerfile: 'FROM scratch',
        baseImage: 'ubuntu:18:04',
        packages: { pip: ['numpy', 'numpy; rm -rf /', '--index-url=evil'], apt: ["curl' && reboot"] },
        files: [{ path: 'a', content: '' }],
      },
    });
    expect(userErrors.map(({ code, path }) => `${code} ${path.join('.')}`).sort()).toEqual([
      'NOT_ALLOWED buildConfig.dockerfile',
      'NOT_ALLOWED buildConfig.files',
      'PATTERN buildConfig.packages.apt.0',
      'PATTERN buildConfig.packages.pip.1',
      'PATTERN buildConfig.packages.pip.2',
      'REFERENCE_INVALID buildConfig.baseImage',
    ]);
  });

  it('has no place beside a Dockerfile', async () => {
    const { userErrors } = await ask(slipway, { buildConfig: { baseImage: 'python:3', packages } });
    expect(userErrors.map(({ code, path }) => `${code} ${path.join('.')}`)).toEqual([
      'NOT_ALLOWED buildConfig.baseImage',
      'NOT_ALLOWED buildConfig.packages',
    ]);
  });
});

describe('what a build runs on', () => {
  it('is recorded, and what is only recorded is said', async () => {
    const network = {
      vpcId: 'vpc-1',
      securityGroupId: 'sg-1',
      switchId: 'vsw-1',
      extendedCidrs: ['10.0.0.0/24'],
    };
    const { build, warnings, userErrors } = await ask(waiting, {
      resource: { ecsSpec: 'ecs.g6.large' },
      network,
      targetRegistry: { type: 'ACR_ENTERPRISE', instanceId: 'cri-abcd1234' },
      buildConfig: { regionId: 'cn-hangzhou' },
    });
    expect(userErrors).toEqual([]);
    expect(warnings.map((warning) => warning.split(' ')[0])).toEqual([
      'resource.ecsSpec',
      'network',
      'targetRegistry',
      'regionId',
    ]);
    const fields =
      'resource { ecsSpec quotaId type config { cpu memory } } network { vpcId extendedCidrs defaultRoute } targetRegistry { type instanceId } regionId';
    expect(await fieldsOf(waiting, build?.id ?? '', fields)).toEqual({
      resource: { ecsSpec: 'ecs.g6.large', quotaId: null, type: null, config: null },
      network: { vpcId: 'vpc-1', extendedCidrs: ['10.0.0.0/24'], defaultRoute: null },
      targetRegistry: { type: 'ACR_ENTERPRISE', instanceId: 'cri-abcd1234' },
      regionId: 'cn-hangzhou',
    });
  });

  it('limits what the engine lets a step use', async () => {
    const resource = { quotaId: 'quota-1', type: 'LINGJUN', config: { cpu: '500m', memory: '64Mi' } };
    const { build, warnings } = await ask(slipway, { resource });
    await finished(slipway.admin, build?.id ?? '');
    expect(slipway.engine.builds.at(-1)?.limits).toEqual({ cpus: 0.5, memoryBytes: 64 * 2 ** 20 });
    expect(warnings.join()).not.toContain('resource.config');
    const dockerfile = 'FROM scratch AS a\nRUN <<EOF\necho\nEOF\n';
    const other = await ask(waiting, { resource, buildConfig: { dockerfile } });
    expect(other.warnings).toContainEqual(expect.stringContaining('resource.config is only recorded'));
  });

  it('breaks the rules of both groups and of the network all at once', async () => {
    const { userErrors } = await ask(waiting, {
      resource: { ecsSpec: 'ecs.g6.large', quotaId: 'quota-1', config: { cpu: 'many' } },
      network: { switchId: 'vsw-1', extendedCidrs: ['10.0.0.0/33'], defaultRoute: 'eth7' },
      targetRegistry: { type: 'ACR_ENTERPRISE' },
      priority: 'HIGH',
      jobName: 'x'.repeat(129),
    });
    const found = userErrors.map(({ code, path }) => `${code} ${path.join('.')}`);
    for (const expected of [
      'NOT_ALLOWED resource.quotaId',
      'NOT_ALLOWED resource.config',
      'REQUIRED network.vpcId',
      'REQUIRED network.securityGroupId',
      'CIDR_INVALID network.extendedCidrs.0',
      'NOT_ALLOWED network.defaultRoute',
      'REQUIRED targetRegistry.instanceId',
      'TOO_LONG jobName',
    ]) {
      expect(found).toContain(expected);
    }
  });
});

describe('credentials and secrets', () => {
  it('are refused where they cannot be used, and never quoted', async () => {
    const answer = await ask(waiting, {
      buildConfig: {
        registryAuths: [
          { domain: 'private.example', auth: 'hunter2-not-base64' },
          { domain: waiting.engine.registry.host, auth: Buffer.from('a:b').toString('base64') },
        ],
        secrets: [{ id: 'a b', value: 'hunter2' }],
      },
    });
    expect(answer.userErrors.map(({ code, path }) => `${code} ${path.join('.')}`).sort()).toEqual([
      'NOT_ALLOWED buildConfig.registryAuths',
      'PATTERN buildConfig.secrets.0.id',
      'REGISTRY_AUTH_INVALID buildConfig.registryAuths.0.auth',
    ]);
    expect(JSON.stringify(answer)).not.toContain('hunter2');
  });
});

describe('the priority of a build', () => {
  it('is HIGH for administrators only', async () => {
    const user = await waiting.user('priority', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
    const input = { ...(await buildInput(user, { name: 'urgent' })), priority: 'HIGH' };
    expect(codes((await sendBuild(user, input)).userErrors)).toEqual(['NOT_ALLOWED priority']);
    expect((await sendBuild(user, { ...input, priority: 'LOW' })).userErrors).toEqual([]);
    const urgent = await ask(waiting, { priority: 'HIGH' });
    expect(await fieldsOf(waiting, urgent.build?.id ?? '', 'priority queue { position }')).toEqual({
      priority: 'HIGH',
      queue: { position: 1 },
    });
  });
});

describe('a tag that the registry has, and no live image of the catalogue', () => {
  const image = {
    digest: digestOf('stranger'),
    sizeBytes: 10,
    layers: [],
    architecture: 'amd64',
    configDigest: digestOf('config'),
  };

  it('is not overwritten unless that is asked for', async () => {
    waiting.engine.registry.put('default/pushed', '1', image);
    const input = await buildInput(waiting.admin, { name: 'pushed', tag: '1' });
    expect((await sendBuild(waiting.admin, input)).userErrors).toMatchObject([
      { code: 'TAG_EXISTS', path: ['image', 'name'], details: { name: 'pushed', tag: '1' } },
    ]);
    expect((await sendBuild(waiting.admin, { ...input, overwriteTag: true })).userErrors).toEqual([]);
  });

  it('is not told of to who asks for what they may not have', async () => {
    waiting.engine.registry.put('hidden/model', 'v7', image);
    const user = await waiting.user('curious', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
    const input = await buildInput(user, { name: 'curious' });
    for (const tag of ['v7', 'v8']) {
      const reference = `${waiting.engine.registry.host}/hidden/model:${tag}`;
      const target = { name: 'curious', namespace: 'default', reference };
      const { userErrors } = await sendBuild(user, { ...input, image: target, validateOnly: true });
      expect(userErrors.map(({ code }) => code)).toEqual(['NAMESPACE_MISMATCH']);
    }
  });

  it('is found out before the push where the registry did not answer before', async () => {
    slipway.engine.registry.setAvailable(false);
    const input = await buildInput(slipway.admin, { name: 'pushed-later', tag: '1' });
    slipway.engine.onBuild(async function* () {
      slipway.engine.registry.setAvailable(true);
      slipway.engine.registry.put('default/pushed-later', '1', image);
      yield { kind: 'result', imageId: digestOf('made') };
    });
    const { build, warnings, userErrors } = await sendBuild(slipway.admin, input);
    expect(userErrors).toEqual([]);
    expect(warnings).toContainEqual(expect.stringContaining('registry did not say'));
    expect(await finished(slipway.admin, build?.id ?? '')).toMatchObject({
      status: 'FAILED',
      failure: { reason: 'TAG_EXISTS' },
    });
    slipway.engine.onBuild(null);
    expect(slipway.engine.pushes.map(({ reference }) => reference)).not.toContainEqual(
      expect.stringContaining('pushed-later'),
    );
  });
});

describe('a running build', () => {
  it('shows its builder, and how far the push is', async () => {
    slipway.engine.onPush(async function* (request) {
      yield { kind: 'progress', pushedBytes: 50, totalBytes: 200 };
      slipway.engine.registry.put('default/shown', 'latest', image());
      yield { kind: 'result', digest: image().digest };
      expect(request.reference).toContain('shown');
    });
    function image() {
      return {
        digest: digestOf('shown'),
        sizeBytes: 10,
        layers: [],
        architecture: 'amd64',
        configDigest: digestOf('config'),
      };
    }
    const { build } = await sendBuild(slipway.admin, await buildInput(slipway.admin, { name: 'shown' }));
    const end = await finished(slipway.admin, build?.id ?? '');
    slipway.engine.onPush(null);
    expect(end.status).toBe('SUCCEEDED');
    expect(
      await fieldsOf(slipway, end.id, 'builder progress { pushedBytes pushTotalBytes percent }'),
    ).toEqual({
      builder: 'CLASSIC',
      progress: { pushedBytes: 50, pushTotalBytes: 200, percent: 100 },
    });
  });
});

describe('the files of a build', () => {
  it('cannot be a file and a folder at once, and .dockerignore among them is not read', async () => {
    const conflict = await ask(waiting, {
      buildConfig: {
        dockerfile: 'FROM scratch\nCOPY d /d\n',
        files: [
          { path: 'd', content: 'a file' },
          { path: 'd/e', content: 'below it' },
        ],
      },
    });
    expect(conflict.userErrors.map(({ code, path }) => [code, path.join('.')])).toEqual([
      ['INVALID', 'buildConfig.files.0.path'],
    ]);
    const ignored = await ask(waiting, {
      buildConfig: { files: [{ path: '.dockerignore', content: 'x\n' }] },
    });
    expect(ignored.warnings).toContainEqual(expect.stringContaining('.dockerignore is not read'));
  });
});
