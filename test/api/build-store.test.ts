import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Build } from '../../src/build/build.entity.ts';
import { BuildStore, type Fence } from '../../src/build/build.store.ts';
import { BuildAttempt } from '../../src/build/run/build-attempt.ts';
import {
  claimBuild,
  failBuild,
  releaseBuild,
  settleCanceled,
  settleTimedOut,
} from '../../src/build/run/build-settle.ts';
import { tryReadGlobalId } from '../../src/shared/global-id.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, startBuild, wholeLog } from '../support/builds.ts';
import { whileLocked } from '../support/locks.ts';

const DAY_MS = 86_400_000;
const uidOf = ({ id }: { id: string }) => tryReadGlobalId(id)?.uid ?? '';

const STEP = {
  number: 1,
  stage: '0',
  name: 'FROM scratch',
  line: 1,
  status: 'SUCCEEDED',
  cached: false,
  startedAt: null,
  finishedAt: null,
  error: null,
} as const;

let slipway: TestApp;
let store: BuildStore;
beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  store = new BuildStore(slipway.app.orm.em, slipway.app.events);
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

let tag = 0;
const ask = async () => {
  tag += 1;
  return await startBuild(slipway.admin, { dockerfile: 'FROM scratch\n', tag: `${tag}` });
};

describe('a build that changes', () => {
  it('is read and written without its Dockerfile and its files', async () => {
    const buildId = uidOf(await ask());
    const statements = await slipway.statementsOf(async () => {
      const build = await claimBuild(store, buildId, DAY_MS);
      await store.change({ buildId, attempt: build?.attempt ?? 0 }, (locked) => {
        locked.totalSteps = 3;
      });
    });
    const texts = statements.map(({ text }) => text).filter((text) => text.includes('image_build'));
    expect(texts.length).toBeGreaterThanOrEqual(4);
    expect(texts.filter((text) => /dockerfile|"source"/.test(text))).toEqual([]);
    const [row] = await slipway.database.query<{ dockerfile: string; files: unknown }>(
      "select dockerfile, source->'files' as files from image_build where id = $1",
      [buildId],
    );
    expect(row).toEqual({ dockerfile: 'FROM scratch\n', files: [] });
  });

  it('is written with what has changed of it alone, and not at all where nothing has', async () => {
    const buildId = uidOf(await ask());
    const attempt = (await claimBuild(store, buildId, DAY_MS))?.attempt ?? 0;
    const writesOf = async (change: (build: Build) => void) => {
      const statements = await slipway.statementsOf(() => store.change({ buildId, attempt }, change));
      return statements.map(({ text }) => text).filter((text) => /^(?:update|insert)/.test(text));
    };
    await writesOf((build) => {
      build.steps = [STEP];
    });
    const same = await writesOf((build) => {
      // The database gives keys in an order of its own.
      build.steps = [Object.fromEntries(Object.entries(STEP).toReversed()) as typeof STEP];
      build.phases = build.phases.map((timing) => ({ ...timing }));
      build.createdAt = new Date(build.createdAt);
    });
    expect(same).toEqual([]);
    const [update, version, ...more] = await writesOf((build) => {
      build.totalSteps = 3;
    });
    const [set = ''] = update?.split(' where ') ?? [];
    const columns = [...set.matchAll(/"(\w+)" = /g)].map(([, column]) => column);
    expect(columns.toSorted()).toEqual(['total_steps', 'version']);
    expect(version).toContain('"image_build_event"');
    expect(more).toEqual([]);
  });

  it.each([
    [
      'canceled',
      async (fence: Fence) => {
        const { buildId } = fence;
        await slipway.database.query("update image_build set status = 'CANCELING' where id = $1", [buildId]);
        await settleCanceled(store, fence);
      },
    ],
    ['timed out', (fence: Fence) => settleTimedOut(store, fence, 1000)],
    ['failed', (fence: Fence) => failBuild(store, fence, new Error('no'), async () => undefined)],
    ['given back', (fence: Fence) => releaseBuild(store, fence)],
  ])('keeps how long it held its notebook where the write of that was lost: %s', async (_, settle) => {
    const buildId = uidOf(await ask());
    const build = await claimBuild(store, buildId, DAY_MS);
    if (build === null) throw new Error('there is nothing to do');
    const attempt = new BuildAttempt(store, { ...build, notebookHeldSince: new Date(1000) });
    attempt.hold.end(new Date(1700));
    const lost = vi.spyOn(store, 'change').mockRejectedValueOnce(new Error('the database was away'));
    await attempt.stop();
    expect(lost).toHaveBeenCalledOnce();
    lost.mockRestore();
    await settle(attempt.fence);
    const rows = await slipway.database.query(
      'select notebook_held_since, notebook_paused_ms from image_build where id = $1',
      [buildId],
    );
    expect(rows).toEqual([{ notebook_held_since: null, notebook_paused_ms: 700 }]);
  });

  it('is dated when it has waited for the last lock, so that whoever follows all builds finds it', async () => {
    const buildId = uidOf(await ask());
    const waited = await whileLocked(
      slipway.database,
      ["select 1 from namespace where name = 'default' for update"],
      async () =>
        await store.change({ buildId }, async (build, tx) => {
          await tx.execute("select 1 from namespace where name = 'default' for update");
          build.totalSteps = 7;
          return new Date();
        }),
    );
    const [event] = await slipway.database.query<{ at: Date }>(
      'select at from image_build_event where build_id = $1 order by version desc limit 1',
      [buildId],
    );
    expect(event?.at.getTime()).toBeGreaterThanOrEqual(waited.getTime());
  });

  it('goes back to the queue also where the answer to its first try was lost', async () => {
    const buildId = uidOf(await ask());
    const build = await claimBuild(store, buildId, DAY_MS);
    const fence = { buildId, attempt: build?.attempt ?? 0 };
    await releaseBuild(store, fence);
    await releaseBuild(store, fence);
    const [row] = await slipway.database.query<{ status: string; version: number }>(
      'select status, version from image_build where id = $1',
      [buildId],
    );
    expect(row).toEqual({ status: 'QUEUED', version: 3 });
  });
});

