import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Said, untilSaid } from '../../test/support/until-said.ts';
import { pinned } from './cores.ts';
import { onInterrupt } from './interrupt.ts';

/** Linux counts processor time in hundredths of a second, whatever the machine. */
const TICKS_PER_SECOND = 100;

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The cores that it may use, e.g. [0]; absent: all. */
  readonly cores?: readonly number[] | undefined;
  /** What its standard output holds when it is up. */
  readonly until: RegExp;
}

/** A program that is measured from outside. */
export interface MeasuredProcess extends Said, AsyncDisposable {
  readonly pid: number;
  /** Resident memory in bytes: now, and at the most since it began. */
  memory(): { readonly now: number; readonly peak: number };
  /** Processor time that it has taken since it began, in seconds. */
  cpuSeconds(): number;
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<void>;
}

/**
 * Starts a program and waits until it says that it is up. It gets PATH, NODE_ENV=production and `env`, nothing else.
 *
 * @throws Error with its output where it ends before, or does not come up in two minutes
 */
export async function startProcess(
  command: readonly string[],
  { env = {}, cores, until }: ProcessOptions,
): Promise<MeasuredProcess> {
  const [program = '', ...args] = pinned(command, cores);
  const child = spawn(program, args, {
    // Not the project's folder, whose .env is its owner's affair.
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const { said, output } = await untilSaid(child, command.join(' '), until);
  // It came up, so it has a pid.
  const pid = child.pid as number;
  const stop = onInterrupt(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await exited;
  });
  return {
    pid,
    said,
    output,
    memory: () => memoryOf(pid),
    cpuSeconds: () => cpuSecondsOf(pid),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

export function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
}

export function cpuSecondsOf(pid: number): number {
  // The program's name comes second, in parentheses, and may hold spaces.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
