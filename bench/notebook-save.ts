import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type Docker from 'dockerode';
import { followSave } from '../test/support/followed-save.ts';
import { openParts, type Parts } from './notebook-save-parts.ts';

const HELP = `Measures how long it takes to save a notebook, beside docker commit and docker push of the same container by hand.

  --rounds <n>   how often each case is measured (3)
  --only <text>  only cases whose name has this text
  --podman       with Podman as the engine, instead of Docker
  --help         this text

save      from sending the mutation until the client hears that the image is ACTIVE, and how much of that the mutation took
by hand   commit, paused, then push, over the engine's API
paused    how long the notebook stood still, by the build's pausedMs; beside the commit by hand, which pauses as long as it runs
worker    the most memory that the worker process has taken

Medians. Each round writes a new byte first: an engine that has seen a layer neither compresses nor pushes it again. Both in turns,
on an engine and a registry of their own on this machine; the ratios can be compared between machines, where nothing else runs.
Slipway's processes run from dist/: npm run build first.
`;

interface Case {
  readonly name: string;
  readonly write: string;
}

const large = (name: string, files: number, mebibytes: number): Case => ({
  name,
  write: `i=0; while [ $i -lt ${files} ]; do dd if=/dev/urandom of=$i.bin bs=1048576 count=${mebibytes}; i=$((i+1)); done`,
});
const CASES: readonly Case[] = [
  large('10 MiB, 2 files', 2, 5),
  large('200 MiB, 8 files', 8, 25),
  large('1 GiB, 8 files', 8, 128),
  {
    name: '20,000 files of 2 KiB',
    write:
      'mkdir files; i=0; while [ $i -lt 20000 ]; do head -c 2048 /dev/urandom > files/$i; i=$((i+1)); done',
  },
];

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    podman: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) process.stdout.write(HELP);
else await measure(Number(options.rounds));

interface Round {
  readonly askedMs: number;
  readonly savedMs: number;
  readonly pausedMs: number;
  readonly committedMs: number;
  readonly byHandMs: number;
  readonly workerBytes: number;
}

async function measure(rounds: number): Promise<void> {
  await using parts = await openParts(options.podman);
  await pull(parts.docker, parts.baseImage);
  const version = await parts.docker.version();
  process.stdout.write(`${options.podman ? 'Podman' : 'Docker'} ${version.Version}, ${rounds} rounds\n\n`);
  const chosen = CASES.filter(({ name }) => name.includes(options.only));
  // One for all that is loaded and compiled at first.
  await roundsOf({ name: 'warm', write: ':' }, parts, 1);
  const rows = [];
  for (const one of chosen) rows.push(rowOf(one, await roundsOf(one, parts, rounds)));
  print([
    [
      'written',
      'save s',
      'of it asking',
      'by hand s',
      'ratio',
      'paused ms',
      'commit ms',
      'ratio',
      'worker MiB',
    ],
    ...rows,
  ]);
}

async function roundsOf(one: Case, parts: Parts, count: number): Promise<Round[]> {
  const uid = randomUUID();
  const container = await startNotebook(parts, uid);
  try {
    await run(container, one.write);
    const rounds: Round[] = [];
    for (let round = 0; round < count; round += 1) {
      const bySlipway = await saveBySlipway(parts, container, uid);
      rounds.push({ ...bySlipway, ...(await saveByHand(parts, container)) });
    }
    return rounds;
  } finally {
    await container.remove({ force: true });
  }
}

async function saveBySlipway({ client, takeWorkerPeak }: Parts, container: Docker.Container, uid: string) {
  await run(container, `echo ${randomUUID()} > /round`);
  takeWorkerPeak();
  const started = performance.now();
  const save = await followSave(client, {
    notebookId: Buffer.from(`Notebook:${uid}`).toString('base64url'),
    name: `bench-${uid}`,
    overwriteTag: true,
  });
  if (save.image.status !== 'ACTIVE') throw new Error(JSON.stringify(save.states.at(-1)));
  return {
    askedMs: save.askedMs,
    savedMs: performance.now() - started,
    pausedMs: save.states.at(-1)?.notebook.pausedMs ?? 0,
    workerBytes: takeWorkerPeak(),
  };
}

async function saveByHand({ docker, registryHost }: Parts, container: Docker.Container) {
  await run(container, `echo ${randomUUID()} > /round`);
  const repo = `${registryHost}/by-hand/${container.id}`;
  const started = performance.now();
  await container.commit({ repo, tag: 'latest', pause: true });
  const committed = performance.now();
  const image = docker.getImage(`${repo}:latest`);
  await followed(docker, await image.push({ authconfig: {} }));
  const pushed = performance.now();
  await image.remove({ force: true });
  return { committedMs: committed - started, byHandMs: pushed - started };
}

async function startNotebook({ docker, baseImage }: Parts, uid: string): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: baseImage,
    Cmd: ['sleep', '100000'],
    WorkingDir: '/work',
    Labels: { 'slipway.notebook': uid, 'slipway.workspace': 'default', 'slipway.owner': 'admin' },
  });
  await container.start();
  return container;
}

async function run(container: Docker.Container, command: string): Promise<void> {
  const exec = await container.exec({ Cmd: ['sh', '-ec', command], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({});
  stream.resume();
  await once(stream, 'end');
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) throw new Error(`${command} ended with ${ExitCode}`);
}

async function pull(docker: Docker, image: string): Promise<void> {
  await followed(docker, await docker.pull(image));
}

async function followed(docker: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
}

function rowOf({ name }: Case, rounds: readonly Round[]): string[] {
  const median = (value: (round: Round) => number) =>
    rounds.map(value).toSorted((a, b) => a - b)[Math.floor((rounds.length - 1) / 2)] as number;
  const ratio = (a: (round: Round) => number, b: (round: Round) => number) =>
    median((round) => a(round) / b(round)).toFixed(2);
  const seconds = (value: (round: Round) => number) => (median(value) / 1000).toFixed(2);
  return [
    name,
    seconds(({ savedMs }) => savedMs),
    seconds(({ askedMs }) => askedMs),
    seconds(({ byHandMs }) => byHandMs),
    ratio(
      ({ savedMs }) => savedMs,
      ({ byHandMs }) => byHandMs,
    ),
    median(({ pausedMs }) => pausedMs).toFixed(0),
    median(({ committedMs }) => committedMs).toFixed(0),
    ratio(
      ({ pausedMs }) => pausedMs,
      ({ committedMs }) => committedMs,
    ),
    (Math.max(...rounds.map(({ workerBytes }) => workerBytes)) / 2 ** 20).toFixed(0),
  ];
}

function print(lines: readonly (readonly string[])[]): void {
  const width = (column: number) => Math.max(...lines.map((line) => (line[column] as string).length));
  for (const line of lines) {
    const cells = line.map((cell, column) =>
      column === 0 ? cell.padEnd(width(column)) : cell.padStart(width(column)),
    );
    process.stdout.write(`${cells.join('  ')}\n`);
  }
}
