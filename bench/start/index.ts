import { chmodSync } from 'node:fs';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../shared/database.ts';
import { type BenchOptions, isChosen, type Part, say } from '../shared/part.ts';
import { type MeasuredProcess, startProcess } from '../shared/process.ts';
import { ask, startSlipway } from '../shared/slipway.ts';
import { median } from '../shared/statistics.ts';
import { table } from '../shared/table.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const WARM_STARTS = 5;
/** Set-up stamps them, and a fresh clone has none of them. */
const NOT_CLONED = new Set(['node_modules', 'dist', '.slipway', '.git', '.env']);
/** How long nobody asks for anything before memory is looked at. */
const CALM_MS = 60_000;
const BURST = { requests: 20_000, atOnce: 16 } as const;

export const part: Part = { name: 'start', title: 'from npm start to ready, and memory while idle', run };

async function run(options: BenchOptions): Promise<string> {
  const sections: string[] = [];
  if (isChosen(options, 'starts')) sections.push(await starts(options.rounds ?? WARM_STARTS));
  if (isChosen(options, 'memory')) sections.push(await memory(options.dist));
  return sections.join('\n\n');
}

/** A clone without data, then the same folder again and again. */
async function starts(rounds: number): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  chmodSync(home, 0o711); // As root, PostgreSQL's own user passes through it.
  try {
    const clone = join(home, 'slipway');
    await cp(PROJECT, clone, {
      recursive: true,
      filter: (path) =>
        !relative(PROJECT, path)
          .split('/')
          .some((name) => NOT_CLONED.has(name)),
    });
    // What installing leaves.
    await symlink(join(PROJECT, 'node_modules'), join(clone, 'node_modules'));
    const data = join(home, 'data');
    const cold = await timedStart(clone, data);
    say(`cold: ${cold.seconds.toFixed(1)} s`);
    const warm: Start[] = [];
    while (warm.length < rounds) warm.push(await timedStart(clone, data));
    const seconds = warm.map((start) => start.seconds);
    say(`warm: ${seconds.map((one) => one.toFixed(1)).join(', ')} s`);
    const rows = [
      ['a fresh clone, without what installing takes', cold.seconds.toFixed(1), '1'],
      ['again', median(seconds).toFixed(1), `${rounds}`],
    ];
    return `From \`npm start\` to ready; ${cold.engine}.

${table(['start', 'seconds', 'starts'], rows)}`;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

interface Start {
  readonly seconds: number;
  /** What it said about the engine. */
  readonly engine: string;
}

async function timedStart(folder: string, data: string): Promise<Start> {
  const startedAt = performance.now();
  await using started = await startNpm(folder, data);
  const seconds = (performance.now() - startedAt) / 1000;
  const engine = /Container engine: (a private \w+|none)?/.exec(started.output())?.[1];
  return { seconds, engine: engine === undefined ? 'the engine was there' : `its engine is ${engine}` };
}

async function startNpm(folder: string, data: string): Promise<MeasuredProcess> {
  return await startProcess(['npm', '--prefix', folder, 'start'], {
    env: { PORT: '0', SLIPWAY_DATA_DIR: data, SLIPWAY_INSTALL: 'no' },
    until: /Slipway is ready: (\S+)/,
  });
}

async function memory(dist: string): Promise<string> {
  await using database = await openDatabase({ data: null });
  await using server = await startSlipway({ role: 'serve', dist, databaseUrl: database.url });
  const megabytes = () => (server.memory().now / 1e6).toFixed(0);
  await sleep(CALM_MS);
  const rows = [['a minute after the start', megabytes()]];
  const QUERY =
    '{ viewer { user { id name } } namespaces { nodes { id name } } images { nodes { id name } } }';
  const askOften = async () => {
    for (let asked = 0; asked < BURST.requests / BURST.atOnce; asked += 1) await ask(server.url, QUERY);
  };
  await Promise.all(Array.from({ length: BURST.atOnce }, askOften));
  rows.push([`right after ${BURST.requests} requests, ${BURST.atOnce} at once`, megabytes()]);
  await sleep(CALM_MS);
  rows.push(['a minute after them', megabytes()]);
  // V8 gives back what it does not need when it has collected nothing for 100 s.
  await sleep(CALM_MS);
  rows.push(['two minutes after them', megabytes()]);
  return `Resident memory of an API process (\`npm start -- serve\`), in MB; ${basename(process.execPath)} itself, without a program, takes
${await emptyNode()}, of which most is the program's own file.

${table(['moment', 'MB'], rows)}`;
}

/** What Node takes before it does anything, in MB. */
async function emptyNode(): Promise<string> {
  const program = "console.log('up'); setInterval(() => {}, 1000)";
  await using empty = await startProcess([process.execPath, '-e', program], { until: /up/ });
  return (empty.memory().now / 1e6).toFixed(0);
}
