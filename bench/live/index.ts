import { setTimeout as sleep } from 'node:timers/promises';
import { describeCores, planCores } from '../shared/cores.ts';
import { openDatabase } from '../shared/database.ts';
import { type BenchOptions, isChosen, type Part, say } from '../shared/part.ts';
import { profile } from '../shared/profile.ts';
import { median, percentile } from '../shared/statistics.ts';
import { table } from '../shared/table.ts';
import { type Contestant, type Ours, SUBSCRIBERS, startOurs, startRaw } from './contestants.ts';
import { liveBytes } from './heap.ts';
import type { Print } from './log-producer.ts';
import { openStage } from './stage.ts';

const ROUNDS = 3;
const SECONDS = 5;
/** Lines a second, of all builds together. */
const RATES = [200, 20_000] as const;
/** The last batch is on its way then: lines wait 250 ms in the worker, and a hint 100. */
const LAST_BATCH_MS = 500;
const QUIET_SECONDS = 5;
/** With them, code is compiled and caches are made that serve all. */
const FIRST_SUBSCRIBERS = 100;

export const part: Part = {
  name: 'live',
  title: `${SUBSCRIBERS} who follow builds' logs, beside a bare WebSocket broadcast`,
  run,
};

/** One round of one server. */
interface Round {
  readonly linesPerSecond: number;
  readonly framesPerSecond: number;
  /** Of the oldest line of each message, from its storing to the client, in ms. */
  readonly p50: number;
  readonly p99: number;
  /** Processor time for one message, in µs. */
  readonly cpuPerFrame: number;
}

async function run(options: BenchOptions): Promise<string> {
  await using opened = new AsyncDisposableStack();
  const cores = planCores();
  const database = opened.use(await openDatabase({ data: options.data, cores: cores?.database }));
  const tokens = await openStage(database.adminUrl, SUBSCRIBERS);
  const [results, quiet, profiles]: [string[][], string[], string[]] = [[], [], []];
  for (const buildCount of [1, 100]) {
    const name = buildCount === 1 ? 'one build' : `${buildCount} builds`;
    if (!isChosen(options, name)) continue;
    await using servers = new AsyncDisposableStack();
    say(`${name}: connecting …`);
    const raw = await startRaw(servers, cores, buildCount);
    const ours = await startOurs(servers, options, { database, tokens, cores, buildCount });
    quiet.push(`${name}: ${await whileQuiet(ours)}`);
    for (const linesPerSecond of RATES) {
      const print = { linesPerSecond, seconds: options.seconds ?? SECONDS };
      const rounds = [raw, ours].map((): Round[] => []);
      for (let round = 0; round < (options.rounds ?? ROUNDS); round += 1) {
        for (const [index, server] of [raw, ours].entries())
          rounds[index]?.push(await measure(server, print));
      }
      const rows = [raw, ours].map((server, index) => rowOf(server, rounds[index] ?? [], rounds[0] ?? []));
      results.push(...rows.map((row) => [`${name}, ${linesPerSecond} lines/s: ${row[0]}`, ...row.slice(1)]));
      if (!options.profile) continue;
      const summary = await profile(ours.process, async () => await measure(ours, print));
      profiles.push(`**Where the time goes: ${name}, ${linesPerSecond} lines/s**\n\n${summary}`);
    }
  }
  const head = ['', 'lines/s', 'ratio', 'messages/s', 'p50, ms', 'p99, ms', 'CPU a message, µs'];
  return [
    table(head, results),
    `Nothing printed: ${quiet.join('; ')}.`,
    describeCores(cores),
    ...profiles,
  ].join('\n\n');
}

/** What subscribers cost while their builds print nothing. */
async function whileQuiet({ process, subscribe }: Ours): Promise<string> {
  await subscribe(0, FIRST_SUBSCRIBERS);
  const before = await liveBytes(process);
  await subscribe(FIRST_SUBSCRIBERS, SUBSCRIBERS);
  const bytes = ((await liveBytes(process)) - before) / (SUBSCRIBERS - FIRST_SUBSCRIBERS);
  const cpuBefore = process.cpuSeconds();
  await sleep(QUIET_SECONDS * 1000);
  const cpu = (process.cpuSeconds() - cpuBefore) / QUIET_SECONDS;
  const resident = process.memory().now / 1e6;
  return `${(bytes / 1024).toFixed(1)} KiB a subscriber, ${(cpu * 100).toFixed(1)} % of a core, ${resident.toFixed(0)} MB resident in all`;
}

async function measure({ producer, subscribers, cpuSeconds }: Contestant, print: Print): Promise<Round> {
  const cpuBefore = cpuSeconds();
  const startedAt = performance.now();
  producer.tell(print);
  const reports = await subscribers.count(async () => await sleep(print.seconds * 1000));
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = cpuSeconds() - cpuBefore;
  const delays = delaysOf(
    (await producer.answer()) as number[],
    reports.flatMap(({ arrived }) => arrived),
  );
  await caughtUp(subscribers);
  const sum = (what: 'lines' | 'frames') => reports.reduce((all, report) => all + report[what], 0);
  return {
    linesPerSecond: sum('lines') / seconds,
    framesPerSecond: sum('frames') / seconds,
    p50: percentile(delays, 0.5),
    p99: percentile(delays, 0.99),
    cpuPerFrame: (cpu * 1e6) / sum('frames'),
  };
}

/** Waits until nothing comes any more, so that the next round begins with nothing. */
async function caughtUp(subscribers: Contestant['subscribers']): Promise<void> {
  for (;;) {
    const reports = await subscribers.count(async () => await sleep(LAST_BATCH_MS));
    if (reports.every(({ frames }) => frames === 0)) return;
  }
}

/**
 * How long each message's oldest line took, in ms.
 *
 * @param stored three numbers for each batch: the build's index, its last line's number, and when it was stored
 * @param arrived three numbers for each message: the build's index, its first line's number, and when it came
 */
function delaysOf(stored: readonly number[], arrived: readonly number[]): number[] {
  const batches = new Map<number, { readonly lastSeq: number; readonly at: number }[]>();
  for (let i = 0; i < stored.length; i += 3) {
    const [build = 0, lastSeq = 0, at = 0] = stored.slice(i, i + 3);
    const known = batches.get(build) ?? [];
    batches.set(build, known);
    known.push({ lastSeq, at });
  }
  const delays: number[] = [];
  for (let i = 0; i < arrived.length; i += 3) {
    const [build = 0, firstSeq = 0, at = 0] = arrived.slice(i, i + 3);
    const batch = batches.get(build)?.find(({ lastSeq }) => lastSeq >= firstSeq);
    if (batch !== undefined) delays.push(at - batch.at);
  }
  return delays;
}

function rowOf({ name }: Contestant, rounds: readonly Round[], raw: readonly Round[]): string[] {
  const of = (value: (round: Round) => number, of = rounds) => median(of.map(value));
  const lines = of((round) => round.linesPerSecond);
  return [
    name,
    lines.toFixed(0),
    (lines / of((round) => round.linesPerSecond, raw)).toFixed(2),
    of((round) => round.framesPerSecond).toFixed(0),
    of((round) => round.p50).toFixed(0),
    of((round) => round.p99).toFixed(0),
    of((round) => round.cpuPerFrame).toFixed(1),
  ];
}
