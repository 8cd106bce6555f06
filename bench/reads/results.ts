import type { MeasuredProcess } from '../shared/process.ts';
import { median } from '../shared/statistics.ts';
import { table } from '../shared/table.ts';
import type { Measured } from './load.ts';
import type { Operation } from './operations.ts';
import type { Runner } from './same-answers.ts';

/** A round, and how much of its processor's time the server took for one request, in seconds. */
export type Round = Measured & { readonly serverCpu: number };

/** A server that is up, and what was measured of it, by the operation's name. */
export interface Measurement extends Runner {
  readonly process: MeasuredProcess;
  readonly rounds: Map<string, Round[]>;
}

/** From here on the load is near the end of its own core, and may be what was measured. */
const BUSY = 0.9;

/** A table for each operation: medians of the rounds, and the ratios that can be compared between machines. */
export function resultsOf(operations: readonly Operation[], servers: readonly Measurement[]): string {
  return operations.map((operation) => resultOf(operation, servers)).join('\n\n');
}

function resultOf({ name, title }: Operation, servers: readonly Measurement[]): string {
  const of = ({ rounds }: Measurement, what: keyof Round) =>
    median((rounds.get(name) ?? []).map((measured) => measured[what]));
  const rate = (server: Measurement | undefined) =>
    server === undefined ? Number.NaN : of(server, 'perSecond');
  const limit = servers.find(({ contestant }) => contestant.name === 'bare');
  const ours = servers.find(({ contestant }) => contestant.role === 'ours');
  const [best] = servers
    .filter(({ contestant }) => contestant.role === 'peer')
    .toSorted((a, b) => rate(b) - rate(a));
  const rows = servers.map((server) => [
    server.contestant.title,
    rate(server).toFixed(0),
    (rate(server) / rate(limit)).toFixed(2),
    of(server, 'p50').toFixed(1),
    of(server, 'p99').toFixed(1),
    (of(server, 'serverCpu') * 1e6).toFixed(0),
    (server.process.memory().now / 2 ** 20).toFixed(0),
  ]);
  const lines = [
    `**${name.toUpperCase()}: ${title}**`,
    '',
    table(['', 'requests/s', 'of by hand', 'p50 ms', 'p99 ms', 'CPU µs/request', 'RSS MiB'], rows),
  ];
  if (ours !== undefined && best !== undefined) {
    const ratio = (rate(ours) / rate(best)).toFixed(2);
    lines.push('', `Slipway has ${ratio} of the best peer (${best.contestant.name}).`);
  }
  const cpu = Math.max(...servers.map((server) => of(server, 'cpu')));
  lines.push(
    '',
    `The load took at most ${Math.round(100 * cpu)} % of its core${cpu > BUSY ? ': it is what was measured' : ''}.`,
  );
  return lines.join('\n');
}
