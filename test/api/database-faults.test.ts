import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, logEvents, printed, startBuild, wholeLog } from '../support/builds.ts';
import { logEvent, stepEvent } from '../support/fake-engine.ts';
import { gate, until } from '../support/until.ts';

const DOCKERFILE = 'FROM scratch\nRUN echo hello\n';
let slipway: TestApp;

beforeAll(async () => {
  slipway = await createTestApp();
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
beforeEach(() => slipway.engine.onBuild(null));

/** Ends every connection of the server but our own, as a restart of PostgreSQL does. */
const cutConnections = () =>
  slipway.database.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );

describe('connections that are cut', () => {
  it('cost a build neither its log nor an attempt', async () => {
    let printedLines = 0;
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN count' });
      while (printedLines < 3000) {
        printedLines += 1;
        yield logEvent(1, `line ${printedLines}\n`);
        if (printedLines % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
      }
      yield { kind: 'result', imageId: 'sha256:cut' };
    });
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'cut' });
    for (const at of [500, 1500, 2500]) {
      await until(`line ${at}`, () => printedLines >= at);
      await cutConnections();
    }
    // Subscribed to afterwards: a subscription that runs while the database is away ends, and its client comes again.
    await until('the build to end', async () => {
      const [row] = await slipway.database.query<{ finished_at: Date | null }>(
        'select finished_at from image_build where finished_at is not null and target_name = $1',
        ['cut'],
      );
      return row !== undefined;
    });
    expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
    const lines = await wholeLog(slipway.admin, build.id);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
    expect(printed(lines).map(({ text }) => text)).toEqual(
      Array.from({ length: 3000 }, (_, i) => `line ${i + 1}`),
    );
  });

  it('in the middle of transactions leave the pool as it was', async () => {
    for (let i = 0; i < 15; i += 1) {
      await slipway.app.orm.em
        .fork()
        .transactional(async (tx) => await tx.execute('select pg_terminate_backend(pg_backend_pid())'))
        .catch(() => undefined);
    }
    expect(await slipway.app.readiness()).toMatchObject({ ready: true });
  });

  it('as transactions begin leave the pool as it was', async () => {
    const { em } = slipway.app.orm;
    const select = async () => await em.fork().transactional(async (tx) => await tx.execute('select 1'));
    for (let i = 0; i < 30; i += 1) {
      await Promise.all([1, 2, 3, 4, 5].map(select)).catch(() => undefined);
      await cutConnections();
      await Promise.allSettled([1, 2, 3, 4, 5].map(select));
    }
    expect(await slipway.app.readiness()).toMatchObject({ ready: true });
  });
});

describe('a notification that is none of ours', () => {
  it('hurts nobody', async () => {
    await slipway.database.query('notify slipway');
    await slipway.database.query("notify slipway, 'not json'");
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'noted' });
    expect((await finished(slipway.admin, build.id)).status).toBe('SUCCEEDED');
  });
});

describe('an engine that is away', () => {
  it('makes builds wait, and fails none', async () => {
    slipway.engine.setAvailable(false);
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'waiting-for-engine' });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const state = await slipway.admin.run<{ imageBuild: { status: string; attempt: number } }>(
      'query ($id: ID!) { imageBuild(id: $id) { status attempt } }',
      { id: build.id },
    );
    expect(state.imageBuild).toEqual({ status: 'QUEUED', attempt: 0 });
    slipway.engine.setAvailable(true);
    expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
  });
});

describe('a client that leaves', () => {
  it('costs nothing any more, however quiet the build is', async () => {
    const hold = gate();
    slipway.engine.onBuild(async function* () {
      yield stepEvent({ number: 1, name: 'RUN wait' });
      yield logEvent(1, 'begun\n');
      await hold.opened;
      yield { kind: 'result', imageId: 'sha256:quiet' };
    });
    const build = await startBuild(slipway.admin, { dockerfile: DOCKERFILE, name: 'quiet' });
    const leave = async () => {
      for await (const event of logEvents(slipway.admin, build.id))
        if (event.__typename === 'ImageBuildLogLines') return;
    };
    await Promise.all(Array.from({ length: 20 }, leave));
    // In such a time 20 readers that go on look at least once each, with 2 statements; the worker looks three times.
    const aWhile = () => new Promise((resolve) => setTimeout(resolve, 2500));
    await until('the readers to be gone', async () => (await slipway.countStatements(aWhile)) < 10);
    hold.open();
    expect((await finished(slipway.admin, build.id)).status).toBe('SUCCEEDED');
  });
});
