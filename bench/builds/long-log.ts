import { randomUUID } from 'node:crypto';
import { finished, startBuild } from '../../test/support/builds.ts';
import type { SlipwayProcess } from '../shared/slipway.ts';
import { median } from '../shared/statistics.ts';
import { table } from '../shared/table.ts';
import { dockerfileOf } from './one-build.ts';
import type { Stage } from './stage.ts';

const LINES = 2_000_000;
/** 100 bytes a line with its newline, none like another. */
const PRINT = `echo first; awk 'BEGIN { for (i = 0; i < ${LINES}; i++) printf "%099d\\n", i }'`;
const MEGABYTES = (LINES * 100) / 1e6;

/** A log of 200 MB, from the mutation until the build has ended, beside the engine alone whose answer is thrown away. */
export async function measureLongLog(stage: Stage, worker: SlipwayProcess, rounds: number): Promise<string> {
  const through: number[] = [];
  const alone: number[] = [];
  const cpu: number[] = [];
  const dockerfile = dockerfileOf(stage.baseImage, 'classic', [PRINT]);
  for (let round = 0; round < rounds; round += 1) {
    const cpuBefore = worker.cpuSeconds();
    const begun = performance.now();
    const wish = { name: `long-${randomUUID()}`, dockerfile, noCache: true };
    const { status, logLineCount } = await finished(stage.client, (await startBuild(stage.client, wish)).id);
    through.push((performance.now() - begun) / 1000);
    cpu.push(worker.cpuSeconds() - cpuBefore);
    if (status !== 'SUCCEEDED' || logLineCount < LINES) throw new Error(`${status}, ${logLineCount} lines`);
    alone.push((await stage.engine.build(dockerfile, 'classic', 'first')).totalMs / 1000);
  }
  const seconds = (value: number) => value.toFixed(1);
  const head = ['log', 'Slipway s', 'engine alone s', 'ratio', 'worker, CPU s', 'worker at the most'];
  return table(head, [
    [
      `${MEGABYTES} MB, ${LINES} lines`,
      seconds(median(through)),
      seconds(median(alone)),
      (median(through) / median(alone)).toFixed(2),
      seconds(median(cpu)),
      `${Math.round(worker.memory().peak / 1e6)} MB`,
    ],
  ]);
}
