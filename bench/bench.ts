import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { endOnInterrupt } from './shared/interrupt.ts';
import { type BenchOptions, type Part, say } from './shared/part.ts';
import { writeSection } from './shared/report.ts';

/** In the order in which they run; each is a folder. */
const PARTS = ['reads', 'growth', 'live', 'builds', 'start', 'notebook'] as const;

const HELP = `Measures Slipway, and writes the tables into docs/performance.md.

  npm run bench [-- PART… OPTIONS]

Without a part all of them, one after another: PARTS.

  --rounds <n>     how often each case is measured
  --seconds <n>    how long one measurement takes
  --images <n>     how many images the seeded catalogue has
  --only <a,b>     only these cases
  --data <folder>  keep PostgreSQL's data there, and take what an earlier run has seeded
  --dist <folder>  another build of the server than dist
  --profile        reads: once more with the server's CPU profiler on, to tell where its time goes
  --podman         notebook: with Podman as the engine, instead of Docker
  --dry            print the tables, and leave docs/performance.md as it is
  --help           this text

With --only or --profile, too, docs/performance.md stays as it is. Measure where nothing else runs; only ratios of one run count.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    images: { type: 'string' },
    only: { type: 'string', default: '' },
    data: { type: 'string' },
    dist: { type: 'string', default: resolve(import.meta.dirname, '../dist') },
    profile: { type: 'boolean', default: false },
    podman: { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(HELP.replace('PARTS', PARTS.join(', ')));
else await main();

async function main(): Promise<void> {
  const number = (text: string | undefined) => (text === undefined ? null : Number(text));
  const options: BenchOptions = {
    rounds: number(values.rounds),
    seconds: number(values.seconds),
    images: number(values.images),
    only: values.only.split(',').filter((name) => name !== ''),
    data: values.data === undefined ? null : resolve(values.data),
    dist: resolve(values.dist),
    profile: values.profile,
    podman: values.podman,
  };
  const unknown = positionals.filter((name) => !PARTS.some((part) => part === name));
  if (unknown.length > 0) throw new Error(`There is no part ${unknown.join(', ')}: ${PARTS.join(', ')}`);
  const wanted = PARTS.filter((name) => positionals.length === 0 || positionals.includes(name));
  endOnInterrupt();
  const isPartial = values.dry || options.only.length > 0 || options.profile;
  for (const name of wanted) {
    const { part } = (await import(resolve(import.meta.dirname, name, 'index.ts'))) as { part: Part };
    say(`== ${part.name}: ${part.title}`);
    const startedAt = performance.now();
    const markdown = await part.run(options);
    say(`\n${markdown}\n`);
    if (!isPartial) writeSection(part.name, markdown, (performance.now() - startedAt) / 1000);
  }
}
