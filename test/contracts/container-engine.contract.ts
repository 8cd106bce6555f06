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
  /** Makes an image with this environment and these labels beside those that every image here has; its id. */
  makeImage(env: Record<string, string>, labels: Record<string, string>): Promise<string>;
  /** Starts a container; its full id. Once this resolves, it has written its files. */
  startContainer(container: ContainerWanted): Promise<string>;
  pauseContainer(id: string): Promise<void>;
  stopContainer(id: string): Promise<void>;
  removeContainer(id: string): Promise<void>;
  /** A reference that can be pushed to, and one in a registry that is down. */
  reference(): string;
  /** Prepares the next push to meet a registry that is down. */
  deadReference(): string;
  /** Whether anything that a build with these labels started still runs. */
  isBusy(labels: Record<string, string>): Promise<boolean>;
}

export interface ContainerWanted {
  readonly labels?: Record<string, string>;
  readonly env?: Record<string, string>;
  /** The image to start it from; a small one where none is given. */
  readonly imageId?: string;
  /** Sizes of the files that it writes, in bytes, by path. */
  readonly files?: Record<string, number>;
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
      labels: Record<string, string> = { 'slipway.test': randomUUID() },
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
        // Vitest cuts an error short where it compares one; what the engine said is to be read whole.
        expect(error, `the engine said: ${error?.cause ?? error}`).toMatchObject({
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
        const imageId = await harness.makeImage({}, { 'slipway.test': randomUUID() });
        const id = await harness.startContainer({
          labels: { [label]: 'x' },
          env: { PLACE: 'here' },
          imageId,
        });
        expect(await engine.containers(label)).toMatchObject([
          { id, state: 'running', labels: { [label]: 'x' }, imageId },
        ]);
        expect(await engine.containers(`${label}.other`)).toEqual([]);
        expect(await engine.container(id)).toMatchObject({
          id,
          state: 'running',
          env: { PLACE: 'here' },
          imageId,
        });
        expect(await engine.container(id.slice(0, 12))).toBeNull();
        expect(await engine.container(GONE)).toBeNull();
        await harness.stopContainer(id);
        expect(await engine.container(id)).toMatchObject({ state: 'stopped' });
        await harness.removeContainer(id);
        expect(await engine.container(id)).toBeNull();
        await engine.removeImage(imageId);
      });

      it('goes on when it is paused, and is let alone when it runs or is gone', async () => {
        const id = await harness.startContainer({});
        await engine.resume(id);
        await harness.pauseContainer(id);
        expect(await engine.container(id)).toMatchObject({ state: 'paused' });
        await engine.resume(id);
        expect(await engine.container(id)).toMatchObject({ state: 'running' });
        await harness.stopContainer(id);
        await engine.resume(id);
        expect(await engine.container(id)).toMatchObject({ state: 'stopped' });
        await harness.removeContainer(id);
        await engine.resume(id);
      });

      it('tells what its files take and which it has written', async () => {
        const id = await harness.startContainer({ files: { '/first': 5_000, '/etc/second': 70_000 } });
        const { imageId } = (await engine.container(id)) ?? { imageId: '' };
        const base = await engine.image(imageId);
        const footprint = await engine.footprint(id);
        expect(footprint?.writtenBytes).toBeGreaterThanOrEqual(75_000);
        expect(footprint?.sizeBytes).toBeGreaterThanOrEqual((base?.sizeBytes ?? 0) + 75_000);
        const { paths, complete } = await engine.changedPaths(id);
        expect(paths).toEqual(expect.arrayContaining(['/first', '/etc/second']));
        expect(complete).toBe(true);
        await harness.removeContainer(id);
        expect(await engine.footprint(id)).toBeNull();
        expect(await engine.changedPaths(id)).toEqual({ paths: [], complete: true });
      });

      it.each(['footprint', 'changedPaths', 'resume'] as const)(
        'is not asked for %s after an abort',
        async (call) => {
          const reason = new Error('too late');
          const id = await harness.startContainer({});
          await expect(engine[call](id, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
          await harness.removeContainer(id);
        },
      );
    });

