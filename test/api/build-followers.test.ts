import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uidOf } from '../../src/shared/global-id.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { beginOf, finished, logEvents, startBuild, wholeLog } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { logEvent, stepEvent } from '../support/fake-engine.ts';
import { gate, until } from '../support/until.ts';

const DOCKERFILE = 'FROM scratch\nRUN x\n';
let slipway: TestApp;
let admin: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp();
  admin = slipway.admin;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

describe('many who follow one build', () => {
  const FOLLOWERS = 200;
  const MANY_SOCKETS = { SLIPWAY_MAX_SOCKETS: `${FOLLOWERS}` };

  it('cost one read of each batch, and each gets every line once, in order', async () => {
    const api = await createTestApp({
      database: slipway.database,
      engine: slipway.engine,
      worker: false,
      env: MANY_SOCKETS,
    });
    const batches = 8;
    const gates = Array.from({ length: batches }, gate);
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN x' });
      for (const [i, { opened }] of gates.entries()) {
        await opened;
        yield logEvent(1, `batch ${i}\n`);
      }
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const { id } = await startBuild(admin, { dockerfile: DOCKERFILE, name: 'watched' });
    const seen = Array.from({ length: FOLLOWERS }, (): { seq: number; text: string }[] => []);
    const following = seen.map(async (lines) => {
      const stream = api.admin.subscribe<{
        imageBuildLogs: { lines?: { seq: number; text: string }[]; status?: string };
      }>(
        `subscription ($id: ID!) { imageBuildLogs(buildId: $id) {
          ... on ImageBuildLogLines { lines { seq text } } ... on ImageBuildLogEnd { status } } }`,
        { id },
      );
      let status: string | undefined;
      for await (const { imageBuildLogs } of stream) {
        lines.push(...(imageBuildLogs.lines ?? []));
        status = imageBuildLogs.status ?? status;
      }
      return status;
    });
    gates[0]?.open();
    const haveSeen = (count: number) => () => seen.every(({ length }) => length >= count);
    await until('everybody to have the first lines', haveSeen(2), 30_000);
    const statements = await api.statementsOf(async () => {
      for (const [i, { open }] of gates.entries()) {
        open();
        await until(`batch ${i}`, haveSeen(i + 2));
      }
    });
    expect(new Set(await Promise.all(following))).toEqual(new Set(['SUCCEEDED']));
    for (const lines of seen) {
      expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, i) => i + 1));
      expect(lines.map(({ text }) => text).slice(0, 1 + batches)).toEqual([
        beginOf(1),
        ...gates.map((_, i) => `batch ${i}`),
      ]);
    }
    const reads = statements.filter(({ text }) => text.includes('image_build_log'));
    // Beside those for a batch, readers look every two seconds; each one for himself would make 200 a batch.
    expect(reads.length).toBeLessThan(2 * batches);
    await api[Symbol.asyncDispose]();
  }, 60_000);

  it('cost one look at each change of its state, and each sees every version once', async () => {
    const api = await createTestApp({
      database: slipway.database,
      engine: slipway.engine,
      worker: false,
      env: MANY_SOCKETS,
    });
    const steps = 6;
    const gates = Array.from({ length: steps }, gate);
    slipway.engine.onBuild(async function* () {
      for (const [i, { opened }] of gates.entries()) {
        await opened;
        yield stepEvent({ number: i + 1, name: `RUN ${i + 1}` });
      }
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const { id } = await startBuild(admin, { dockerfile: DOCKERFILE, name: 'watched-state' });
    const seen = Array.from(
      { length: FOLLOWERS },
      (): { version: number; steps: number; status: string }[] => [],
    );
    const following = seen.map(async (versions) => {
      const stream = api.admin.subscribe<{
        imageBuildStatus: { version: number; build: { status: string; steps: unknown[] } };
      }>(
        `subscription ($id: ID!) { imageBuildStatus(buildId: $id, afterVersion: 1) { version build { status steps { number } } } }`,
        { id },
      );
      for await (const { imageBuildStatus } of stream) {
        const { version, build } = imageBuildStatus;
        versions.push({ version, status: build.status, steps: build.steps.length });
      }
    });
    gates[0]?.open();
    const haveSeen = (count: number) => () =>
      seen.every((versions) => (versions.at(-1)?.steps ?? 0) >= count);
    await until('everybody to see the first step', haveSeen(1), 30_000);
    const statements = await api.statementsOf(async () => {
      for (const [i, { open }] of gates.entries()) {
        open();
        await until(`step ${i + 1}`, haveSeen(i + 1));
      }
    });
    await Promise.all(following);
    for (const versions of seen) {
      expect(versions.map(({ version }) => version)).toEqual(versions.map((_, i) => i + 2));
      expect(versions.at(-1)?.status).toBe('SUCCEEDED');
    }
    const reads = statements.filter(({ text }) => text.includes('image_build_event'));
    expect(reads.length).toBeLessThan(2 * steps);
    await api[Symbol.asyncDispose]();
  }, 60_000);
});

