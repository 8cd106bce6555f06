import { randomUUID } from 'node:crypto';
import { toGlobalId } from '../../src/shared/global-id.ts';
import type { Cores } from '../shared/cores.ts';
import type { BenchDatabase } from '../shared/database.ts';
import type { BenchOptions } from '../shared/part.ts';
import { cpuSecondsOf } from '../shared/process.ts';
import { PROFILED } from '../shared/profile.ts';
import { type SlipwayProcess, startSlipway } from '../shared/slipway.ts';
import type { Target } from './log-producer.ts';
import { type Program, startProgram } from './program.ts';
import { insertBuilds } from './stage.ts';
import { Subscribers, type Viewer } from './subscribers.ts';

/** How many follow. */
export const SUBSCRIBERS = 1000;

/** A server whose subscribers have all had their first event. */
export interface Contestant {
  readonly name: string;
  /** Prints into the builds. */
  readonly producer: Program;
  readonly subscribers: Subscribers;
  /** Processor time that the server has taken, in seconds. */
  cpuSeconds(): number;
}

export interface Ours extends Contestant {
  readonly process: SlipwayProcess;
  /** Takes in the subscribers from one number to another. */
  subscribe(from: number, to: number): Promise<void>;
}

const viewersOf = (tokens: readonly string[], ids: readonly string[]): Viewer[] =>
  tokens.map((token, index) => {
    const buildIndex = index % ids.length;
    return { token, build: ids[buildIndex] as string, buildIndex };
  });

/** On the load's core and, where PostgreSQL has more than one, on its first: a thousand take more than one can read for them. */
function subscribersOn(cores: Cores | null): Subscribers {
  if (cores === null) return new Subscribers([0]);
  const [shared, other] = cores.database;
  return new Subscribers(other === undefined || shared === undefined ? cores.load : [...cores.load, shared]);
}

async function startProducer(target: Target, cores: Cores | null): Promise<Program> {
  const producer = startProgram('log-producer', [], cores?.database.slice(-1));
  producer.tell(target);
  await producer.answer();
  return producer;
}

/** Slipway over a database, and a producer that stores lines as a worker does. */
export async function startOurs(
  opened: AsyncDisposableStack,
  options: BenchOptions,
  {
    database,
    tokens,
    cores,
    buildCount,
  }: { database: BenchDatabase; tokens: readonly string[]; cores: Cores | null; buildCount: number },
): Promise<Ours> {
  const builds = await insertBuilds(database.adminUrl, buildCount);
  const process = opened.use(
    await startSlipway({
      role: 'serve',
      dist: options.dist,
      databaseUrl: database.url,
      nodeOptions: PROFILED,
      env: { SLIPWAY_LOG_LEVEL: 'warn' },
      cores: cores?.server,
    }),
  );
  const producer = opened.use(await startProducer({ builds, databaseUrl: database.url, port: 0 }, cores));
  const subscribers = opened.use(subscribersOn(cores));
  const viewers = viewersOf(
    tokens,
    builds.map((uid) => toGlobalId('ImageBuild', uid)),
  );
  return {
    name: 'Slipway',
    process,
    producer,
    subscribers,
    cpuSeconds: () => process.cpuSeconds(),
    subscribe: (from, to) =>
      subscribers.subscribe({
        port: Number(new URL(process.url).port),
        path: '/graphql',
        viewers: viewers.slice(from, to),
      }),
  };
}

/** The bare broadcast, and a producer that sends it frames. */
export async function startRaw(
  opened: AsyncDisposableStack,
  cores: Cores | null,
  buildCount: number,
): Promise<Contestant> {
  const builds = Array.from({ length: buildCount }, () => randomUUID());
  const program = opened.use(startProgram('raw-broadcast', builds, cores?.server));
  const { port, feedPort } = (await program.answer()) as { port: number; feedPort: number };
  const producer = opened.use(await startProducer({ builds, databaseUrl: null, port: feedPort }, cores));
  const subscribers = opened.use(subscribersOn(cores));
  const tokens = Array.from({ length: SUBSCRIBERS }, () => '');
  await subscribers.subscribe({ port, path: '/', viewers: viewersOf(tokens, builds) });
  return { name: 'raw broadcast', producer, subscribers, cpuSeconds: () => cpuSecondsOf(program.pid) };
}