    describe('a commit', () => {
      const commit = (containerId: string, more: Partial<CommitRequest> = {}): CommitRequest => ({
        containerId,
        pause: true,
        omitLabels: [],
        labels: { 'slipway.test.commit': randomUUID() },
        comment: 'saved',
        ...more,
      });

      it('pauses the container, lets it go on, and gives an image with one layer more', async () => {
        const id = await harness.startContainer({ files: { '/data': 5_000 } });
        const { imageId: base } = (await engine.container(id)) ?? { imageId: '' };
        const events = await collect(engine.commit(commit(id), {}));
        expect(events).toEqual([
          { kind: 'paused', at: expect.any(Date) },
          { kind: 'resumed', at: expect.any(Date) },
          {
            kind: 'result',
            imageId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
            writtenBytes: expect.any(Number),
            stoodStill: true,
          },
        ]);
        const [paused, resumed, result] = events;
        if (paused?.kind !== 'paused' || resumed?.kind !== 'resumed' || result?.kind !== 'result') return;
        expect(resumed.at.getTime()).toBeGreaterThanOrEqual(paused.at.getTime());
        expect(result.writtenBytes).toBeGreaterThanOrEqual(5_000);
        const layersOfBase = (await engine.image(base))?.layerCount ?? 0;
        expect(await engine.image(result.imageId)).toMatchObject({ layerCount: layersOfBase + 1 });
        expect(await engine.container(id)).toMatchObject({ state: 'running' });
        await harness.removeContainer(id);
        await engine.removeImage(result.imageId);
        expect(await engine.image(result.imageId)).toBeNull();
      });

      it('takes over the configuration of the image, and nothing of the container', async () => {
        const labels = { 'slipway.test': randomUUID(), 'slipway.test.own': 'x', kept: 'a "b" $c' };
        const baseId = await harness.makeImage({ PLACE: 'base', EMPTY: '' }, labels);
        const base = await engine.image(baseId);
        const id = await harness.startContainer({
          imageId: baseId,
          labels: { 'somebody/token': 'hunter2' },
          env: { TOKEN: 'hunter2', PLACE: 'hunter2' },
          files: { '/data': 1 },
        });
        const mark = randomUUID();
        const request = commit(id, {
          labels: { 'slipway.test': mark, odd: 'a "b" $c' },
          omitLabels: ['slipway.test.own', 'none'],
        });
        const { imageId } = await committed(engine, request);
        const saved = await engine.image(imageId);
        expect(saved?.env).toEqual(base?.env);
        expect(saved?.env).toMatchObject({ PLACE: 'base', EMPTY: '' });
        const { 'slipway.test.own': _, ...kept } = base?.labels ?? {};
        expect(saved?.labels).toEqual({ ...kept, 'slipway.test': mark, odd: 'a "b" $c' });
        expect(saved?.references).toEqual([]);
        await harness.removeContainer(id);
        await engine.removeImage(imageId);
        await engine.removeImage(baseId);
      });

      it('that is not to pause the container says nothing of it', async () => {
        const id = await harness.startContainer({});
        const events = await collect(engine.commit(commit(id, { pause: false }), {}));
        expect(events).toEqual([
          {
            kind: 'result',
            imageId: expect.any(String),
            writtenBytes: expect.any(Number),
            stoodStill: false,
          },
        ]);
        await harness.removeContainer(id);
        for (const event of events) if (event.kind === 'result') await engine.removeImage(event.imageId);
      });

      it('is refused when the container is paused, stopped or gone', async () => {
        const id = await harness.startContainer({});
        await harness.pauseContainer(id);
        await expect(committed(engine, commit(id))).rejects.toMatchObject({
          reason: 'NOTEBOOK_NOT_RUNNING',
          message: expect.stringContaining('paused'),
        });
        expect(await engine.container(id)).toMatchObject({ state: 'paused' });
        await engine.resume(id);
        await harness.stopContainer(id);
        await expect(committed(engine, commit(id))).rejects.toMatchObject({ reason: 'NOTEBOOK_NOT_RUNNING' });
        await harness.removeContainer(id);
        await expect(committed(engine, commit(id))).rejects.toMatchObject({ reason: 'NOTEBOOK_GONE' });
      });

      it('that is aborted lets the container go on and leaves no image', async () => {
        const id = await harness.startContainer({ files: { '/data': 20_000_000 } });
        const mark = randomUUID();
        const request = commit(id, { labels: { [mark]: 'x' } });
        const abort = new AbortController();
        const reason = new Error('canceled');
        const { events, error } = await collectUntilError(
          engine.commit(request, { signal: abort.signal }),
          ({ kind }) => kind === 'paused' && abort.abort(reason),
        );
        expect(error).toBe(reason);
        expect(events.map(({ kind }) => kind)).toEqual(['paused', 'resumed']);
        expect(await engine.container(id)).toMatchObject({ state: 'running' });
        await expect.poll(() => leftovers(mark), { timeout: 10_000 }).toBe(0);
        await harness.removeContainer(id);
      });

      it('lets the container go on when nobody reads on', async () => {
        const id = await harness.startContainer({ files: { '/data': 20_000_000 } });
        const mark = randomUUID();
        for await (const { kind } of engine.commit(commit(id, { labels: { [mark]: 'x' } }), {}))
          if (kind === 'paused') break;
        expect(await engine.container(id)).toMatchObject({ state: 'running' });
        await expect.poll(() => leftovers(mark), { timeout: 10_000 }).toBe(0);
        await harness.removeContainer(id);
      });

      it('does not begin when it is aborted before', async () => {
        const id = await harness.startContainer({});
        const reason = new Error('too late');
        const signal = AbortSignal.abort(reason);
        const { events, error } = await collectUntilError(engine.commit(commit(id), { signal }));
        expect(error).toBe(reason);
        expect(events).toEqual([]);
        await harness.removeContainer(id);
      });

      it('of a lost worker leaves an image that is found', async () => {
        const id = await harness.startContainer({});
        const mark = randomUUID();
        const { imageId } = await committed(engine, commit(id, { labels: { [mark]: 'x' } }));
        expect(await leftovers(mark)).toBe(1);
        expect(await engine.reap(mark, async (value) => value === 'x')).toBe(1);
        expect(await engine.image(imageId)).toBeNull();
        await harness.removeContainer(id);
      });

      /** How many images of ours have the label. */
      async function leftovers(label: string): Promise<number> {
        let count = 0;
        await engine.reap(label, async () => {
          count += 1;
          return false;
        });
        return count;
      }
    });
  });
}

/** No container has this id. */
const GONE = '0'.repeat(64);

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
  onEvent: (event: T) => unknown = () => undefined,
): Promise<{ events: T[]; error: EngineError | Error | null }> {
  const events: T[] = [];
  try {
    for await (const event of stream) {
      events.push(event);
      await onEvent(event);
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
