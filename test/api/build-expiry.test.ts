import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expireBuilds } from '../../src/build/retention/build-expiry.ts';
import { startHousekeeping } from '../../src/housekeeping.ts';
import { tryReadGlobalId } from '../../src/shared/global-id.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { queueCopies } from '../support/build-rows.ts';
import {
  type BuildFacts,
  finished,
  followStatus,
  type LogEventFacts,
  logEvents,
  startBuild,
} from '../support/builds.ts';
import { holding } from '../support/locks.ts';
import { addNotebook, saveNotebook } from '../support/notebooks.ts';
import { gate, until } from '../support/until.ts';

const DAY_MS = 86_400_000;
const uidOf = ({ id }: { id: string }) => tryReadGlobalId(id)?.uid ?? '';

let slipway: TestApp;
beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const expire = async ({ app }: TestApp) =>
  await expireBuilds({ em: app.orm.em, queue: app.queue, events: app.events }, DAY_MS);

let tag = 0;
const ask = async () => {
  tag += 1;
  return await startBuild(slipway.admin, { dockerfile: 'FROM scratch\n', tag: `${tag}` });
};

/** Makes all builds that wait look as if they had come into the queue two days ago. */
async function age(): Promise<void> {
  await slipway.database.query(
    "update image_build set created_at = created_at - interval '2 days', queued_at = queued_at - interval '2 days' where status = 'QUEUED'",
  );
}

