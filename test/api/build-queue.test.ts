import { afterEach, describe, expect, it } from 'vitest';
import { tryReadGlobalId } from '../../src/shared/global-id.ts';
import { startWorker } from '../../src/worker.ts';
import { createTestApp, type TestApp, type TestAppOptions } from '../support/app.ts';
import { queueCopies } from '../support/build-rows.ts';
import { type BuildFacts, finished, startBuild } from '../support/builds.ts';
import { defaultBuild } from '../support/fake-engine.ts';
import { gate, until } from '../support/until.ts';

const uidOf = ({ id }: { id: string }) => tryReadGlobalId(id)?.uid ?? '';

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

async function open(options: TestAppOptions): Promise<TestApp> {
  return opened.use(await createTestApp(options));
}

/** Workers of processes of their own, as far as the database can tell. */
async function openWorkers(
  first: TestApp,
  count: number,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { database, engine } = first;
  for (let n = 0; n < count; n += 1) await open({ database, engine, env });
}

/** Asks for a build of a namespace; its Dockerfile names the namespace, so that the engine knows whose it is. */
async function ask(slipway: TestApp, namespace: string, tag = '1'): Promise<BuildFacts> {
  const reference = `${slipway.engine.registry.host}/${namespace}/made:${tag}`;
  return await startBuild(slipway.admin, { dockerfile: `FROM ${namespace}\n`, reference });
}

/** What the engine builds from now on, in order; each build waits until it is let go. */
function heldBuilds({ engine }: TestApp) {
  const waiting: { readonly namespace: string; readonly letGo: () => void }[] = [];
  const started: string[] = [];
  let most = 0;
  engine.onBuild(async function* (request, { signal }) {
    const namespace = /^FROM (\S+)/.exec(request.dockerfile)?.[1] ?? '';
    const { opened: go, open: letGo } = gate();
    started.push(namespace);
    waiting.push({ namespace, letGo });
    most = Math.max(most, engine.running);
    signal.addEventListener('abort', letGo);
    await go;
    yield* defaultBuild(request);
  });
  return {
    started,
    mostAtOnce: () => most,
    letOneGo: () => waiting.shift()?.letGo(),
    letAllGo: () => {
      for (const { letGo } of waiting.splice(0)) letGo();
    },
  };
}

describe('a namespace that has 10,000 builds queued', () => {
  const TEN_THOUSAND = 9999;

  it("gets the slots that it may have, and another's first build starts at once in a free one", async () => {
    const slipway = await open({ worker: false });
    const builds = heldBuilds(slipway);
    await queueCopies(slipway.database, uidOf(await ask(slipway, 'busy')), TEN_THOUSAND);
    await openWorkers(slipway, 1, { SLIPWAY_BUILD_SLOTS: '4', SLIPWAY_NAMESPACE_SLOTS: '2' });
    await until('two builds to run', () => builds.started.length === 2);
    const other = await ask(slipway, 'other');
    await until("the other namespace's build to run", () => builds.started.includes('other'), 2000);
    expect(builds.started).toEqual(['busy', 'busy', 'other']);
    builds.letAllGo();
    expect(await finished(slipway.admin, other.id)).toMatchObject({ status: 'SUCCEEDED' });
    expect(builds.mostAtOnce()).toBeLessThanOrEqual(3);
  }, 60_000);

  it("gets every slot where there is no cap, and another's first build starts in the next one", async () => {
    const slipway = await open({ worker: false });
    const builds = heldBuilds(slipway);
    await queueCopies(slipway.database, uidOf(await ask(slipway, 'busy')), TEN_THOUSAND);
    await openWorkers(slipway, 1, { SLIPWAY_BUILD_SLOTS: '4' });
    await until('four builds to run', () => builds.started.length === 4);
    await ask(slipway, 'other');
    builds.letOneGo();
    await until('the next build to run', () => builds.started.length === 5);
    expect(builds.started.at(-1)).toBe('other');
  }, 60_000);
});

describe('builds that a namespace asks for at the same moment', () => {
  it('get a turn each, however many API processes are asked', async () => {
    const slipway = await open({ worker: false });
    const other = await open({ worker: false, database: slipway.database, engine: slipway.engine });
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => await ask(n % 2 === 0 ? slipway : other, 'a', `${n}`)),
    );
    const turns = await slipway.database.query<{ priority: number }>(
      "select distinct priority from pgboss.job where name = 'build'",
    );
    expect(turns).toHaveLength(20);
  });
});

describe("a namespace's cap", () => {
  it('holds over all workers, however many ask at the same moment, and leaves no slot empty', async () => {
    const slipway = await open({ worker: false });
    const held = heldBuilds(slipway);
    await openWorkers(slipway, 3, { SLIPWAY_BUILD_SLOTS: '4', SLIPWAY_NAMESPACE_SLOTS: '2' });
    const builds = await Promise.all(
      Array.from({ length: 16 }, async (_, n) => await ask(slipway, 'capped', `${n}`)),
    );
    for (let begun = 2; begun <= builds.length; begun += 2) {
      await until(`${begun} builds to have begun`, () => held.started.length === begun);
      held.letAllGo();
    }
    const ended = await Promise.all(builds.map(async ({ id }) => await finished(slipway.admin, id)));
    expect(ended.map(({ status, attempt }) => `${status} ${attempt}`)).toEqual(
      builds.map(() => 'SUCCEEDED 1'),
    );
    expect(held.mostAtOnce()).toBe(2);
  }, 60_000);
});

