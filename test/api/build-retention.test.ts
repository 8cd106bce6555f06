import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  deleteOldBuilds,
  deleteOldLogs,
  deleteOldTokens,
} from '../../src/build/retention/build-retention.ts';
import { startHousekeeping } from '../../src/housekeeping.ts';
import { tryReadGlobalId } from '../../src/shared/global-id.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { copyEnded } from '../support/build-rows.ts';
import { type BuildFacts, finished, startBuild } from '../support/builds.ts';
import { defaultBuild } from '../support/fake-engine.ts';
import { holding } from '../support/locks.ts';
import { until } from '../support/until.ts';

const DAY_MS = 86_400_000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS);
const uidOf = ({ id }: { id: string }) => tryReadGlobalId(id)?.uid ?? '';

let slipway: TestApp;
let succeeded: BuildFacts;
let failed: BuildFacts;

beforeAll(async () => {
  slipway = await createTestApp();
  const build = async (tag: string) =>
    await finished(slipway.admin, (await startBuild(slipway.admin, { dockerfile: `FROM ${tag}\n`, tag })).id);
  succeeded = await build('good');
  slipway.engine.onBuild(async function* (request) {
    for await (const event of defaultBuild(request)) if (event.kind !== 'result') yield event;
  });
  failed = await build('bad');
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const countOf = async (table: string, ids: readonly string[], column = 'build_id') =>
  (
    await slipway.database.query<{ count: number }>(
      `select count(*)::int as count from ${table} where ${column} = any($1::uuid[])`,
      [ids],
    )
  )[0]?.count;
const logsOf = async (ids: readonly string[]) => await countOf('image_build_log', ids);
const buildsOf = async (ids: readonly string[]) => await countOf('image_build', ids, 'id');
const notedOf = async (ids: readonly string[]) =>
  (
    await slipway.database.query<{ count: number }>(
      'select count(*)::int as count from image_build where id = any($1::uuid[]) and log_deleted_at is not null',
      [ids],
    )
  )[0]?.count;

describe('logs that are older than logs are kept', () => {
  it('are taken away, and the builds stay and say so', async () => {
    const old = await copyEnded(slipway.database, uidOf(failed), 250, 3 * DAY_MS);
    const young = await copyEnded(slipway.database, uidOf(failed), 3, DAY_MS);
    expect(await deleteOldLogs(slipway.app.orm.em, daysAgo(2))).toBe(250);
    expect(await logsOf(old)).toBe(0);
    expect(await notedOf(old)).toBe(250);
    expect(await buildsOf(old)).toBe(250);
    expect(await logsOf(young)).toBeGreaterThanOrEqual(3);
    expect(await notedOf(young)).toBe(0);
    expect(await deleteOldLogs(slipway.app.orm.em, daysAgo(2))).toBe(0);
  });

  it('are taken away once, whoever else does it, and those that somebody has locked the next time', async () => {
    const old = await copyEnded(slipway.database, uidOf(failed), 120, 3 * DAY_MS);
    const lock = ['select 1 from image_build where id = $1 for update', [old[0]]] as const;
    const count = await holding(slipway.database, lock, async () => {
      const counts = await Promise.all(
        [1, 2].map(async () => await deleteOldLogs(slipway.app.orm.em, daysAgo(2))),
      );
      return counts.reduce((sum, n) => sum + n, 0);
    });
    expect(count).toBe(119);
    expect(await notedOf(old)).toBe(119);
    expect(await deleteOldLogs(slipway.app.orm.em, daysAgo(2))).toBe(1);
  });

  it('are taken away a few at a time where they are long', async () => {
    const old = await copyEnded(slipway.database, uidOf(failed), 5, 3 * DAY_MS);
    await slipway.database.query('update image_build set log_bytes = 60000000 where id = any($1::uuid[])', [
      old,
    ]);
    const statements = await slipway.statementsOf(
      async () => await deleteOldLogs(slipway.app.orm.em, daysAgo(2)),
    );
    expect(statements.filter(({ text }) => text.includes('delete from image_build_log'))).toHaveLength(5);
    expect(await logsOf(old)).toBe(0);
  });
});

describe('builds that are older than builds are kept', () => {
  it('are deleted with all that belongs to them', async () => {
    const old = await copyEnded(slipway.database, uidOf(failed), 250, 30 * DAY_MS);
    const young = await copyEnded(slipway.database, uidOf(failed), 3, DAY_MS);
    const [retry = ''] = young;
    await slipway.database.query('update image_build set retry_of_id = $1 where id = $2', [old[0], retry]);
    await slipway.database.query(
      `insert into image_build_token (user_id, token, input_hash, build_id, created_at)
       select id, 'old', '', $1::uuid, now() from user_account limit 1`,
      [old[0]],
    );
    await deleteOldBuilds(slipway.app.orm.em, daysAgo(20));
    expect(await buildsOf(old)).toBe(0);
    expect(await logsOf(old)).toBe(0);
    expect(await countOf('image_build_event', old)).toBe(0);
    expect(await countOf('image_build_token', old)).toBe(0);
    expect(await buildsOf(young)).toBe(3);
    const rows = await slipway.database.query('select retry_of_id from image_build where id = $1', [retry]);
    expect(rows).toEqual([{ retry_of_id: null }]);
  });

  it('stay while there is an image that they made, also one that can be restored', async () => {
    const uid = uidOf(succeeded);
    const [copy = ''] = await copyEnded(slipway.database, uid, 1, 30 * DAY_MS);
    const before = await slipway.database.query<{ finished_at: Date }>(
      'select finished_at from image_build where id = $1',
      [uid],
    );
    await slipway.database.query('update image_build set finished_at = $2 where id = $1', [uid, daysAgo(30)]);
    await deleteOldBuilds(slipway.app.orm.em, daysAgo(20));
    expect(await buildsOf([uid])).toBe(1);
    expect(await buildsOf([copy])).toBe(0);
    const { image } = succeeded;
    const { deleteImage } = await slipway.admin.run<{ deleteImage: { userErrors: unknown[] } }>(
      'mutation ($id: ID!) { deleteImage(input: { id: $id }) { userErrors { message } } }',
      { id: image?.id },
    );
    expect(deleteImage.userErrors).toEqual([]);
    await deleteOldBuilds(slipway.app.orm.em, daysAgo(20));
    expect(await buildsOf([uid])).toBe(1);
    await slipway.database.query('update image_build set finished_at = $2 where id = $1', [
      uid,
      before[0]?.finished_at,
    ]);
  });

  it('are not those that have not ended', async () => {
    const running = await createTestApp({ worker: false });
    try {
      await startBuild(running.admin, { dockerfile: 'FROM scratch\n' });
      await running.database.query("update image_build set created_at = created_at - interval '1 year'");
      expect(await deleteOldBuilds(running.app.orm.em, daysAgo(1))).toBe(0);
      expect(await deleteOldLogs(running.app.orm.em, daysAgo(1))).toBe(0);
    } finally {
      await running[Symbol.asyncDispose]();
    }
  });
});

describe('client tokens', () => {
  it('are forgotten when they are old', async () => {
    await slipway.database.query(
      `insert into image_build_token (user_id, token, input_hash, build_id, created_at)
       select user_account.id, 'token ' || n, '', $1::uuid, now() - n * interval '1 hour'
       from (select id from user_account limit 1) user_account, generate_series(1, 2500) n`,
      [uidOf(failed)],
    );
    expect(await deleteOldTokens(slipway.app.orm.em, daysAgo(1))).toBe(2477);
    const rows = await slipway.database.query<{ count: number }>(
      'select count(*)::int as count from image_build_token',
    );
    expect(rows).toEqual([{ count: 23 }]);
  });
});

describe('housekeeping', () => {
  const periods = { expiryMs: 50, retentionMs: 50 };

  it('keeps logs and builds for as long as the operator says', async () => {
    const { app } = slipway;
    const build = { ...app.config.build, logRetentionMs: 2 * DAY_MS, retentionMs: 20 * DAY_MS };
    const logless = await copyEnded(slipway.database, uidOf(failed), 3, 3 * DAY_MS);
    const gone = await copyEnded(slipway.database, uidOf(failed), 3, 30 * DAY_MS);
    await using _housekeeping = startHousekeeping({ ...app, config: { ...app.config, build } }, periods);
    await until('old builds to be deleted', async () => (await buildsOf(gone)) === 0);
    await until('old logs to be taken away', async () => (await notedOf(logless)) === 3);
    expect(await buildsOf(logless)).toBe(3);
  });

  it('keeps them for ever where the operator says so', async () => {
    const { app } = slipway;
    const build = { ...app.config.build, logRetentionMs: null, retentionMs: null };
    const old = await copyEnded(slipway.database, uidOf(failed), 1, 10_000 * DAY_MS);
    // What it does come to shows that it has been there.
    await slipway.database.query("update image_build_token set created_at = created_at - interval '1 year'");
    await using _housekeeping = startHousekeeping({ ...app, config: { ...app.config, build } }, periods);
    await until('old tokens to be forgotten', async () => {
      const rows = await slipway.database.query('select 1 from image_build_token');
      return rows.length === 0;
    });
    expect(await buildsOf(old)).toBe(1);
    expect(await notedOf(old)).toBe(0);
  });
});
