import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { BUILD_FIELDS, type BuildPayload } from '../support/builds.ts';
import { codes } from '../support/images.ts';

const BUILD = `mutation ($input: BuildImageInput!) {
  buildImage(input: $input) {
    build { ${BUILD_FIELDS} target { name tag reference } namespace { name } timeoutSeconds jobName }
    warnings userErrors { code message path details }
  }
}`;

let slipway: TestApp;
let host: string;
let workspaceId: string;

beforeAll(async () => {
  // Without a worker: what is accepted stays QUEUED.
  slipway = await createTestApp({ worker: false });
  const { workspace, server } = await slipway.admin.run<{
    workspace: { id: string };
    server: { registryHost: string };
  }>('{ workspace(name: "default") { id } server { registryHost } }');
  workspaceId = workspace.id;
  host = server.registryHost;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

interface Wish {
  readonly image?: Record<string, unknown>;
  readonly buildConfig?: Record<string, unknown>;
  readonly [field: string]: unknown;
}

async function ask({ image, buildConfig, ...rest }: Wish): Promise<BuildPayload> {
  const input = {
    workspaceId,
    image: { name: 'asked', ...image },
    buildConfig: { dockerfile: 'FROM scratch\n', ...buildConfig },
    ...rest,
  };
  return (await slipway.admin.run<{ buildImage: BuildPayload }>(BUILD, { input })).buildImage;
}
const problemsOf = async (wish: Wish) => codes((await ask({ ...wish, validateOnly: true })).userErrors);

describe('where a build goes', () => {
  it('is host/namespace/name:tag where no reference is given', async () => {
    const { build } = await ask({ image: { name: 'plain', namespace: 'default', tag: '2' } });
    expect(build).toMatchObject({
      status: 'QUEUED',
      target: { name: 'plain', tag: '2', reference: `${host}/default/plain:2` },
      namespace: { name: 'default' },
      timeoutSeconds: 3600,
    });
  });

  it('is what the reference says, and the namespace is its first segment', async () => {
    const { build } = await ask({
      image: { name: 'placed', reference: `${host}/default/deep/placed:3` },
      jobName: '夜间构建',
      timeoutSeconds: 60,
    });
    expect(build).toMatchObject({
      target: { name: 'placed', tag: '3', reference: `${host}/default/deep/placed:3` },
      namespace: { name: 'default' },
      timeoutSeconds: 60,
      jobName: '夜间构建',
    });
  });

  it.each([
    [{ name: 'a' }, []],
    [{ name: `a${'b'.repeat(49)}` }, []],
    [{ name: `a${'b'.repeat(50)}` }, ['PATTERN image.name']],
    [{ name: '1a' }, ['PATTERN image.name']],
    [{ name: 'a_b' }, ['PATTERN image.name']],
    // Aliyun allows a hyphen at the end, no registry does.
    [{ name: 'a-' }, ['PATTERN image.name']],
    [{ namespace: 'Upper' }, ['PATTERN image.namespace']],
    [{ namespace: 'upPer' }, ['PATTERN image.namespace']],
    [{ tag: 'a,b' }, ['TAG_NOT_OCI image.tag']],
    [{ description: 'x'.repeat(513) }, ['TOO_LONG image.description']],
    [{ labels: [{ key: '', value: '' }] }, ['REQUIRED image.labels.0.key']],
    [{ reference: 'no reference' }, ['REFERENCE_INVALID image.reference']],
    [{ reference: 'docker.io/default/asked:1' }, ['REGISTRY_NOT_ALLOWED image.reference']],
    [{ reference: 'HOST/asked:1' }, ['REFERENCE_INVALID image.reference']],
    [{ reference: 'HOST/3rdparty/asked:1' }, ['PATTERN image.reference']],
    [{ reference: 'HOST/other/asked:1', namespace: 'default' }, ['NAMESPACE_MISMATCH image.reference']],
    [{ reference: 'HOST/default/asked:1', tag: '2' }, ['INVALID image.tag']],
    [{ reference: 'HOST/default/asked:1', tag: '1' }, []],
    [{ reference: `HOST/default/asked@sha256:${'0'.repeat(64)}` }, ['REFERENCE_INVALID image.reference']],
  ])('%j: %j', async (image: Record<string, unknown>, expected) => {
    const { reference } = image;
    const placed = typeof reference === 'string' ? { reference: reference.replace('HOST', host) } : {};
    expect(await problemsOf({ image: { ...image, ...placed } })).toEqual(expected);
  });
});

describe('what is built', () => {
  it.each([
    [{ dockerfile: '' }, ['REQUIRED buildConfig.dockerfile']],
    [{ dockerfile: null }, ['REQUIRED buildConfig.dockerfile']],
    // Aliyun's own example.
    [
      { dockerfile: 'FROM ubuntu:18:04\nRUN pip3 install numpy==1.19.5' },
      ['DOCKERFILE_INVALID buildConfig.dockerfile'],
    ],
    [{ dockerfile: 'FROM scratch\nCOPY a /\n' }, ['CONTEXT_MISSING buildConfig.dockerfile']],
    [{ dockerfile: 'FROM scratch\nCOPY a /\n', files: [{ path: 'a', content: '' }] }, []],
    [{ dockerfile: 'FROM scratch\n#\u0000\n' }, ['DOCKERFILE_INVALID buildConfig.dockerfile']],
    [{ target: 'nowhere' }, ['DOCKERFILE_INVALID buildConfig.dockerfile']],
    [{ buildArgs: [{ name: '1', value: '' }] }, ['PATTERN buildConfig.buildArgs.0.name']],
    [
      {
        buildArgs: [
          { name: 'A', value: '' },
          { name: 'A', value: '' },
        ],
      },
      ['DUPLICATE buildConfig.buildArgs.1.name'],
    ],
    [{ buildArgs: [{ name: 'A', value: 'nul\u0000' }] }, ['INVALID buildConfig.buildArgs.0.value']],
    [{ buildArgs: [{ name: 'A', value: '\ud83d' }] }, ['INVALID buildConfig.buildArgs.0.value']],
    [{ files: [{ path: 'a', content: 'no', encoding: 'BASE64' }] }, ['INVALID buildConfig.files.0.content']],
    [{ files: [{ path: 'a', content: 'AAEC\n/w==', encoding: 'BASE64' }] }, []],
    [{ files: [{ path: 'a', content: '', mode: 0o1000 }] }, ['OUT_OF_RANGE buildConfig.files.0.mode']],
    [
      {
        files: [
          { path: 'a', content: '' },
          { path: 'a', content: '' },
        ],
      },
      ['DUPLICATE buildConfig.files.1.path'],
    ],
    [
      { files: Array.from({ length: 1001 }, (_, i) => ({ path: `f${i}`, content: '' })) },
      ['TOO_MANY buildConfig.files'],
    ],
  ])('%#: refused where it has to be: %j', async (buildConfig, expected) => {
    expect(await problemsOf({ buildConfig })).toEqual(expected);
  });

  it.each(['', '/etc/passwd', '../x', 'a/../b', './a', 'a//b', 'a/', 'a\\b', 'a\nb', '\ud83d'])(
    'has no file at %j',
    async (path) => {
      const files = [{ path, content: '' }];
      expect(await problemsOf({ buildConfig: { files } })).toEqual(['INVALID buildConfig.files.0.path']);
    },
  );
});

it('quotes no more of what was sent than its beginning', async () => {
  const long = 'x'.repeat(50_000);
  const { userErrors, warnings } = await ask({
    image: { reference: `${host}/${long}/a:1`, namespace: long },
    buildConfig: {
      dockerfile: `FROM a AS ${long}\nFROM A${long}\nCOPY ${long} /\nADD http://${long} /\n${long} y\nEXPOSE ${long}\n`,
      target: `no-${long}`,
      buildArgs: [
        { name: long, value: '' },
        { name: long, value: '' },
      ],
      files: [
        { path: `${'x/'.repeat(2000)}x`, content: '' },
        { path: `${'x/'.repeat(2000)}x`, content: '' },
      ],
    },
    validateOnly: true,
  });
  expect(userErrors.length).toBeGreaterThan(6);
  for (const told of [...userErrors, ...warnings]) expect(JSON.stringify(told).length).toBeLessThan(800);
});

describe('a request', () => {
  it('is not taken for a workspace that is not there, nor with a malformed id', async () => {
    const missing = Buffer.from('Workspace:11111111-2222-4333-8444-555555555555').toString('base64url');
    expect(await problemsOf({ workspaceId: missing })).toEqual(['NOT_FOUND workspaceId']);
    const wrong = { workspaceId: 'zero', image: { name: 'A' }, timeoutSeconds: 0 };
    expect(await problemsOf(wrong)).toEqual([
      'INVALID workspaceId',
      'OUT_OF_RANGE timeoutSeconds',
      'PATTERN image.name',
    ]);
    const { cancelImageBuild } = await slipway.admin.run<{ cancelImageBuild: BuildPayload }>(
      'mutation ($input: CancelImageBuildInput!) { cancelImageBuild(input: $input) { userErrors { code path } } }',
      { input: { id: 'nonsense', reason: 'x'.repeat(513) } },
    );
    expect(codes(cancelImageBuild.userErrors)).toEqual(['INVALID id', 'TOO_LONG reason']);
  });

  it.each([0, -1, 21_601])('may not ask for %d seconds', async (timeoutSeconds) => {
    expect(await problemsOf({ timeoutSeconds })).toEqual(['OUT_OF_RANGE timeoutSeconds']);
  });

  it('that is only checked, or refused, leaves no build behind', async () => {
    const count = async () =>
      (await slipway.admin.run<{ imageBuilds: { totalCount: number } }>('{ imageBuilds { totalCount } }'))
        .imageBuilds.totalCount;
    const before = await count();
    expect(await ask({ image: { name: 'unseen' }, validateOnly: true })).toMatchObject({
      build: null,
      userErrors: [],
    });
    await ask({ image: { name: 'Unseen' } });
    expect(await count()).toBe(before);
  });

  it('is one row and one job, committed together', async () => {
    const { build } = await ask({ image: { name: 'queued' } });
    const jobs = await slipway.database.query<{ state: string }>(
      "select job.state from pgboss.job join image_build on image_build.job_id = job.id where target_name = 'queued'",
    );
    expect(jobs).toEqual([{ state: 'created' }]);
    await slipway.admin.run('mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { id } } }', {
      id: build?.id,
    });
    const left = await slipway.database.query(
      "select job.state from pgboss.job join image_build on image_build.job_id = job.id where target_name = 'queued' and job.state < 'active'",
    );
    expect(left).toEqual([]);
  });
});
