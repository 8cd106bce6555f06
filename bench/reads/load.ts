import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pinned } from '../shared/cores.ts';

/** What to send, and for how long. */
export interface Load {
  readonly url: string;
  /** Sent in turns, each with the token of somebody. */
  readonly requests: readonly { readonly body: string; readonly token: string }[];
  /** How many wait for an answer at any time. */
  readonly connections: number;
  readonly seconds: number;
}

/** What came of it; times in milliseconds. */
export interface Measured {
  readonly count: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** The share of its core that the load itself took: near 1, it measures itself. */
  readonly cpu: number;
}

/** The process that sends. */
export interface LoadProcess extends Disposable {
  /** @throws Error an answer had errors, or none came */
  measure(load: Load): Promise<Measured>;
}

/** @param cores where it runs; absent: anywhere */
export function startLoad(cores: readonly number[] | undefined): LoadProcess {
  const command = [process.execPath, join(import.meta.dirname, 'load-program.ts')];
  const [program = '', ...args] = pinned(command, cores);
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  return {
    measure: async (load) => {
      child.send(load);
      const answer = once(child, 'message') as Promise<[Measured]>;
      const [measured] = await Promise.race([
        answer,
        ended.then(() => Promise.reject(new Error('the load ended'))),
      ]);
      return measured as Measured;
    },
    [Symbol.dispose]: () => void child.kill(),
  };
}
