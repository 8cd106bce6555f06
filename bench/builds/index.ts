import { join } from 'node:path';
import { type BenchOptions, isChosen, type Part, say } from '../shared/part.ts';
import { measureFirstLine } from './first-line.ts';
import { measureLongLog } from './long-log.ts';
import { measureNoOp } from './no-op.ts';
import { measureOverhead } from './overhead.ts';
import { measureSlots } from './slots.ts';
import { openStage } from './stage.ts';

/** The cases, by the names that `--only` takes. `--rounds` is how often a build is measured. */
const CASES = ['first-line', 'overhead', 'long-log', 'no-op', 'slots'] as const;
const NO_OP_BUILDS = 300;

export const part: Part = {
  name: 'builds',
  title: `builds on a real engine beside its API alone (${CASES.join(', ')})`,
  run: async (options) => {
    const sections: string[] = [];
    for (const name of CASES.filter((one) => isChosen(options, one))) {
      say(`${name} …`);
      const section = await measure(name, options);
      say(section);
      sections.push(section);
    }
    return sections.join('\n\n');
  },
};

async function measure(name: (typeof CASES)[number], options: BenchOptions): Promise<string> {
  const { dist, rounds } = options;
  const profile = options.profile ? join(process.cwd(), 'profiles', name) : null;
  // A step's end waits for the engine's disk, by half a second more or less: the rest could not be seen behind that.
  await using stage = await openStage(dist, { engineInMemory: name === 'overhead' });
  if (name === 'slots') return await measureSlots(stage);
  if (name === 'no-op') return await measureNoOp(stage, NO_OP_BUILDS, dist, profile);
  await using worker = await stage.work({}, profile);
  if (name === 'first-line') return await measureFirstLine(stage, rounds ?? 40);
  if (name === 'overhead') return await measureOverhead(stage, rounds ?? 5);
  return await measureLongLog(stage, worker, rounds ?? 3);
}
