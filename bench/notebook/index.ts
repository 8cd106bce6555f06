import { type BenchOptions, isChosen, type Part, say } from '../shared/part.ts';
import { median } from '../shared/statistics.ts';
import { table } from '../shared/table.ts';
import { openParts } from './notebook-parts.ts';
import { pull, type Round, saveInTurns } from './saves.ts';

const ROUNDS = 3;

interface Case {
  readonly name: string;
  readonly title: string;
  /** What is run in the notebook. */
  readonly write: string;
}

const large = (name: string, title: string, files: number, mebibytes: number): Case => ({
  name,
  title,
  write: `i=0; while [ $i -lt ${files} ]; do dd if=/dev/urandom of=$i.bin bs=1048576 count=${mebibytes}; i=$((i+1)); done`,
});
const CASES: readonly Case[] = [
  large('10mib', '10 MiB, 2 files', 2, 5),
  large('200mib', '200 MiB, 8 files', 8, 25),
  large('1gib', '1 GiB, 8 files', 8, 128),
  {
    name: 'files',
    title: '20,000 files of 2 KiB',
    write:
      'mkdir files; i=0; while [ $i -lt 20000 ]; do head -c 2048 /dev/urandom > files/$i; i=$((i+1)); done',
  },
];

export const part: Part = {
  name: 'notebook',
  title: "saving a notebook, beside the engine's own commit and push",
  run,
};

async function run(options: BenchOptions): Promise<string> {
  await using parts = await openParts(options);
  await pull(parts.docker, parts.baseImage);
  // One for all that is loaded and compiled at first.
  await saveInTurns(':', parts, 1);
  const rows: string[][] = [];
  for (const one of CASES.filter(({ name }) => isChosen(options, name))) {
    say(one.title);
    rows.push(rowOf(one, await saveInTurns(one.write, parts, options.rounds ?? ROUNDS)));
  }
  const { Version } = await parts.docker.version();
  return `${table(HEAD, rows)}\n\n${options.podman ? 'Podman' : 'Docker'} ${Version}.`;
}

const HEAD = [
  'written',
  'save s',
  'of it asking',
  'by hand s',
  'of by hand',
  'paused ms',
  'commit ms',
  'of commit',
  'worker MiB',
];

function rowOf({ title }: Case, rounds: readonly Round[]): string[] {
  const middle = (value: (round: Round) => number) => median(rounds.map(value));
  const ratio = (a: (round: Round) => number, b: (round: Round) => number) =>
    middle((round) => a(round) / b(round)).toFixed(2);
  const seconds = (value: (round: Round) => number) => (middle(value) / 1000).toFixed(2);
  return [
    title,
    seconds(({ savedMs }) => savedMs),
    seconds(({ askedMs }) => askedMs),
    seconds(({ byHandMs }) => byHandMs),
    ratio(
      ({ savedMs }) => savedMs,
      ({ byHandMs }) => byHandMs,
    ),
    middle(({ pausedMs }) => pausedMs).toFixed(0),
    middle(({ committedMs }) => committedMs).toFixed(0),
    ratio(
      ({ pausedMs }) => pausedMs,
      ({ committedMs }) => committedMs,
    ),
    (Math.max(...rounds.map(({ workerBytes }) => workerBytes)) / 2 ** 20).toFixed(0),
  ];
}
