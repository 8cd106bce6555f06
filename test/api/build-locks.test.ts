import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, startBuild } from '../support/builds.ts';
import { logEvent, stepEvent } from '../support/fake-engine.ts';
import { gate, until } from '../support/until.ts';

let slipway: TestApp;
beforeAll(async () => {
  slipway = await createTestApp();
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

it('waits for a build that somebody else has locked, whoever writes: a worker or a cancel', async () => {
  const half = gate();
  slipway.engine.onBuild(async function* (_, { signal }) {
    yield stepEvent({ number: 1, name: 'RUN one' });
    await half.opened;
    yield logEvent(1, 'half\n');
    yield stepEvent({ number: 2, name: 'RUN two' });
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  const build = await startBuild(slipway.admin, { dockerfile: 'FROM scratch\n', name: 'locked' });
  await until('the build to run', () => slipway.engine.running === 1);
  const holder = new pg.Client({ connectionString: slipway.database.url });
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query('select * from image_build for update');
    half.open();
    await until('the worker to wait', async () => (await waiting()) >= 1);
    const canceling = slipway.admin.run<{ cancelImageBuild: { build: { status: string } } }>(
      'mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { status } } }',
      { id: build.id },
    );
    const worker = await waiting();
    await until('the cancel to wait', async () => (await waiting()) > worker);
    await holder.query('commit');
    expect((await canceling).cancelImageBuild.build.status).toBe('CANCELING');
  } finally {
    await holder.end();
  }
  expect((await finished(slipway.admin, build.id)).status).toBe('CANCELED');
});

async function waiting(): Promise<number> {
  const [row] = await slipway.database.query<{ count: number }>(
    "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return row?.count ?? 0;
}
