import { median, percentile } from '../shared/statistics.ts';
import { table } from '../shared/table.ts';
import { BUILDERS, type Builder, type BuildTimes, dockerfileOf, timeBuild } from './one-build.ts';
import type { Stage } from './stage.ts';

/** From the mutation to the log's first line at a subscriber, and to a step's, beside the engine's own time until it tells of that. */
export async function measureFirstLine(stage: Stage, builds: number): Promise<string> {
  const rows = [];
  for (const builder of BUILDERS) rows.push(await measure(stage, builder, builds));
  const head = ['p50 / p95, ms', 'mutation answered', 'first line', 'first line of a step', 'engine alone'];
  return table(head, rows);
}

async function measure(stage: Stage, builder: Builder, builds: number): Promise<string[]> {
  const through: BuildTimes[] = [];
  const alone: number[] = [];
  const dockerfile = dockerfileOf(stage.baseImage, builder, ['echo first']);
  for (let i = -1; i < builds; i += 1) {
    const times = await timeBuild(stage, dockerfile);
    const engine = await stage.engine.build(dockerfile, builder, 'first');
    if (i < 0) continue; // Warm.
    through.push(times);
    alone.push(engine.firstMs);
  }
  const both = (values: readonly number[]) =>
    `${median(values).toFixed(0)} / ${percentile(values, 0.95).toFixed(0)}`;
  return [
    builder,
    both(through.map(({ answeredMs }) => answeredMs)),
    both(through.map(({ heardMs }) => heardMs)),
    both(through.map(({ firstMs }) => firstMs)),
    both(alone),
  ];
}