async function allOf<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe('two who follow one build with one query', () => {
  it('get each what they may see, also where the event is the same', async () => {
    const { opened, open } = gate();
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN x' });
      await opened;
      yield logEvent(1, 'one\n');
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const viewers = [
      await slipway.user('of-namespace', { namespace: 'DEVELOPER' }),
      await slipway.user('of-workspace', { workspace: 'VIEWER' }),
    ];
    const { id } = await startBuild(admin, { dockerfile: DOCKERFILE, name: 'differently-seen' });
    const roles = 'build { namespace { viewerRole } workspace { viewerRole } }';
    const seen = viewers.flatMap((viewer) => [
      allOf(
        viewer.subscribe(`subscription ($id: ID!) { imageBuildStatus(buildId: $id) { ${roles} } }`, { id }),
      ),
      allOf(
        viewer.subscribe(
          `subscription ($id: ID!) { imageBuildLogs(buildId: $id) { ... on ImageBuildLogEnd { ${roles} } } }`,
          { id },
        ),
      ),
    ]);
    open();
    const ends = (await Promise.all(seen)).map((events) => events.at(-1));
    const [ofNamespace, ofWorkspace] = [
      { build: { namespace: { viewerRole: 'DEVELOPER' }, workspace: { viewerRole: null } } },
      { build: { namespace: { viewerRole: null }, workspace: { viewerRole: 'VIEWER' } } },
    ];
    expect(ends).toMatchObject([
      { imageBuildStatus: ofNamespace },
      { imageBuildLogs: ofNamespace },
      { imageBuildStatus: ofWorkspace },
      { imageBuildLogs: ofWorkspace },
    ]);
  });
});

