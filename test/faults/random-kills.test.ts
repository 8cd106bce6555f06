import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { finished, startBuild, wholeLog } from '../support/builds.ts';
import { testEngine } from '../support/engine.ts';
import { openRoles } from '../support/roles.ts';
import { finalEvents, printingBuild, untilNothingIsLeft } from '../support/running-builds.ts';

const BUILDS = 10;
const KILLING_MS = 45_000;

it(`ends each of ${BUILDS} builds exactly once whose workers are killed at random moments`, async () => {
  const { docker } = testEngine();
  await using roles = await openRoles();
  const { client } = await roles.serve();
  const workers = await Promise.all([roles.work(), roles.work(), roles.work()]);
  const wishes = Array.from({ length: BUILDS }, () => printingBuild(roles.baseImage, 50, 0.1));
  const builds = await Promise.all(wishes.map(({ wish }) => startBuild(client, wish)));
  const over = Date.now() + KILLING_MS;
  let kills = 0;
  while (Date.now() < over) {
    // Anywhere in a build's life: while it is taken, built, pushed, or written into the catalogue.
    await sleep(1000 + Math.random() * 4000);
    const victim = Math.floor(Math.random() * workers.length);
    await workers[victim]?.stop('SIGKILL');
    kills += 1;
    workers[victim] = await roles.work();
  }
  expect(kills).toBeGreaterThan(3);
  for (const [index, { id }] of builds.entries()) {
    const ended = await finished(client, id);
    // Two lost workers are a reason to fail; anything else is not.
    const reason = ended.failure?.reason ?? null;
    expect([ended.status, reason]).toEqual(
      ended.status === 'SUCCEEDED' ? ['SUCCEEDED', null] : ['FAILED', 'WORKER_LOST'],
    );
    expect(await finalEvents(roles, id)).toBe(1);
    const lines = await wholeLog(client, id);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, at) => at + 1));
    const printing = wishes[index];
    if (printing !== undefined) await untilNothingIsLeft(docker, id, printing, ended.attempt, 60_000);
  }
});