describe('the place in the queue', () => {
  const placeOf = async ({ admin }: TestApp, { id }: BuildFacts) =>
    (
      await admin.run<{ imageBuild: { queue: { position: number; size: number } | null } }>(
        'query ($id: ID!) { imageBuild(id: $id) { queue { position size } } }',
        { id },
      )
    ).imageBuild.queue;

  it('is the one in which workers take the builds: namespaces take turns', async () => {
    const slipway = await open({ worker: false });
    const builds = heldBuilds(slipway);
    const asked: [BuildFacts, string][] = [];
    for (const namespace of ['a', 'a', 'a', 'b', 'b', 'c']) {
      asked.push([await ask(slipway, namespace, `${asked.length}`), namespace]);
    }
    const places = await Promise.all(asked.map(async ([build]) => await placeOf(slipway, build)));
    expect(places.map((place) => place?.size)).toEqual([6, 6, 6, 6, 6, 6]);
    const byPlace = asked
      .map(([, namespace], n) => ({ namespace, position: places[n]?.position ?? 0 }))
      .sort((a, b) => a.position - b.position);
    expect(byPlace.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6]);
    await openWorkers(slipway, 1, { SLIPWAY_BUILD_SLOTS: '1' });
    for (let n = 1; n <= 6; n += 1) {
      await until(`build ${n} to run`, () => builds.started.length === n);
      builds.letOneGo();
    }
    expect(builds.started).toEqual(byPlace.map(({ namespace }) => namespace));
    expect(builds.started.join('')).toBe('abcaba');
  });

  it('is gone when a worker has the build', async () => {
    const slipway = await open({});
    const builds = heldBuilds(slipway);
    const build = await ask(slipway, 'a');
    await until('the build to run', () => builds.started.length === 1);
    expect(await placeOf(slipway, build)).toBeNull();
  });
});

describe('the time that builds wait', () => {
  it('is under half a second from the request to the start where a worker is free, for 95 of 100', async () => {
    const slipway = await open({});
    const waited: number[] = [];
    for (let n = 0; n < 60; n += 1) {
      const build = await ask(slipway, 'quick', `${n}`);
      await finished(slipway.admin, build.id);
      const [row] = await slipway.database.query<{ ms: number }>(
        'select extract(epoch from started_at - created_at)::float8 * 1000 as ms from image_build where id = $1',
        [uidOf(build)],
      );
      waited.push(row?.ms ?? Number.POSITIVE_INFINITY);
    }
    const p95 = waited.sort((a, b) => a - b)[Math.floor(waited.length * 0.95)];
    expect(p95).toBeLessThan(500);
  }, 60_000);

  it('is as short where a build follows a quick one in the same slot', async () => {
    const slipway = await open({ worker: false });
    await queueCopies(slipway.database, uidOf(await ask(slipway, 'quick')), 7);
    await openWorkers(slipway, 1, { SLIPWAY_BUILD_SLOTS: '1' });
    const begun = performance.now();
    await until('all builds to end', async () => {
      const [row] = await slipway.database.query<{ left: number }>(
        'select count(*)::int as left from image_build where finished_at is null',
      );
      return row?.left === 0;
    });
    // 8 builds, each followed by a pause of 2 s, would take 14 s.
    expect(performance.now() - begun).toBeLessThan(7000);
  });
});

describe('a worker that is stopped', () => {
  const stateOf = async ({ database }: TestApp, build: BuildFacts) =>
    (
      await database.query<{ status: string; attempt: number; failure: unknown }>(
        'select status, attempt, failure from image_build where id = $1',
        [uidOf(build)],
      )
    )[0];

  it('lets running builds end and takes no other', async () => {
    const slipway = await open({
      worker: false,
      env: { SLIPWAY_BUILD_SLOTS: '1', SLIPWAY_DRAIN_SECONDS: '30' },
    });
    const builds = heldBuilds(slipway);
    const worker = await startWorker(slipway.app);
    const running = await ask(slipway, 'a', '1');
    await until('the build to run', () => builds.started.length === 1);
    const waiting = await ask(slipway, 'a', '2');
    const stopped = worker?.stop();
    builds.letAllGo();
    await stopped;
    expect(await stateOf(slipway, running)).toMatchObject({ status: 'SUCCEEDED', attempt: 1 });
    expect(await stateOf(slipway, waiting)).toMatchObject({ status: 'QUEUED', attempt: 0 });
    expect(builds.started).toHaveLength(1);
  });

  it('gives builds that take longer than the drain time back, and another worker takes them', async () => {
    const slipway = await open({ worker: false });
    const builds = heldBuilds(slipway);
    const worker = await startWorker(slipway.app);
    const running = await ask(slipway, 'a');
    await until('the build to run', () => builds.started.length === 1);
    await worker?.stop();
    expect(await stateOf(slipway, running)).toMatchObject({ status: 'QUEUED', attempt: 1, failure: null });
    slipway.engine.onBuild(null);
    await openWorkers(slipway, 1, {});
    expect(await finished(slipway.admin, running.id)).toMatchObject({ status: 'SUCCEEDED', attempt: 2 });
  });

  it('gives a build that waits for the engine back at once, and does not begin it when the engine answers', async () => {
    const slipway = await open({ worker: false, env: { SLIPWAY_DRAIN_SECONDS: '600' } });
    slipway.engine.setAvailable(false);
    const worker = await startWorker(slipway.app);
    const build = await ask(slipway, 'a');
    await until('the worker to hold the job', async () => {
      const [job] = await slipway.database.query<{ state: string }>(
        "select state from pgboss.job where data->>'buildId' = $1",
        [uidOf(build)],
      );
      return job?.state === 'active';
    });
    const stopped = worker?.stop();
    slipway.engine.setAvailable(true);
    await stopped;
    expect(await stateOf(slipway, build)).toMatchObject({ status: 'QUEUED', attempt: 0 });
    expect(slipway.engine.builds).toHaveLength(0);
  });
});
