import { describe, expect, it } from 'vitest';
import { beginOf, finished, printed, startBuild, wholeLog } from '../support/builds.ts';
import { testEngine } from '../support/engine.ts';
import { countRunning } from '../support/processes.ts';
import { openRoles } from '../support/roles.ts';
import {
  cancel,
  finalEvents,
  hangingBuild,
  holderOf,
  logged,
  numberedLines,
  printingBuild,
  twoWorkers,
  untilNothingIsLeft,
} from '../support/running-builds.ts';
import { until } from '../support/until.ts';

// Each test has a database and processes of its own, and mostly waits for a lease to end.
describe.concurrent('workers that are lost', () => {
  it('hands a build over within 40 s when its worker is killed, and its log shows both attempts', async () => {
    const { docker } = testEngine();
    await using roles = await openRoles();
    const [{ client }, workers] = await Promise.all([roles.serve(), twoWorkers(roles)]);
    const printing = printingBuild(roles.baseImage, 100, 0.1);
    const build = await startBuild(client, printing.wish);
    const log = wholeLog(client, build.id);
    await logged(client, build.id, 'line 30');
    await holderOf(workers, build.id).holder.stop('SIGKILL');
    const killedAt = Date.now();
    await logged(client, build.id, beginOf(2));
    expect(Date.now() - killedAt).toBeLessThan(40_000);

    expect(await finished(client, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    expect(await finalEvents(roles, build.id)).toBe(1);
    const lines = await log;
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
    const texts = lines.map(({ text }) => text);
    const handedOver = texts.indexOf(beginOf(2));
    const before = printed(lines.slice(0, handedOver)).map(({ text }) => text);
    expect(before.length).toBeGreaterThanOrEqual(30);
    expect(before).toEqual(numberedLines(before.length));
    expect(printed(lines.slice(handedOver)).map(({ text }) => text)).toEqual(numberedLines(100));
    await untilNothingIsLeft(docker, build.id, printing, 2);
  });

  it('lets the second attempt stand when the first worker was only stopped for longer than its lease', async () => {
    const { docker } = testEngine();
    await using roles = await openRoles();
    const [{ client }, workers] = await Promise.all([roles.serve(), twoWorkers(roles)]);
    const printing = printingBuild(roles.baseImage, 350, 0.1);
    const build = await startBuild(client, printing.wish);
    await logged(client, build.id, 'line 10');
    const { holder: first, other: second } = holderOf(workers, build.id);
    first.signal('SIGSTOP');
    // The engine goes on with the first attempt, whose lines wait for the worker.
    await logged(client, build.id, 'line 10', 2);
    expect(countRunning(printing.mark)).toBe(2);
    first.signal('SIGCONT');
    await until('the first worker to stop its own build', () => countRunning(printing.mark) === 1);

    expect(await finished(client, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
    expect(await finalEvents(roles, build.id)).toBe(1);
    const lines = await wholeLog(client, build.id);
    const texts = lines.map(({ text }) => text);
    const after = printed(lines.slice(texts.indexOf(beginOf(2)))).map(({ text }) => text);
    expect(after).toEqual(numberedLines(350));
    await untilNothingIsLeft(docker, build.id, printing, 2);
    // It works on: its slot is free again.
    await second.stop('SIGKILL');
    const next = await startBuild(client, printingBuild(roles.baseImage, 1, 0).wish);
    expect(await finished(client, next.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
  });

  it('ends a build as WORKER_LOST whose workers die twice, and the third goes on with others', async () => {
    const { docker } = testEngine();
    await using roles = await openRoles();
    const { client } = await roles.serve();
    const hanging = hangingBuild(roles.baseImage);
    const build = await startBuild(client, hanging.wish);
    for (const times of [1, 2]) {
      const victim = await roles.work();
      await logged(client, build.id, 'begun', times);
      await victim.stop('SIGKILL');
    }
    await using _third = await roles.work();
    const other = await startBuild(client, printingBuild(roles.baseImage, 1, 0).wish);
    expect(await finished(client, other.id)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await finished(client, build.id)).toMatchObject({
      status: 'FAILED',
      attempt: 2,
      failure: { reason: 'WORKER_LOST' },
    });
    expect(await finalEvents(roles, build.id)).toBe(1);
    await untilNothingIsLeft(docker, build.id, hanging, 2);
  });

  it('cancels a queued build at once and a running one within 5 s, with nothing left in the engine', async () => {
    const { docker } = testEngine();
    await using roles = await openRoles();
    const { client } = await roles.serve();
    const queued = await startBuild(client, hangingBuild(roles.baseImage).wish);
    expect(await cancel(client, queued.id)).toBe('CANCELED');
    expect(await finished(client, queued.id)).toMatchObject({ status: 'CANCELED', attempt: 0 });

    await using _worker = await roles.work();
    const hanging = hangingBuild(roles.baseImage);
    const running = await startBuild(client, hanging.wish);
    await logged(client, running.id, 'begun');
    const askedAt = Date.now();
    expect(await cancel(client, running.id)).toBe('CANCELING');
    expect(await finished(client, running.id)).toMatchObject({ status: 'CANCELED' });
    await untilNothingIsLeft(docker, running.id, hanging, 1, 5000 - (Date.now() - askedAt));
    expect(await finalEvents(roles, queued.id)).toBe(1);
    expect(await finalEvents(roles, running.id)).toBe(1);
  });
});
