import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createTestApp } from '../support/app.ts';
import { finished, startBuild } from '../support/builds.ts';
import { createTestDatabase } from '../support/database.ts';
import { defaultBuild } from '../support/fake-engine.ts';
import { openStoppingProxy, type StoppingProxy } from '../support/stopping-proxy.ts';
import { gate, until } from '../support/until.ts';

it('costs no build an attempt that the database let every statement hang for 14 s, for its worker a little longer', async () => {
  await using database = await createTestDatabase();
  const port = Number(new URL(database.url).port);
  await using toWorker = await openStoppingProxy(port);
  await using toOther = await openStoppingProxy(port);
  const through = (proxy: StoppingProxy) => {
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = `${proxy.port}`;
    return { ...database, url: url.href };
  };
  await using slipway = await createTestApp({ database: through(toWorker) });
  const { engine } = slipway;
  await using _other = await createTestApp({ database: through(toOther), engine, worker: false });
  const held = gate();
  engine.onBuild(async function* (request) {
    await held.opened;
    yield* defaultBuild(request);
  });
  const build = await startBuild(slipway.admin, { dockerfile: 'FROM scratch\n' });
  await until('the build to run', () => engine.running === 1);
  for (const proxy of [toWorker, toOther]) proxy.standStill();
  // Longer than a heartbeat may be late, and long enough for several rounds of those who look for lost workers.
  await sleep(14_000);
  toOther.goOn();
  // As long as one that looks at once would have taken.
  await sleep(3000);
  toWorker.goOn();
  held.open();
  expect(await finished(slipway.admin, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
}, 60_000);