describe('who comes later', () => {
  it('reads what others behind have read, wherever each one begins', async () => {
    const readers = 10;
    const printed = 30_000;
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN x' });
      for (let i = 0; i < printed; i += 1000) yield logEvent(1, `${'x'.repeat(99)}\n`.repeat(1000));
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const { id } = await startBuild(admin, { dockerfile: DOCKERFILE, name: 'long' });
    const { logLineCount } = await finished(admin, id);
    await using api = await createTestApp({
      database: slipway.database,
      engine: slipway.engine,
      worker: false,
    });
    const statements = await api.statementsOf(async () => {
      for (let i = 0; i < readers; i += 1) {
        const after = i * 997;
        const lines = await wholeLog(api.admin, id, after);
        expect(lines.map(({ seq }) => seq)).toEqual(
          Array.from({ length: logLineCount - after }, (_, at) => after + 1 + at),
        );
      }
    });
    const reads = statements.filter(({ text }) => text.includes('image_build_log'));
    const windows = Math.ceil(printed / 8192) + Math.ceil((printed * 100) / 2 ** 20);
    // Each reader pays for the rest of its first window, and for the look that finds the end.
    expect(reads.length).toBeLessThanOrEqual(2 * readers + windows);
  }, 60_000);

  it('gets what two windows hold together where little is left of the first, in events of some 2,000 lines', async () => {
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN x' });
      for (let i = 0; i < 12; i += 1) yield logEvent(1, 'x\n'.repeat(1000));
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const { id } = await startBuild(admin, { dockerfile: DOCKERFILE, name: 'short-lines' });
    const { logLineCount } = await finished(admin, id);
    const uid = uidOf('ImageBuild', id) as string;
    const { signal } = new AbortController();
    const { buildLogSource, buildLogs } = slipway.app.services;
    const firstReadFrom = async (afterSeq: number) => {
      for await (const piece of buildLogSource.follow(uid, afterSeq, { follow: false, signal }))
        if (piece.kind === 'lines') return piece.lines.at(-1)?.seq;
      return undefined;
    };
    // A row that begins in the window is read whole, up to 2,000 lines behind its end.
    expect(await firstReadFrom(4000)).toBeLessThan(8192 + 2000);
    expect(await firstReadFrom(8150)).toBe(logLineCount);
    const sizes: number[] = [];
    let lastSeq = 0;
    for await (const event of buildLogs.follow(uid, 0, signal)) {
      if (event.kind !== 'lines') continue;
      expect(event.lines[0]?.seq).toBe(lastSeq + 1);
      lastSeq = event.lastSeq;
      sizes.push(event.lines.length);
    }
    expect(lastSeq).toBe(logLineCount);
    expect(Math.max(...sizes)).toBeLessThan(3000);
    expect(sizes.length).toBeLessThanOrEqual(Math.ceil(logLineCount / 2000) + 1);
  });

  it('holds the lines that others hold, not a copy of them', async () => {
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN x' });
      yield logEvent(1, 'only\n');
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const { id } = await startBuild(admin, { dockerfile: DOCKERFILE, name: 'quiet' });
    await finished(admin, id);
    const uid = uidOf('ImageBuild', id) as string;
    const { signal } = new AbortController();
    const read = async () => {
      const pieces: unknown[] = [];
      for await (const piece of slipway.app.services.buildLogSource.follow(uid, 0, { follow: false, signal }))
        if (piece.kind === 'lines') pieces.push(piece.lines);
      return pieces;
    };
    const first = await read();
    const [later] = await read();
    expect(first).toEqual([expect.any(Array)]);
    expect(later).toBe(first[0]);
  });

  it('may know the last line, and no line that is not there', async () => {
    const { opened, open } = gate();
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN x' });
      yield logEvent(1, 'first\n');
      await opened;
      yield logEvent(1, 'last\n');
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const { id } = await startBuild(admin, { dockerfile: DOCKERFILE, name: 'resumed' });
    for await (const event of logEvents(admin, id)) {
      if (event.__typename === 'ImageBuildLogLines' && event.lastSeq === 2) break;
    }
    const resumed = wholeLog(admin, id, 2);
    await expect(wholeLog(admin, id, 3)).rejects.toMatchObject({
      errors: [
        { extensions: { code: 'BAD_USER_INPUT', details: { path: ['afterSeq'], max: 2, current: 3 } } },
      ],
    });
    open();
    const { logLineCount } = await finished(admin, id);
    expect((await resumed).map(({ seq }) => seq)).toEqual(
      Array.from({ length: logLineCount - 2 }, (_, i) => i + 3),
    );
    const end: unknown[] = [];
    for await (const event of logEvents(admin, id, logLineCount)) end.push(event);
    expect(end).toEqual([{ __typename: 'ImageBuildLogEnd', lastSeq: logLineCount, status: 'SUCCEEDED' }]);
    await expect(wholeLog(admin, id, logLineCount + 1)).rejects.toThrow();
  });
});
