import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { requestBuild, type UserErrorFacts } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { digestOf } from '../support/fake-engine.ts';
import { codes, deleteImage, makeImage, registerImage } from '../support/images.ts';

/**
 * The stage: `secret` is a namespace of others, with a private image `hidden` and a public one `shown` in the platform's
 * registry; bob is DEVELOPER on the namespace `default` alone, and VIEWER on the workspace `lab`.
 */
let slipway: TestApp;
let admin: ApiClient;
let bob: ApiClient;
let host: string;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  host = slipway.engine.registry.host;
  bob = await slipway.user('bob', { namespace: 'DEVELOPER' });
  const { ws } = await admin.run<{ ws: { workspace: { id: string } } }>(`mutation {
    createNamespace(input: { name: "secret" }) { namespace { id } }
    ws: createWorkspace(input: { name: "lab" }) { workspace { id } }
  }`);
  const workspaceId = ws.workspace.id;
  await admin.run(
    'mutation ($input: SetWorkspaceMemberInput!) { setWorkspaceMember(input: $input) { userErrors { code } } }',
    { input: { workspaceId, userName: 'bob', role: 'VIEWER' } },
  );
  for (const name of ['hidden', 'shown', 'in-lab', 'gone']) {
    slipway.engine.registry.put(`secret/${name}`, '1', {
      digest: digestOf(name),
      sizeBytes: 7,
      layers: [],
      architecture: 'amd64',
      configDigest: digestOf(`${name} config`),
    });
  }
  await makeImage(admin, { reference: `${host}/secret/hidden:1` });
  await makeImage(admin, { reference: `${host}/secret/shown:1`, visibility: 'PUBLIC' });
  await makeImage(admin, { reference: `${host}/secret/in-lab:1`, workspaceId });
  const gone = await makeImage(admin, { reference: `${host}/secret/gone:1`, visibility: 'PUBLIC' });
  await deleteImage(admin, { id: gone.id });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const HIDDEN = 'HOST/secret/hidden:1';

