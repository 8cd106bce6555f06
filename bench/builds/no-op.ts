import { join } from 'node:path';
import { startProcess } from '../shared/process.ts';
import { table } from '../shared/table.ts';
import { queueBuilds, runsOf } from './queued.ts';
import type { Stage } from './stage.ts';

const SLOTS = [2, 8];
const PROGRAM = join(import.meta.dirname, 'no-op-worker-program.ts');

/**
 * Builds that wait already, and of which one worker takes as many a second as it can: from the first one's start to the last one's
 * end. Its engine and its registry are those of the tests, in memory: a real engine needs more for the emptiest build.
 */
export async function measureNoOp(stage: Stage, builds: number, dist: string, profile: string | null) {
  const rows = [];
  for (const slots of SLOTS) {
    const mark = await queueBuilds(stage, builds, 'true');
    const options = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    const command = [process.execPath, ...options, '--import', import.meta.resolve('tsx'), PROGRAM, dist];
    await using worker = await startProcess(command, {
      env: {
        DATABASE_URL: stage.database.url,
        SLIPWAY_REGISTRY: stage.registryHost,
        SLIPWAY_BUILD_SLOTS: String(slots),
      },
      until: /works/,
    });
    const runs = await runsOf(stage, mark);
    const from = Math.min(...runs.map(({ startedAt }) => startedAt));
    const seconds = (Math.max(...runs.map(({ finishedAt }) => finishedAt)) - from) / 1000;
    const cpu = (1000 * worker.cpuSeconds()) / builds;
    rows.push([String(slots), String(builds), (builds / seconds).toFixed(0), cpu.toFixed(1)]);
  }
  return table(
    ['slots', 'no-op builds', 'builds/s of one worker', 'its CPU ms a build, start included'],
    rows,
  );
}
