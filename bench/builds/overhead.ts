import { median } from '../shared/statistics.ts';
import { table } from '../shared/table.ts';
import { BUILDERS, type Builder, dockerfileOf, timeBuild } from './one-build.ts';
import type { Stage } from './stage.ts';

/** Five steps of two seconds, each of which prints ten lines a second. */
const STEPS = [1, 2, 3, 4, 5].map(
  (step) =>
    `echo first; i=0; while [ $i -lt 20 ]; do echo "step ${step}, line $i"; usleep 100000; i=$((i+1)); done`,
);

/**
 * A build of ten seconds through Slipway, from the mutation to the end of its log, beside the same on the engine's API alone, one after
 * the other: an engine's own time differs by more from round to round than what is looked for.
 */
export async function measureOverhead(stage: Stage, rounds: number): Promise<string> {
  const rows = [];
  for (const builder of BUILDERS) rows.push(await measure(stage, builder, rounds));
  return table(['build of 10 s', 'Slipway ms', 'of it push', 'engine alone ms', 'longer, push apart'], rows);
}

async function measure(stage: Stage, builder: Builder, rounds: number): Promise<string[]> {
  const through: number[] = [];
  const pushes: number[] = [];
  const alone: number[] = [];
  const dockerfile = dockerfileOf(stage.baseImage, builder, STEPS);
  // Warm, with a short one: processes that have just started take longer for everything.
  const short = dockerfileOf(stage.baseImage, builder, ['echo first']);
  await timeBuild(stage, short);
  await stage.engine.build(short, builder, 'first');
  for (let round = 0; round < rounds; round += 1) {
    const times = await timeBuild(stage, dockerfile);
    through.push(times.endedMs);
    pushes.push(times.pushMs);
    alone.push((await stage.engine.build(dockerfile, builder, 'first')).totalMs);
  }
  const longer = through.map((ms, round) => ms - (pushes[round] ?? 0) - (alone[round] ?? 0));
  const share = (100 * median(longer)) / median(alone);
  const ms = (value: number) => value.toFixed(0);
  return [
    builder,
    ms(median(through)),
    ms(median(pushes)),
    ms(median(alone)),
    `${ms(median(longer))} ms, ${share.toFixed(1)} %`,
  ];
}
