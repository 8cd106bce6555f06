import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import {
  finished,
  followStatus,
  logEvents,
  printed,
  requestBuild,
  startBuild,
  wholeLog,
} from '../support/builds.ts';
import { logEvent, stepEvent } from '../support/fake-engine.ts';
import { gate, until } from '../support/until.ts';

const DOCKERFILE = 'FROM scratch\nRUN echo hello\n';
let slipway: TestApp;

beforeAll(async () => {
  slipway = await createTestApp();
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
beforeEach(() => {
  slipway.engine.onBuild(null);
  slipway.engine.onPush(null);
});

describe('a build of a Dockerfile', () => {
  it('makes an ACTIVE image with digest and size, and tells of every version once', async () => {
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'first' });
    expect(build).toMatchObject({ status: 'QUEUED', version: 1, attempt: 0, image: null });
    const events = await followStatus(slipway.admin, build.id, 1);
    expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 2));
    const last = events.at(-1)?.build;
    expect(last).toMatchObject({
      status: 'SUCCEEDED',
      phase: null,
      attempt: 1,
      failure: null,
      progress: { completedSteps: 2, totalSteps: 2, percent: 100 },
      image: { status: 'ACTIVE', sizeBytes: 1536 },
    });
    expect(last?.image?.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const phases = events.map((event) => event.build.phase).filter((phase, i, all) => phase !== all[i - 1]);
    expect(phases).toEqual(['PREPARING', 'BUILDING', 'PUSHING', 'REGISTERING', null]);
  });

  it('shows the state now, and only that, to who subscribes after the end', async () => {
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'ended' });
    await finished(slipway.admin, build.id);
    const again = await followStatus(slipway.admin, build.id);
    expect(again).toHaveLength(1);
    expect(again[0]?.build.status).toBe('SUCCEEDED');
  });

  it('numbers the lines of its log without a gap and closes it with an end', async () => {
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'logged' });
    const lines = await wholeLog(slipway.admin, build.id);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
    expect(printed(lines)).toMatchObject([
      { step: 2, stream: 'STDOUT', text: 'hello 1' },
      { step: 2, stream: 'STDERR', text: 'hello 2' },
      { step: 2, stream: 'STDOUT', text: 'hello 3' },
    ]);
  });

  it('shows lines while the build runs, and a reconnect loses none and repeats none', async () => {
    const half = gate();
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN count' });
      for (let i = 1; i <= 1000; i += 1) yield logEvent(1, `line ${i}\n`);
      await half.opened;
      for (let i = 1001; i <= 2000; i += 1) yield logEvent(1, `line ${i}\n`);
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'reconnected' });
    const before: { seq: number; text: string }[] = [];
    for await (const event of logEvents(slipway.admin, build.id)) {
      if (event.__typename === 'ImageBuildLogLines') before.push(...event.lines);
      if (before.some(({ text }) => text === 'line 1000')) break;
    }
    half.open();
    const after = await wholeLog(slipway.admin, build.id, before.at(-1)?.seq ?? 0);
    const all = [...before, ...after];
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
    const counted = all.map(({ text }) => text).filter((text) => text.startsWith('line '));
    expect(counted).toEqual(Array.from({ length: 2000 }, (_, i) => `line ${i + 1}`));
  });

  it('fails with step, line and exit code where a step fails', async () => {
    slipway.engine.onBuild(async function* () {
      yield { kind: 'total', steps: 2 };
      yield stepEvent({ number: 2, name: 'RUN exit 3' });
      yield logEvent(2, 'about to fail\n');
      throw new EngineError('STEP_FAILED', 'RUN exit 3 ended with exit code 3', {
        step: 2,
        line: 2,
        exitCode: 3,
      });
    });
    const build = await startBuild(slipway.admin, {
      dockerfile: 'FROM scratch\nRUN exit 3\n',
      name: 'failing',
    });
    const ended = await finished(slipway.admin, build.id);
    expect(ended).toMatchObject({
      status: 'FAILED',
      image: null,
      failure: { reason: 'STEP_FAILED', step: 2, line: 2, exitCode: 3 },
    });
    expect(ended.steps).toMatchObject([{ number: 2, status: 'FAILED' }]);
    expect((await wholeLog(slipway.admin, build.id)).map(({ text }) => text)).toContain('about to fail');
  });

  it('ends at its time limit', async () => {
    slipway.engine.onBuild(async function* (_, { signal }) {
      yield stepEvent({ number: 1, name: 'RUN sleep' });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    const build = await startBuild(slipway.admin, {
      dockerfile: DOCKERFILE,
      name: 'slow',
      timeoutSeconds: 1,
    });
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      status: 'TIMED_OUT',
      failure: { reason: 'TIMED_OUT' },
    });
  });

  it('tries a push again that fails for a passing reason', async () => {
    let tries = 0;
    slipway.engine.onPush(async function* () {
      tries += 1;
      if (tries === 1) throw new EngineError('REGISTRY_UNAVAILABLE', 'the registry answered 500');
      slipway.engine.registry.put('default/pushed', 'latest', {
        digest: 'sha256:pushed',
        sizeBytes: 10,
        layers: [],
        architecture: 'arm64',
        configDigest: 'sha256:config',
      });
      yield { kind: 'result', digest: 'sha256:pushed' };
    });
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'pushed' });
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      status: 'SUCCEEDED',
      image: { digest: 'sha256:pushed', sizeBytes: 10 },
    });
  });

  it('is refused while an image has its name and tag, and takes them over where that is asked for', async () => {
    const first = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'twice' });
    const made = await finished(slipway.admin, first.id);
    const refused = await requestBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'twice' });
    expect(refused).toMatchObject({
      build: null,
      userErrors: [{ code: 'TAG_EXISTS', path: ['image', 'name'] }],
    });
    const second = await startBuild(slipway.admin, {
      dockerfile: 'FROM scratch\n',
      name: 'twice',
      overwriteTag: true,
    });
    const remade = await finished(slipway.admin, second.id);
    expect(remade).toMatchObject({ status: 'SUCCEEDED', image: { status: 'ACTIVE' } });
    const { image } = await slipway.admin.run<{ image: { status: string } }>(
      'query ($id: ID!) { image(id: $id) { status } }',
      { id: made.image?.id },
    );
    expect(image.status).toBe('DELETED');
  });
});

