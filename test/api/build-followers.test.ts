import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { startBuild } from '../support/builds.ts';
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

  it('cost one read of each batch, and each gets every line once, in order', async () => {
    const api = await createTestApp({ database: slipway.database, engine: slipway.engine, worker: false });
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
    await until('everybody to have the first line', () => seen.every(({ length }) => length === 1), 30_000);
    const statements = await api.statementsOf(async () => {
      for (const [i, { open }] of gates.entries()) {
        open();
        await until(`line ${i}`, () => seen.every(({ length }) => length > i));
      }
    });
    expect(new Set(await Promise.all(following))).toEqual(new Set(['SUCCEEDED']));
    for (const lines of seen) {
      expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, i) => i + 1));
      expect(lines.map(({ text }) => text).slice(0, batches)).toEqual(gates.map((_, i) => `batch ${i}`));
    }
    const reads = statements.filter(({ text }) => text.includes('image_build_log'));
    // Beside those for a batch, readers look every two seconds; each one for himself would make 200 a batch.
    expect(reads.length).toBeLessThan(2 * batches);
    await api[Symbol.asyncDispose]();
  }, 60_000);

  it('cost one look at each change of its state, and each sees every version once', async () => {
    const api = await createTestApp({ database: slipway.database, engine: slipway.engine, worker: false });
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
