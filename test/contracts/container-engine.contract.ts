import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  BuildEvent,
  BuildRequest,
  CommitEvent,
  CommitRequest,
  ContainerEngine,
  EngineError,
} from '../../src/engine/container-engine.ts';

/** What a suite needs beside the engine to hold it to its contract. */
export interface EngineHarness {
  readonly engine: ContainerEngine;
  /** Prepares the next build to go that way: two steps that print `hello`; a second step, on line 2, that exits with 3; one that never ends. */
  build(kind: 'SUCCEEDS' | 'FAILS' | 'HANGS'): Partial<BuildRequest> & { readonly dockerfile: string };
  /** Starts a container with these labels and this environment; its full id. */
  startContainer(labels: Record<string, string>, env: Record<string, string>): Promise<string>;
  stopContainer(id: string): Promise<void>;
  removeContainer(id: string): Promise<void>;
  /** A reference that can be pushed to, and one in a registry that is down. */
  reference(): string;
  /** Prepares the next push to meet a registry that is down. */
  deadReference(): string;
  /** Whether anything that a build with these labels started still runs. */
  isBusy(labels: Record<string, string>): Promise<boolean>;
}

/** What everything above the port relies on: the fake and each real engine pass it. */
export function containerEngineContract(
  name: string,
  setUp: () => Promise<EngineHarness>,
  tearDown: () => Promise<void> = async () => undefined,
): void {
  describe(`${name} keeps the contract of a container engine`, () => {
    let harness: EngineHarness;
    let engine: ContainerEngine;
    beforeAll(async () => {
      harness = await setUp();
      engine = harness.engine;
    });
    afterAll(tearDown);

    const request = (
      kind: Parameters<EngineHarness['build']>[0],
      labels: Record<string, string> = {},
    ): BuildRequest => ({
      files: [],
      buildArgs: {},
      target: null,
      noCache: true,
      builder: 'auto',
      labels,
      registryAuths: {},
      secrets: {},
      limits: { memoryBytes: null, cpus: null },
      ...harness.build(kind),
    });

    it('says what it is', async () => {
      const info = await engine.info();
      expect(info.name).not.toBe('');
      expect(info.version).toMatch(/^\d+\./);
      expect(info.builders).toContain('CLASSIC');
    });

    describe('a build', () => {
      it('says first which builder it took; without limits there is nothing to enforce', async () => {
        const [first] = await collect(engine.build(request('SUCCEEDS'), {}));
        expect(first).toEqual({ kind: 'builder', builder: 'CLASSIC', enforcesLimits: true });
      });

      it('claims to enforce limits where its builder does, and with BuildKit never', async () => {
        const limits = { memoryBytes: 256 * 2 ** 20, cpus: 1 };
        const firstOf = async (builder: BuildRequest['builder']) =>
          (await collect(engine.build({ ...request('SUCCEEDS'), limits, builder }, {})))[0];
        expect(await firstOf('classic')).toEqual({
          kind: 'builder',
          builder: 'CLASSIC',
          enforcesLimits: expect.any(Boolean),
        });
        if (!(await engine.info()).builders.includes('BUILDKIT')) return;
        expect(await firstOf('buildkit')).toEqual({
          kind: 'builder',
          builder: 'BUILDKIT',
          enforcesLimits: false,
        });
      });

      it('tells the total, then each step from RUNNING to SUCCEEDED with its log between, then the image', async () => {
        const events = await collect(engine.build(request('SUCCEEDS'), {}));
        expect(events[1]).toEqual({ kind: 'total', steps: 2 });
        const steps = events.filter((event) => event.kind === 'step').map(({ step }) => step);
        expect(steps.map(({ number, status }) => [number, status])).toEqual([
          [1, 'RUNNING'],
          [1, 'SUCCEEDED'],
          [2, 'RUNNING'],
          [2, 'SUCCEEDED'],
        ]);
        expect(steps[0]?.name).toMatch(/^FROM /);
        expect(steps[3]).toMatchObject({
          line: 2,
          startedAt: expect.any(Date),
          finishedAt: expect.any(Date),
        });
        const logs = events.filter((event) => event.kind === 'log');
        expect(logs.every(({ step }) => step === 2)).toBe(true);
        expect(Buffer.concat(logs.map(({ data }) => data)).toString()).toContain('hello');
        expect(events.findIndex(({ kind }) => kind === 'log')).toBeGreaterThan(
          events.findIndex((event) => event.kind === 'step' && event.step.number === 2),
        );
        expect(events.filter(({ kind }) => kind === 'result')).toHaveLength(1);
        expect(events.at(-1)).toEqual({
          kind: 'result',
          imageId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        });
      });

      it('that fails throws after its events, with step, exit code and line', async () => {
        const { events, error } = await collectUntilError(engine.build(request('FAILS'), {}));
        expect(error).toMatchObject({
          name: 'EngineError',
          reason: 'STEP_FAILED',
          step: 2,
          exitCode: 3,
          line: 2,
        });
        expect(events.at(-1)).toMatchObject({ kind: 'step', step: { number: 2, status: 'FAILED' } });
        expect(events.some(({ kind }) => kind === 'result')).toBe(false);
      });

      it('that is aborted rejects with the reason, and nothing of it keeps running', async () => {
        const labels = { 'slipway.test': randomUUID() };
        const abort = new AbortController();
        const reason = new Error('canceled');
        const { error } = await collectUntilError(
          engine.build(request('HANGS', labels), { signal: abort.signal }),
          (event) => {
            if (event.kind === 'log') abort.abort(reason);
          },
        );
        expect(error).toBe(reason);
        await expect.poll(() => harness.isBusy(labels), { timeout: 10_000 }).toBe(false);
      });

      it('does not begin when it is aborted before', async () => {
        const reason = new Error('too late');
        const { events, error } = await collectUntilError(
          engine.build(request('SUCCEEDS'), { signal: AbortSignal.abort(reason) }),
        );
        expect(error).toBe(reason);
        expect(events).toEqual([]);
      });

      it('ends when nobody reads on', async () => {
        const labels = { 'slipway.test': randomUUID() };
        for await (const event of engine.build(request('HANGS', labels), {})) if (event.kind === 'log') break;
        await expect.poll(() => harness.isBusy(labels), { timeout: 10_000 }).toBe(false);
      });
    });

    describe('an image that a lost worker left', () => {
      const label = `slipway.test.${randomUUID()}`;
      const build = async (value: string) => {
        const events = await collect(engine.build(request('SUCCEEDS', { [label]: value }), {}));
        const last = events.at(-1);
        return last?.kind === 'result' ? last.imageId : '';
      };

      it('is removed, and that of another one is not', async () => {
        const [dead, alive] = [await build('dead'), await build('alive')];
        expect(await engine.reap(label, async (value) => value === 'dead')).toBe(1);
        expect(await engine.image(dead)).toBeNull();
        expect(await engine.image(alive)).not.toBeNull();
        await engine.removeImage(alive);
        expect(await engine.image(alive)).toBeNull();
      });
    });

    describe('an image', () => {
      it('is known until it is removed, and may be removed twice', async () => {
        const imageId = await build();
        expect(await engine.image(imageId)).toMatchObject({ id: imageId, layerCount: expect.any(Number) });
        await engine.removeImage(imageId);
        expect(await engine.image(imageId)).toBeNull();
        await engine.removeImage(imageId);
      });

      it('is pushed, tells its progress and its digest, and stays for another push', async () => {
        const imageId = await build();
        const events = await collect(
          engine.push({ imageId, reference: harness.reference(), auth: null }, {}),
        );
        expect(events.at(-1)).toEqual({
          kind: 'result',
          digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        });
        expect(events.at(-2)).toMatchObject({ kind: 'progress', pushedBytes: expect.any(Number) });
        const again = await collect(engine.push({ imageId, reference: harness.reference(), auth: null }, {}));
        expect(again.at(-1)).toEqual(events.at(-1));
        await engine.removeImage(imageId);
        expect(await engine.image(imageId)).toBeNull();
      });

      it('cannot be pushed to a registry that is down', async () => {
        const imageId = await build();
        const push = engine.push({ imageId, reference: harness.deadReference(), auth: null }, {});
        expect((await collectUntilError(push)).error).toMatchObject({ reason: 'REGISTRY_UNAVAILABLE' });
        expect(await engine.image(imageId)).not.toBeNull();
      });

      async function build(): Promise<string> {
        const last = (
          await collect(engine.build(request('SUCCEEDS', { 'slipway.test': randomUUID() }), {}))
        ).at(-1);
        return last?.kind === 'result' ? last.imageId : '';
      }
    });

    describe('a container', () => {
      it('is found by its label and by its whole id only', async () => {
        const label = `slipway.test.${randomUUID()}`;
        const id = await harness.startContainer({ [label]: 'x' }, { PLACE: 'here' });
        expect(await engine.containers(label)).toMatchObject([
          { id, state: 'running', labels: { [label]: 'x' } },
        ]);
        expect(await engine.containers(`${label}.other`)).toEqual([]);
        expect(await engine.container(id)).toMatchObject({ id, state: 'running', env: { PLACE: 'here' } });
        expect(await engine.container(id.slice(0, 12))).toBeNull();
        expect(await engine.container('0'.repeat(64))).toBeNull();
        await harness.stopContainer(id);
        expect(await engine.container(id)).toMatchObject({ state: 'stopped' });
        await harness.removeContainer(id);
        expect(await engine.container(id)).toBeNull();
      });

      it('is committed, and runs on', async () => {
        const id = await harness.startContainer({ 'slipway.test': 'x' }, { TOKEN: 'hunter2', PLACE: 'here' });
        const { imageId } = await committed(engine, commit(id));
        expect(await engine.image(imageId)).not.toBeNull();
        expect(await engine.container(id)).toMatchObject({ state: 'running' });
        await harness.removeContainer(id);
      });

      it('is not committed when it is stopped or gone', async () => {
        const id = await harness.startContainer({}, {});
        await harness.stopContainer(id);
        await expect(committed(engine, commit(id))).rejects.toMatchObject({ reason: 'NOTEBOOK_NOT_RUNNING' });
        await harness.removeContainer(id);
        await expect(committed(engine, commit(id))).rejects.toMatchObject({ reason: 'NOTEBOOK_GONE' });
      });

      const commit = (containerId: string) => ({
        containerId,
        pause: true,
        omitLabels: [],
        labels: { 'slipway.test.commit': 'y' },
        comment: 'saved',
      });
    });
  });
}