describe('building on an image of the platform', () => {
  const build = async (client: ApiClient, dockerfile: string, buildArgs: Record<string, string> = {}) => {
    const args = Object.entries(buildArgs).map(([name, value]) => ({ name, value }));
    const wish = { dockerfile: dockerfile.replaceAll('HOST', host), buildArgs: args, overwriteTag: true };
    return (await requestBuild(client, wish)).userErrors;
  };

  it('is refused where it is hidden, with its place, and in the same words where it is not there', async () => {
    const refusal = (image: string): UserErrorFacts => ({
      code: 'DOCKERFILE_INVALID',
      path: ['buildConfig', 'dockerfile'],
      message: `line 2: there is no image ${host}/${image} that you may use`,
      details: {
        line: 2,
        column: 6,
        endLine: 2,
        endColumn: 6 + `${host}/${image}`.length,
        rule: 'BASE_NOT_FOUND',
      },
    });
    for (const image of ['secret/hidden:1', 'secret/absent:1', 'nowhere/hidden:1', 'hidden', 'slipway']) {
      expect(await build(bob, `# a comment\nFROM HOST/${image}\n`)).toEqual([refusal(image)]);
    }
    const { imageBuilds } = await bob.run<{ imageBuilds: { totalCount: number } }>(
      '{ imageBuilds { totalCount } }',
    );
    expect(imageBuilds.totalCount).toBe(0);
  });

  it.each([
    ['COPY --from', `FROM scratch\nCOPY --from=${HIDDEN} / /\n`],
    ['RUN --mount', `FROM scratch\nRUN --mount=type=bind,target=/x,from=${HIDDEN} ls\n`],
    ['ONBUILD COPY --from', `FROM scratch\nONBUILD COPY --from=${HIDDEN} / /\n`],
    ['a stage that is not built', `FROM ${HIDDEN} AS unused\nFROM scratch\n`],
    ['a digest', `FROM HOST/secret/hidden@${digestOf('hidden')}\n`],
    ['no tag', 'FROM HOST/secret/hidden\n'],
    ['capitals in the host', `FROM ${'HOST'}/secret/hidden:1`.replace('HOST', 'REGISTRY.test:5000')],
    ['a leading zero of the port', 'FROM registry.test:05000/secret/hidden:1'],
    ['a variable', `ARG BASE=${HIDDEN}\nFROM $BASE\n`],
    ['an image that is no longer public', 'FROM HOST/secret/gone:1\n'],
    ['a value that only some engines have', `FROM \${TARGETARCH}HOST/secret/hidden:1\n`],
    ['the start of an id in the engine', 'FROM 3f9a'],
    ['the start of an id with its algorithm', 'FROM sha256:3f9a'],
  ])('is refused however it is written: %s', async (_, dockerfile) => {
    const problems = await build(bob, dockerfile);
    expect(problems.map(({ details }) => details?.['rule'])).toContain('BASE_NOT_FOUND');
  });

  it('is refused for the value of a build argument', async () => {
    const problems = await build(bob, 'ARG BASE=scratch\nFROM $BASE\n', { BASE: `${host}/secret/hidden:1` });
    expect(problems).toMatchObject([{ details: { line: 2, column: 6, rule: 'BASE_NOT_FOUND' } }]);
  });

  it.each([
    ['the platform has for everybody', 'FROM HOST/slipway/base:latest\n'],
    ['is in a namespace of theirs, there or not', 'FROM HOST/default/never-pushed:1\n'],
    ['is public', 'FROM HOST/secret/shown:1\n'],
    ['is another tag or a digest of a public one', `FROM HOST/secret/shown@${digestOf('other')}\n`],
    ['belongs to a workspace of theirs', 'FROM HOST/secret/in-lab:1\n'],
    ['is not in the registry of the platform', 'FROM docker.io/secret/hidden:1\n'],
    ['only looks like a namespace', 'FROM secret/hidden:1\n'],
    ['is a stage', 'FROM scratch AS abc\nFROM abc\nCOPY --from=abc / /\n'],
  ])('is for everybody who may use it: what %s', async (_, dockerfile) => {
    expect(await build(bob, dockerfile)).toEqual([]);
  });

  it('is for administrators in any case', async () => {
    expect(await build(admin, `FROM ${HIDDEN}\nCOPY --from=HOST/nowhere/absent:1 / /\n`)).toEqual([]);
  });

  it('costs one look at the catalogue, however many bases there are', async () => {
    const dockerfile = (bases: number) =>
      Array.from({ length: bases }, (_, i) => `FROM HOST/secret/absent-${i}:1\n`).join('');
    const cost = (bases: number) =>
      slipway.countStatements(async () => {
        expect(await build(bob, dockerfile(bases))).toHaveLength(bases);
      });
    expect(await cost(40)).toBe(await cost(1));
  });
});

describe('registering an image of the platform', () => {
  const register = async (client: ApiClient, reference: string, more: Record<string, unknown> = {}) =>
    (await registerImage(client, { reference, namespace: 'default', ...more })).userErrors;

  it('tells nothing of what is hidden, verified or not: it is as if it were not there', async () => {
    const { registry } = slipway.engine;
    for (const verify of [true, false]) {
      const [hidden, absent] = [
        await register(bob, `${host}/secret/hidden:1`, { verify }),
        await register(bob, `${host}/secret/absent:1`, { verify }),
      ];
      expect(codes(hidden)).toEqual(['REFERENCE_NOT_FOUND reference']);
      const mine = JSON.stringify(hidden).replaceAll('hidden', 'absent');
      expect(mine).toBe(JSON.stringify(absent));
    }
    // Its answer would tell, even by failing.
    registry.setAvailable(false);
    try {
      const problems = await register(bob, `${host}/secret/hidden:1`, { verify: true });
      expect(codes(problems)).toEqual(['REFERENCE_NOT_FOUND reference']);
    } finally {
      registry.setAvailable(true);
    }
  });

  it('does not ask the registry while the namespace is not settled', async () => {
    const { registry } = slipway.engine;
    registry.setAvailable(false);
    try {
      for (const [client, namespace, code] of [
        [bob, 'secret', 'NOT_FOUND namespace'],
        [admin, 'No Name', 'PATTERN namespace'],
      ] as const) {
        const problems = await register(client, `${host}/secret/shown:1`, { namespace, verify: true });
        expect(codes(problems)).toEqual([code]);
      }
    } finally {
      registry.setAvailable(true);
    }
  });

  it('tells of what the viewer may use', async () => {
    const { image } = await registerImage(bob, {
      reference: `${host}/secret/shown:1`,
      namespace: 'default',
      verify: true,
    });
    expect(image).toMatchObject({ digest: digestOf('shown'), sizeBytes: 7 });
  });
});
