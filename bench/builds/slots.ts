import { table } from '../shared/table.ts';
import { queueBuilds, runsOf } from './queued.ts';
import type { Stage } from './stage.ts';

const SLOTS = 4;
const BUILDS = 40;

/** How much of their time slots have a build, from the first build's start to the last one's: as long as the queue is not empty. */
export async function measureSlots(stage: Stage): Promise<string> {
  const mark = await queueBuilds(stage, BUILDS, 'sleep 2');
  await using _worker = await stage.work({ SLIPWAY_BUILD_SLOTS: String(SLOTS) }, null);
  const runs = await runsOf(stage, mark);
  const from = Math.min(...runs.map(({ startedAt }) => startedAt));
  const to = Math.max(...runs.map(({ startedAt }) => startedAt));
  const busy = runs.reduce((sum, run) => sum + Math.min(run.finishedAt, to) - run.startedAt, 0);
  const all = SLOTS * (to - from);
  const mean = runs.reduce((sum, run) => sum + run.finishedAt - run.startedAt, 0) / runs.length;
  return table(
    ['slots', 'builds of 2 s', 'mean build s', 'slots without a build, while some wait'],
    [
      [
        String(SLOTS),
        String(BUILDS),
        (mean / 1000).toFixed(2),
        `${((100 * (all - busy)) / all).toFixed(1)} %`,
      ],
    ],
  );
}
