import { join } from 'node:path';
import { type MeasuredProcess, startProcess } from '../shared/process.ts';
import { peerVersion } from '../shared/report.ts';
import { startSlipway } from '../shared/slipway.ts';
import type { Operation, Variables } from './operations.ts';
import { fromPostgraphile, toPostgraphile } from './postgraphile.ts';

/** What all servers are started with. */
export interface Surroundings {
  readonly databaseUrl: string;
  /** Slipway's compiled server. */
  readonly dist: string;
  readonly cores: readonly number[] | undefined;
  /** Options for Slipway's Node, e.g. --cpu-prof. */
  readonly nodeOptions: readonly string[];
}

/** A server that is measured. */
export interface Contestant {
  /** On the command line. */
  readonly name: string;
  /** In the tables. */
  readonly title: string;
  /** What it is beside Slipway: a peer, or the most that can be had. */
  readonly role: 'ours' | 'peer' | 'limit';
  start(surroundings: Surroundings): Promise<MeasuredProcess & { readonly url: string }>;
  /** How it is asked, once it runs at `url`: the body of the request for variables. */
  wording(operation: Operation, url: string): Promise<(variables: Variables) => string>;
  /** Its answer in Slipway's words. */
  read(data: unknown): unknown;
  /** Are its cursors Slipway's, and does it say that there is a page before one that begins after a cursor? */
  readonly hasOurPaging: boolean;
}

const OPERATION_NAME = /^query (\w+)/;

/** The same request for everyone who has Slipway's fields. */
const sameRequest: Pick<Contestant, 'wording' | 'read' | 'hasOurPaging'> = {
  wording: async ({ query }) => {
    const operationName = OPERATION_NAME.exec(query)?.[1];
    return (variables) => JSON.stringify({ query, variables, operationName });
  },
  read: (data) => data,
  hasOurPaging: true,
};

const ours: Contestant = {
  name: 'ours',
  title: 'Slipway, signed in, rights checked',
  role: 'ours',
  start: async ({ databaseUrl, dist, cores, nodeOptions }) =>
    await startSlipway({ role: 'serve', databaseUrl, dist, cores, nodeOptions }),
  ...sameRequest,
};

/** One of the programs in servers/. Node runs them from their sources: their types are taken away as they are loaded. */
function program(file: string, env: Readonly<Record<string, string>> = {}): Contestant['start'] {
  return async ({ databaseUrl, cores }) => {
    const command = [process.execPath, join(import.meta.dirname, 'servers', `${file}-program.ts`)];
    const options = { env: { DATABASE_URL: databaseUrl, ...env }, cores, until: /serves: (\S+)/ };
    const started = await startProcess(command, options);
    return { ...started, url: started.said[1] as string };
  };
}

/** In the order in which they take their turns. */
export const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'bare',
    title: 'by hand: node:http, one prepared statement',
    role: 'limit',
    start: program('bare'),
    ...sameRequest,
  },
  {
    name: 'pipelined',
    title: 'by hand, on pipelined connections',
    role: 'limit',
    start: program('bare', { PIPELINES: '4' }),
    ...sameRequest,
  },
  ours,
  {
    name: 'mercurius',
    title: `Mercurius ${peerVersion('mercurius')}, its JIT and loaders`,
    role: 'peer',
    start: program('mercurius'),
    ...sameRequest,
  },
  {
    name: 'yoga',
    title: `Yoga ${peerVersion('graphql-yoga')}, graphql-jit, dataloader`,
    role: 'peer',
    start: program('yoga'),
    ...sameRequest,
  },
  {
    name: 'postgraphile',
    title: `PostGraphile ${peerVersion('postgraphile')}`,
    role: 'peer',
    start: program('postgraphile'),
    wording: toPostgraphile,
    read: fromPostgraphile,
    hasOurPaging: false,
  },
];
