import { describeCores, planCores } from '../shared/cores.ts';
import { openDatabase, withClient } from '../shared/database.ts';
import { type BenchOptions, type Part, say } from '../shared/part.ts';
import { PROFILED, profile } from '../shared/profile.ts';
import { CONTESTANTS } from './contestants.ts';
import { type Load, type LoadProcess, startLoad } from './load.ts';
import { type Operation, readOperations } from './operations.ts';
import { type Measurement, resultsOf } from './results.ts';
import { assertSameAnswers } from './same-answers.ts';
import { seed, seedMembers } from './seed.ts';

const IMAGES = 100_000;
// Short and many, so that what else the machine does meets all servers alike.
const ROUNDS = 6;
const SECONDS = 2;
// V8 still makes faster code of a server after that; after 3 s a short read takes half as long again.
const WARM_UP_SECONDS = 10;
const CONNECTIONS = 32;
const MEMBERS = 20;

export const part: Part = {
  name: 'reads',
  title: 'three reads, beside peers over the same tables and a handler by hand',
  run,
};

async function run(options: BenchOptions): Promise<string> {
  await using opened = new AsyncDisposableStack();
  const cores = planCores();
  const database = opened.use(await openDatabase({ data: options.data, cores: cores?.database }));
  say('Seeding …');
  await seed(database, options.images ?? IMAGES);
  const { operations, tokens } = await withClient(database.adminUrl, async (client) => ({
    operations: chosen(await readOperations(client), options.only),
    tokens: await seedMembers(client, MEMBERS),
  }));

  const surroundings = {
    databaseUrl: database.url,
    dist: options.dist,
    cores: cores?.server,
    nodeOptions: options.profile ? PROFILED : [],
  };
  const servers: Measurement[] = [];
  for (const contestant of chosen(CONTESTANTS, options.only)) {
    const process = opened.use(await contestant.start(surroundings));
    servers.push({ contestant, url: process.url, process, rounds: new Map() });
  }

  using load = startLoad(cores?.load);
  const profiles: string[] = [];
  for (const operation of operations) {
    await assertSameAnswers(servers, operation, tokens[0] as string);
    const loads = await loadsOf(servers, operation, tokens, options);
    await measure(servers, operation, loads, load, options);
    const ours = servers.findIndex(({ contestant }) => contestant.role === 'ours');
    if (!options.profile || ours === -1) continue;
    const { process } = servers[ours] as Measurement;
    const summary = await profile(process, async () => await load.measure(loads[ours] as Load));
    profiles.push(`**Where the time of ${operation.name.toUpperCase()} goes in Slipway**\n\n${summary}`);
  }
  const circumstances = `${describeCores(cores)} ${CONNECTIONS} connections.`;
  return [resultsOf(operations, servers), circumstances, ...profiles].join('\n\n');
}

/** Those that are named; all where none is. */
function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  only: readonly string[],
): readonly T[] {
  const named = all.filter(({ name }) => only.includes(name));
  return named.length === 0 ? all : named;
}

/** What is sent to each server, in its own words. */
async function loadsOf(
  servers: readonly Measurement[],
  operation: Operation,
  tokens: readonly string[],
  { seconds }: BenchOptions,
): Promise<Load[]> {
  return await Promise.all(
    servers.map(async ({ contestant, url }) => {
      const wording = await contestant.wording(operation, url);
      const requests = operation.variables.map((variables, index) => ({
        body: wording(variables),
        token: tokens[index % tokens.length] as string,
      }));
      return { url, requests, connections: CONNECTIONS, seconds: seconds ?? SECONDS };
    }),
  );
}

/** In turns, so that all meet the same moments of the machine. */
async function measure(
  servers: readonly Measurement[],
  operation: Operation,
  loads: readonly Load[],
  load: LoadProcess,
  options: BenchOptions,
): Promise<void> {
  for (const one of loads) await load.measure({ ...one, seconds: WARM_UP_SECONDS });
  for (let round = 1; round <= (options.rounds ?? ROUNDS); round += 1) {
    for (const [index, { contestant, process, rounds }] of servers.entries()) {
      const cpuBefore = process.cpuSeconds();
      const measured = await load.measure(loads[index] as Load);
      const serverCpu = (process.cpuSeconds() - cpuBefore) / measured.count;
      rounds.set(operation.name, [...(rounds.get(operation.name) ?? []), { ...measured, serverCpu }]);
      say(`${operation.name} round ${round} ${contestant.name}: ${Math.round(measured.perSecond)}/s`);
    }
  }
}
