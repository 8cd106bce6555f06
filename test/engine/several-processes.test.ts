import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finished, followStatus, logEvents, printed, startBuild, wholeLog } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { openRoles, type Roles } from '../support/roles.ts';
import type { SlipwayProcess } from '../support/slipway-process.ts';

describe('several processes on one database', () => {
  let roles: Roles;
  let here: ApiClient;
  let there: ApiClient;

  beforeAll(async () => {
    roles = await openRoles();
    const [first, second] = await Promise.all([roles.serve(), roles.serve()]);
    here = first.client;
    there = second.client;
  });
  afterAll(async () => await roles?.[Symbol.asyncDispose]());

  const begun = async (client: ApiClient, buildId: string, text: string): Promise<void> => {
    for await (const event of logEvents(client, buildId)) {
      if (event.__typename === 'ImageBuildLogLines' && event.lines.some((line) => line.text === text)) return;
    }
    throw new Error(`the log ended without "${text}"`);
  };

  it('keeps builds waiting while there is no worker, and shows one process what was asked of the other', async () => {
    const build = await startBuild(here, {
      name: 'asked-here',
      dockerfile: `FROM ${roles.baseImage}\nRUN echo hi\n`,
    });
    const watching = followStatus(there, build.id);
    await using _worker = await roles.work();
    const events = await watching;
    expect(events[0]?.build.status).toBe('QUEUED');
    expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)?.build.status).toBe('SUCCEEDED');
    expect(await wholeLog(there, build.id)).toEqual(await wholeLog(here, build.id));
  });

  it('shares builds between two workers, each build run once', async () => {
    const workers = await Promise.all([
      roles.work({ SLIPWAY_BUILD_SLOTS: '1' }),
      roles.work({ SLIPWAY_BUILD_SLOTS: '1' }),
    ]);
    try {
      const dockerfile = `FROM ${roles.baseImage}\nRUN echo mine; sleep 1\n`;
      const builds = await Promise.all(
        [1, 2, 3, 4].map((n) =>
          startBuild(n % 2 ? here : there, { name: `shared-${n}`, dockerfile, noCache: true }),
        ),
      );
      for (const build of builds) {
        expect(await finished(here, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
        expect(printed(await wholeLog(there, build.id)).map(({ text }) => text)).toEqual(['mine']);
      }
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  });

  it('ends a build once although its worker is killed in the middle', async () => {
    await using first = await roles.work();
    const dockerfile = `FROM ${roles.baseImage}\nRUN echo begun; sleep 6; echo done\n`;
    const build = await startBuild(here, { name: 'survivor', dockerfile, noCache: true });
    const events = followStatus(there, build.id);
    await begun(there, build.id, 'begun');
    await first.stop('SIGKILL');
    await using _second = await roles.work();
    const ended = (await events).at(-1)?.build;
    expect(ended).toMatchObject({ status: 'SUCCEEDED', attempt: 2, image: { status: 'ACTIVE' } });
    expect((await events).filter(({ build: { status } }) => status === 'SUCCEEDED')).toHaveLength(1);
    const lines = await wholeLog(here, build.id);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
    expect(printed(lines).map(({ text }) => text)).toEqual(['begun', 'begun', 'done']);
  });

  it('gives a build back to the queue when its worker is stopped, and another one ends it', async () => {
    const first: SlipwayProcess = await roles.work();
    const dockerfile = `FROM ${roles.baseImage}\nRUN echo begun; sleep 4; echo done\n`;
    const build = await startBuild(here, { name: 'given-back', dockerfile, noCache: true });
    await begun(here, build.id, 'begun');
    expect(await first.stop('SIGTERM')).toBe(0);
    await using _second = await roles.work();
    expect(await finished(there, build.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
  });

  it('fails with REGISTRY_UNAVAILABLE where the registry is down, after trying again', async () => {
    // Nothing listens on port 1 of loopback: connections are refused at once.
    const down = { SLIPWAY_REGISTRY: '127.0.0.1:1', SLIPWAY_BASE_HOSTS: roles.registryHost };
    const { client } = await roles.serve(down);
    await using _worker = await roles.work(down);
    const build = await startBuild(client, {
      name: 'unpushed',
      dockerfile: `FROM ${roles.baseImage}\nRUN true\n`,
    });
    const ended = await finished(client, build.id);
    expect(ended).toMatchObject({
      status: 'FAILED',
      image: null,
      failure: { reason: 'REGISTRY_UNAVAILABLE' },
    });
    const log = await wholeLog(client, build.id);
    expect(log.filter(({ text }) => text.startsWith('The registry does not answer'))).toHaveLength(3);
  });
});