/** Makes an image of a container; the result of that. */
export async function committed(
  engine: ContainerEngine,
  request: CommitRequest,
  signal?: AbortSignal,
): Promise<Extract<CommitEvent, { kind: 'result' }>> {
  const last = (await collect(engine.commit(request, { ...(signal && { signal }) }))).at(-1);
  if (last?.kind !== 'result') throw new Error('the commit ended without a result');
  return last;
}

/** Everything that a stream gives. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const { events, error } = await collectUntilError(stream);
  if (error) throw error;
  return events;
}

/** Everything that a stream gives, and what it throws in the end. */
export async function collectUntilError<T>(
  stream: AsyncIterable<T>,
  onEvent: (event: T) => void = () => undefined,
): Promise<{ events: T[]; error: EngineError | Error | null }> {
  const events: T[] = [];
  try {
    for await (const event of stream) {
      events.push(event);
      onEvent(event);
    }
    return { events, error: null };
  } catch (error) {
    return { events, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** What the build printed, in order. */
export function logBytes(events: readonly BuildEvent[], stream?: 'STDOUT' | 'STDERR'): Buffer {
  const logs = events.filter((event) => event.kind === 'log');
  return Buffer.concat(
    logs.filter((log) => stream === undefined || log.stream === stream).map(({ data }) => data),
  );
}