describe('a build that has waited too long', () => {
  it('is EXPIRED, says how long it waited and what to do, and leaves the queue; younger ones wait on', async () => {
    const old = await ask();
    await age();
    const young = await ask();
    const following = followStatus(slipway.admin, old.id);
    const log = (async () => {
      let last: LogEventFacts | null = null;
      for await (const event of logEvents(slipway.admin, old.id)) last = event;
      return last;
    })();
    expect(await expire(slipway)).toBe(1);
    const last = (await following).at(-1);
    expect(last).toMatchObject({
      version: 2,
      build: { status: 'EXPIRED', attempt: 0, failure: { reason: 'EXPIRED' } },
    });
    expect(last?.build.failure?.message).toMatch(/^it waited longer than 86400 s for its turn; try again/);
    expect(await log).toMatchObject({ __typename: 'ImageBuildLogEnd', status: 'EXPIRED' });
    const jobs = await slipway.database.query<{ build: string; state: string }>(
      "select data->>'buildId' as build, state from pgboss.job",
    );
    expect(jobs).toContainEqual({ build: uidOf(old), state: 'cancelled' });
    expect(jobs).toContainEqual({ build: uidOf(young), state: 'created' });
    expect(await expire(slipway)).toBe(0);
  });

  it('is retryable, and has its end', async () => {
    const build = await ask();
    await age();
    await expire(slipway);
    const { imageBuild } = await slipway.admin.run<{
      imageBuild: { finishedAt: string | null; startedAt: string | null; failure: { retryable: boolean } };
    }>('query ($id: ID!) { imageBuild(id: $id) { finishedAt startedAt failure { retryable } } }', {
      id: build.id,
    });
    expect(imageBuild).toMatchObject({
      finishedAt: expect.any(String),
      startedAt: null,
      failure: { retryable: true },
    });
  });

  it('leaves the image of a notebook that waited for it CREATE_FAILED, and the notebook can be saved again', async () => {
    const { id } = addNotebook(slipway.engine, { owner: 'admin' });
    const first = await saveNotebook(slipway.admin, { notebookId: id, name: 'saved' });
    expect(first).toMatchObject({ userErrors: [], image: { status: 'INIT' } });
    await age();
    await expire(slipway);
    expect(await finished(slipway.admin, first.build?.id ?? '')).toMatchObject({
      status: 'EXPIRED',
      image: { status: 'CREATE_FAILED' },
    });
    const second = await saveNotebook(slipway.admin, { notebookId: id, name: 'saved' });
    expect(second).toMatchObject({ userErrors: [], image: { status: 'INIT' } });
    await age();
    expect(await expire(slipway)).toBe(1);
  });

  it('counts from when it came back into the queue', async () => {
    const build = await ask();
    await age();
    await slipway.database.query('update image_build set queued_at = now() where id = $1', [uidOf(build)]);
    expect(await expire(slipway)).toBe(0);
  });

  it('is left to whoever works on it just now', async () => {
    await ask();
    const locked = await ask();
    await age();
    const lock = ['select 1 from image_build where id = $1 for update', [uidOf(locked)]] as const;
    const ended = await holding(slipway.database, lock, async () => await expire(slipway));
    expect(ended).toBeGreaterThanOrEqual(1);
    expect(await expire(slipway)).toBe(1);
  });

  it('is ended once, however many there are and however many processes look at once', async () => {
    await expire(slipway);
    const first = await ask();
    await queueCopies(slipway.database, uidOf(first), 249);
    await age();
    const counts = await Promise.all([expire(slipway), expire(slipway), expire(slipway)]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(250);
    const rows = await slipway.database.query<{ status: string; version: number; count: number }>(
      "select status, version, count(*)::int as count from image_build where target_reference like $1 || '%' group by 1, 2",
      [(await referenceOf(first)) ?? ''],
    );
    expect(rows).toEqual([{ status: 'EXPIRED', version: 2, count: 250 }]);
  });
});

const referenceOf = async (build: BuildFacts) =>
  (
    await slipway.database.query<{ reference: string }>(
      'select target_reference as reference from image_build where id = $1',
      [uidOf(build)],
    )
  )[0]?.reference;

describe('a build that expires while a worker takes it', () => {
  it('goes one way or the other, never both', async () => {
    const working = await createTestApp({ env: { SLIPWAY_BUILD_SLOTS: '4' } });
    try {
      const { opened, open } = gate();
      working.engine.onBuild(async function* () {
        await opened;
        yield { kind: 'result', imageId: 'sha256:0' };
      });
      // The four that hold the slots; the others wait.
      const builds: BuildFacts[] = [];
      for (let n = 0; n < 24; n += 1) {
        builds.push(await startBuild(working.admin, { dockerfile: 'FROM scratch\n', tag: `${n}` }));
      }
      await until('all slots to be taken', () => working.engine.running === 4);
      await working.database.query(
        "update image_build set created_at = created_at - interval '2 days', queued_at = queued_at - interval '2 days' where status = 'QUEUED'",
      );
      open();
      const expired = await Promise.all([expire(working), expire(working)]);
      const ended = await Promise.all(builds.map(async ({ id }) => await finished(working.admin, id)));
      const byStatus = Map.groupBy(ended, ({ status }) => status);
      const ofExpired = byStatus.get('EXPIRED') ?? [];
      // The others ended so when a worker took them.
      expect(ofExpired.length).toBeGreaterThanOrEqual(expired[0] + expired[1]);
      expect(ofExpired.every(({ attempt }) => attempt === 0)).toBe(true);
      expect((byStatus.get('SUCCEEDED') ?? []).every(({ attempt }) => attempt === 1)).toBe(true);
      expect(ofExpired.length + (byStatus.get('SUCCEEDED')?.length ?? 0)).toBe(builds.length);
      const finals = await working.database.query<{ count: number }>(
        "select count(*)::int as count from image_build_event where state->>'status' in ('SUCCEEDED', 'EXPIRED') group by build_id",
      );
      expect(finals).toEqual(builds.map(() => ({ count: 1 })));
    } finally {
      await working[Symbol.asyncDispose]();
    }
  }, 60_000);
});

describe('housekeeping', () => {
  it('ends such builds by itself, and goes on after the database was away', async () => {
    await using _housekeeping = startHousekeeping(slipway.app, { expiryMs: 50, retentionMs: 50 });
    const first = await ask();
    await age();
    expect(await finished(slipway.admin, first.id)).toMatchObject({ status: 'EXPIRED' });
    await slipway.database.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await until('the database to answer', async () => {
      const { errors } = await slipway.admin.ask('{ imageBuilds { totalCount } }');
      return errors === undefined;
    });
    const second = await ask();
    await age();
    expect(await finished(slipway.admin, second.id)).toMatchObject({ status: 'EXPIRED' });
  });
});
