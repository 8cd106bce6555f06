import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { nodeOptions } from '../../scripts/node-options.mjs';
import { type Said, untilSaid } from './until-said.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PROGRAM = resolve(ROOT, 'dist/src/main.js');

/** The program itself as a process of its own, compiled, as an operator runs it. */
export interface SlipwayProcess extends Said, AsyncDisposable {
  readonly pid: number;
  /** Sends a signal and waits for the end. @returns the exit code; `null` where the signal itself ended it */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void;
}

/**
 * Starts the program and waits until it says that it is up.
 *
 * @param until what its standard output holds then
 * @throws Error with its output where it ends before, or does not come up in two minutes
 */
export async function startSlipway(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  until: RegExp,
): Promise<SlipwayProcess> {
  if (!existsSync(PROGRAM)) throw new Error('there is no dist/: run `npm run build` first, or `npm test`');
  const child = spawn(process.execPath, [...nodeOptions(args[0]), PROGRAM, ...args], {
    // Not the project's folder, whose .env is its owner's affair.
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const { said, output } = await untilSaid(child, 'it', until);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return (await exited)[0];
  };
  return {
    pid: (child as ChildProcess & { pid: number }).pid,
    said,
    output,
    stop,
    signal: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL');
    },
  };
}
