import { expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import {
  collect,
  collectUntilError,
  containerEngineContract,
} from '../contracts/container-engine.contract.ts';
import { createFakeEngine, defaultBuild, digestOf, logEvent, stepEvent } from '../support/fake-engine.ts';

containerEngineContract('the fake engine', async () => {
  const engine = createFakeEngine();
  let count = 0;
  return {
    engine,
    build(kind) {
      count += 1;
      const dockerfile = `FROM slipway/base:1\nRUN echo hello ${count}\n`;
      engine.onBuild(async function* (request) {
        if (kind === 'SUCCEEDS') return yield* defaultBuild(request);
        yield { kind: 'total', steps: 2 };
        yield stepEvent({ number: 2, name: 'RUN x' });
        yield logEvent(2, 'hello\n');
        if (kind === 'HANGS') return await new Promise<never>(() => undefined);
        yield stepEvent({ number: 2, name: 'RUN x', status: 'FAILED' });
        throw new EngineError('STEP_FAILED', 'Step 2 failed.', { step: 2, exitCode: 3, line: 2 });
      });
      return { dockerfile };
    },
    async makeImage(env, labels) {
      count += 1;
      const id = digestOf(`image ${count}`);
      engine.addImage({ id, env, labels });
      return id;
    },
    async startContainer({ files = {}, ...details }) {
      const container = engine.addContainer(details);
      const base = await engine.image(container.imageId);
      const writtenBytes = Object.values(files).reduce((sum, bytes) => sum + bytes, 0);
      const sizeBytes = (base?.sizeBytes ?? 0) + writtenBytes;
      engine.addContainer(container, { writtenBytes, sizeBytes, changedPaths: Object.keys(files) });
      return container.id;
    },
    pauseContainer: async (id) => engine.changeContainer(id, { state: 'paused' }),
    stopContainer: async (id) => engine.changeContainer(id, { state: 'stopped' }),
    removeContainer: async (id) => engine.removeContainer(id),
    reference() {
      engine.onPush(null);
      return `${engine.registry.host}/team/x:1`;
    },
    deadReference() {
      engine.onPush(() => {
        throw new EngineError('REGISTRY_UNAVAILABLE', 'The registry does not answer.');
      });
      return 'down.test/team/x:1';
    },
    isBusy: async () => engine.running > 0,
  };
});

it('tells the registry what was pushed', async () => {
  const engine = createFakeEngine();
  const imageId = 'sha256:1';
  const [, result] = await collect(
    engine.push({ imageId, reference: `${engine.registry.host}/a/b:1`, auth: null }, {}),
  );
  const digest = result?.kind === 'result' ? result.digest : '';
  expect(await engine.registry.manifest('a/b', '1')).toMatchObject({ digest, configDigest: imageId });
  expect(await engine.registry.manifest('a/b', digest)).not.toBeNull();
  engine.registry.forget('a/b');
  expect(await engine.registry.manifest('a/b', '1')).toBeNull();
});

it('fails a build without a result, and every call while it is away', async () => {
  const engine = createFakeEngine();
  engine.onBuild(async function* () {
    yield logEvent(null, 'x');
  });
  const request = {
    dockerfile: '',
    files: [],
    buildArgs: {},
    target: null,
    noCache: false,
    builder: 'auto' as const,
    labels: {},
    registryAuths: {},
    secrets: {},
    limits: { memoryBytes: null, cpus: null },
  };
  expect((await collectUntilError(engine.build(request, {}))).error).toMatchObject({ reason: 'INTERNAL' });
  engine.setAvailable(false);
  expect((await collectUntilError(engine.build(request, {}))).error).toMatchObject({
    reason: 'ENGINE_UNAVAILABLE',
  });
  await expect(engine.info()).rejects.toMatchObject({ reason: 'ENGINE_UNAVAILABLE' });
  expect(engine.builds).toHaveLength(1);
});