describe('what is wrong with a request', () => {
  it('is told all at once, each with its path, and nothing is queued', async () => {
    const { build, userErrors } = await requestBuild(slipway.admin, {
      name: 'Not A Name',
      reference: 'elsewhere.example/default/x:1',
      dockerfile: 'FROM scratch\nRUM echo\n',
      files: [{ path: '../escape', content: '' }],
      timeoutSeconds: 0,
    });
    expect(build).toBeNull();
    expect(userErrors.map(({ code, path }) => [code, path.join('.')])).toEqual(
      expect.arrayContaining([
        ['PATTERN', 'image.name'],
        ['REGISTRY_NOT_ALLOWED', 'image.reference'],
        ['DOCKERFILE_INVALID', 'buildConfig.dockerfile'],
        ['INVALID', 'buildConfig.files.0.path'],
        ['OUT_OF_RANGE', 'timeoutSeconds'],
      ]),
    );
    const dockerfile = userErrors.find(({ code }) => code === 'DOCKERFILE_INVALID');
    expect(dockerfile?.details).toMatchObject({ line: 2, column: 1 });
  });
});

describe('a cancel', () => {
  it('stops a running build within seconds and leaves nothing running', async () => {
    slipway.engine.onBuild(async function* (_, { signal }) {
      yield stepEvent({ number: 1, name: 'RUN sleep' });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'canceled' });
    await until('the build to run', () => slipway.engine.running > 0);
    const { cancelImageBuild } = await slipway.admin.run<{ cancelImageBuild: { build: { status: string } } }>(
      'mutation ($id: ID!) { cancelImageBuild(input: { id: $id, reason: "wrong branch" }) { build { status } } }',
      { id: build.id },
    );
    expect(cancelImageBuild.build.status).toBe('CANCELING');
    expect(await finished(slipway.admin, build.id)).toMatchObject({
      status: 'CANCELED',
      failure: { reason: 'CANCELED' },
    });
    await until('the engine to be idle', () => slipway.engine.running === 0);
    const again = await slipway.admin.run<{ cancelImageBuild: { userErrors: { code: string }[] } }>(
      'mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { userErrors { code } } }',
      { id: build.id },
    );
    expect(again.cancelImageBuild.userErrors).toEqual([{ code: 'BUILD_ALREADY_FINISHED' }]);
  });

  it('ends a queued build at once', async () => {
    const hold = gate();
    slipway.engine.onBuild(async function* () {
      await hold.opened;
      yield { kind: 'result', imageId: 'sha256:2' };
    });
    const busy = [];
    for (const name of ['busy-a', 'busy-b'])
      busy.push(await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name }));
    await until('both slots to be busy', () => slipway.engine.running === 2);
    const waiting = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'waiting' });
    const { imageBuild } = await slipway.admin.run<{
      imageBuild: { queue: { position: number; size: number } };
    }>('query ($id: ID!) { imageBuild(id: $id) { queue { position size } } }', { id: waiting.id });
    expect(imageBuild.queue).toEqual({ position: 1, size: 1 });
    const { cancelImageBuild } = await slipway.admin.run<{ cancelImageBuild: { build: { status: string } } }>(
      'mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { status } } }',
      { id: waiting.id },
    );
    expect(cancelImageBuild.build.status).toBe('CANCELED');
    hold.open();
    for (const build of busy) expect((await finished(slipway.admin, build.id)).status).toBe('SUCCEEDED');
  });
});

describe('a subscription', () => {
  it('ends with the build although it was asked to begin after a version that never comes', async () => {
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'from-the-future' });
    expect(await followStatus(slipway.admin, build.id, 1000)).toEqual([]);
    expect((await finished(slipway.admin, build.id)).logLineCount).toBeGreaterThan(3);
  });

  it('ends within seconds when its viewer may no longer see the build', async () => {
    const hold = gate();
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN wait' });
      yield logEvent(1, 'begun\n');
      await hold.opened;
      yield { kind: 'result', imageId: 'sha256:3' };
    });
    const guest = await slipway.user('guest', { namespace: 'VIEWER' });
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'watched' });
    const watching = (async () => {
      for await (const event of logEvents(guest, build.id))
        if (event.__typename === 'ImageBuildLogEnd') return 'end';
      return 'closed';
    })();
    const [{ id }] = (await slipway.database.query<{ id: string }>(
      "select id from user_account where name = 'guest'",
    )) as [{ id: string }];
    await slipway.database.query('delete from namespace_member where user_id = $1', [id]);
    await expect(watching).rejects.toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    hold.open();
    expect((await finished(slipway.admin, build.id)).status).toBe('SUCCEEDED');
  });
});