describe('a build that a worker takes', () => {
  it('is EXPIRED where it has waited for too long, and its log says so', async () => {
    const build = await ask();
    await slipway.database.query(
      "update image_build set created_at = now() - interval '2 days', queued_at = now() - interval '2 days' where id = $1",
      [uidOf(build)],
    );
    expect(await claimBuild(store, uidOf(build), DAY_MS)).toBeNull();
    const ended = await finished(slipway.admin, build.id);
    expect(ended).toMatchObject({ status: 'EXPIRED', attempt: 0, failure: { reason: 'EXPIRED' } });
    expect(
      (await wholeLog(slipway.admin, build.id)).map(({ seq, stream, text }) => [seq, stream, text]),
    ).toEqual([[1, 'SYSTEM', `Failed: ${ended.failure?.message}`]]);
  });

  it('ends as WORKER_LOST when it has lost two, and its log says so after what was printed', async () => {
    const build = await ask();
    const buildId = uidOf(build);
    await claimBuild(store, buildId, DAY_MS);
    await slipway.database.query(
      `insert into image_build_log (build_id, first_seq, last_seq, byte_offset, text_offset, data, lines)
        values ($1, 1, 1, 0, 0, 'half', '[[4, 0, 0, 1, 1]]')`,
      [buildId],
    );
    await slipway.database.query(
      'update image_build set log_line_count = 1, log_bytes = 4, log_text_bytes = 4 where id = $1',
      [buildId],
    );
    expect(await claimBuild(store, buildId, DAY_MS)).toMatchObject({ attempt: 2 });
    expect(await claimBuild(store, buildId, DAY_MS)).toBeNull();
    const ended = await finished(slipway.admin, build.id);
    expect(ended).toMatchObject({ status: 'FAILED', failure: { reason: 'WORKER_LOST' } });
    const failed = `Failed: ${ended.failure?.message}`;
    expect((await wholeLog(slipway.admin, build.id)).map(({ seq, text }) => [seq, text])).toEqual([
      [1, 'half'],
      [2, failed],
    ]);
    const [row] = await slipway.database.query<{ count: number; bytes: number }>(
      'select log_line_count::int as count, log_bytes::int as bytes from image_build where id = $1',
      [buildId],
    );
    expect(row).toEqual({ count: 2, bytes: Buffer.byteLength(`half\n${failed}\n`) });
  });
});
