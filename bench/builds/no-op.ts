import { join } from 'node:path';
import { startProcess } from '../shared/process.ts';
import { table } from '../shared/table.ts';
import { claimsOf, queueBuilds, type Run, runsOf } from './queued.ts';
import type { Stage } from './stage.ts';

const SLOTS = [2, 8];
const PROGRAM = join(import.meta.dirname, 'no-op-worker-program.ts');
/** The share of the builds in which a worker that has just started gets warm. */
const WARMING = 1 / 3;

/**
 * Builds that wait already, and of which one worker takes as many a second as it can: building them whole, and only claiming them. Its
 * engine and its registry are those of the tests, in memory: a real engine needs more for the emptiest build.
 */
export async function measureNoOp(stage: Stage, builds: number, dist: string, profile: string | null) {
  const rows = SLOTS.map((slots) => ({ slots, cells: [String(slots), String(builds)] }));
  for (const { slots, cells } of rows) {
    const whole = await measure(stage, builds, { slots, dist, profile, work: 'build' });
    cells.push(whole.perSecond.toFixed(0), whole.warmPerSecond.toFixed(0), whole.cpuMs.toFixed(1));
  }
  // Last, since builds that are only claimed stay RUNNING in that database.
  for (const { slots, cells } of rows) {
    const claims = await measure(stage, builds, { slots, dist, profile, work: 'claim' });
    cells.push(claims.perSecond.toFixed(0));
  }
  const head = ['slots', 'no-op builds', 'built/s', 'built/s, warm', "worker's CPU ms a build", 'claimed/s'];
  return table(
    head,
    rows.map(({ cells }) => cells),
  );
}

/** What one worker did: its rates from its first build's start on, its CPU time from when it said that it works. */
async function measure(
  stage: Stage,
  builds: number,
  options: {
    readonly slots: number;
    readonly dist: string;
    readonly profile: string | null;
    readonly work: 'claim' | 'build';
  },
): Promise<{ readonly perSecond: number; readonly warmPerSecond: number; readonly cpuMs: number }> {
  const { slots, dist, profile, work } = options;
  const mark = await queueBuilds(stage, builds, 'true');
  const profiled = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const command = [
    process.execPath,
    ...profiled,
    '--import',
    import.meta.resolve('tsx'),
    PROGRAM,
    dist,
    work,
  ];
  await using worker = await startProcess(command, {
    env: {
      DATABASE_URL: stage.database.url,
      SLIPWAY_REGISTRY: stage.registryHost,
      SLIPWAY_BUILD_SLOTS: String(slots),
    },
    until: /works/,
  });
  const startCpu = worker.cpuSeconds();
  const runs = await (work === 'claim' ? claimsOf : runsOf)(stage, mark);
  const cpuMs = (1000 * (worker.cpuSeconds() - startCpu)) / builds;
  const warm = runs.slice(Math.floor(builds * WARMING));
  return { perSecond: rateOf(runs), warmPerSecond: rateOf(warm), cpuMs };
}

/** How many a second, of builds in the order of their starts. */
function rateOf(runs: readonly Run[]): number {
  const [first] = runs;
  if (first === undefined) return 0;
  const end = Math.max(...runs.map(({ finishedAt }) => finishedAt));
  return (1000 * runs.length) / (end - first.startedAt);
}
