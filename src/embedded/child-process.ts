import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../shared/logger.ts';
import type { DataFolder } from './data-folder.ts';
import { machineEnvironment } from './machine.ts';
import {
  dropRecord,
  endSession,
  identify,
  type ProcessRecord,
  readRecord,
  writeRecord,
} from './process-record.ts';

export interface ChildProgram {
  /** Names the log file and the record, e.g. `postgres`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What asks this program to end in good order. */
  readonly stopSignal: NodeJS.Signals;
  /** How long it may take for that before it is killed. */
  readonly stopTimeoutMs: number;
  /** How long it may take until it answers. */
  readonly readyTimeoutMs: number;
  /** Clears away what a former run left; runs before every start of the program. */
  readonly prepare?: () => Promise<void>;
  /** Does it answer yet? Asked again and again until it does; an exception means no. */
  readonly isReady: () => Promise<boolean>;
}

/** A program that runs until it is disposed of. */
export interface RunningChild extends AsyncDisposable {
  readonly name: string;
  /** Changes when the program had to be started again. */
  readonly pid: number;
}

/** The program ended, or did not answer in time; the message holds the end of its output. */
export class ChildProcessError extends Error {
  override readonly name = 'ChildProcessError';
}

const ANSWER_MS = 10_000;
const LOG_ROTATE_BYTES = 5 * 1024 * 1024;
const RESTART_DELAYS_MS = [500, 1000, 2000, 5000, 10_000, 30_000];
// A program that has run this long was well: the next end counts as the first again.
const WELL_AFTER_MS = 60_000;

/**
 * Ends what a crashed Slipway left of this program. The caller holds the data folder's lock, so nobody else uses it.
 *
 * @returns whether there was something to end
 */
export async function endLeftover(
  folder: DataFolder,
  program: Pick<ChildProgram, 'name' | 'stopSignal' | 'stopTimeoutMs'>,
): Promise<boolean> {
  const left = readRecord(folder.run, program.name);
  const hadSome = left !== null && (await endSession(left, program.stopSignal, program.stopTimeoutMs));
  dropRecord(folder.run, program.name);
  return hadSome;
}

/**
 * Starts a program, waits until it answers, and starts it again whenever it ends by itself.
 *
 * It runs in a session of its own, so that a Ctrl-C in the terminal reaches Slipway only, which stops its programs in
 * order; and its output goes to a file, so that it outlives a crash of Slipway for the next start to end it properly.
 *
 * @throws ChildProcessError it ended or did not answer in time at its first start
 */
export async function startChild(
  folder: DataFolder,
  program: ChildProgram,
  log: Logger,
): Promise<RunningChild> {
  const childLog = log.child({ program: program.name });
  if (await endLeftover(folder, program)) childLog.info('ended what a crash had left');
  const stopping = new AbortController();
  let running = await launch(folder, program);

  const supervise = async () => {
    let failures = 0;
    for (;;) {
      const startedAt = Date.now();
      const [code, signal] = await running.ended;
      if (stopping.signal.aborted) return;
      childLog.warn({ code, signal }, 'ended by itself; starting it again');
      if (Date.now() - startedAt > WELL_AFTER_MS) failures = 0;
      for (;;) {
        const waitMs = RESTART_DELAYS_MS[Math.min(failures, RESTART_DELAYS_MS.length - 1)];
        failures += 1;
        await delay(waitMs, undefined, { signal: stopping.signal });
        try {
          running = await launch(folder, program, stopping.signal);
          if (stopping.signal.aborted) return;
          break;
        } catch (error) {
          childLog.error({ err: error }, 'could not be started again');
        }
      }
    }
  };
  const supervised = supervise().catch((error: unknown) => {
    if (!stopping.signal.aborted) childLog.error({ err: error }, 'is no longer watched');
  });

  return {
    name: program.name,
    get pid() {
      return running.record.pid;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await endSession(running.record, program.stopSignal, program.stopTimeoutMs);
      await supervised;
      // It may just have been starting again.
      await endSession(running.record, program.stopSignal, program.stopTimeoutMs);
      dropRecord(folder.run, program.name);
    },
  };
}

interface Launched {
  readonly record: ProcessRecord;
  readonly ended: Promise<readonly [code: number | null, signal: string | null]>;
}

async function launch(folder: DataFolder, program: ChildProgram, signal?: AbortSignal): Promise<Launched> {
  await program.prepare?.();
  const logFile = join(folder.logs, `${program.name}.log`);
  rotate(logFile);
  const output = openSync(logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(program.command, program.args, {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...machineEnvironment(), ...program.env },
      cwd: '/',
    });
  } finally {
    closeSync(output);
  }
  // Written in the same turn as the start, so that a crash can hardly fall between.
  const record = child.pid === undefined ? null : identify(child.pid);
  if (record) writeRecord(folder.run, program.name, record);
  const ended: Launched['ended'] = new Promise((resolve) => {
    child.once('exit', (code, by) => resolve([code, by]));
  });
  await once(child, 'spawn').catch((cause: unknown) => {
    throw new ChildProcessError(`${program.command} could not be started`, { cause });
  });
  // A program that is gone before it could be identified is described by its output, like one that ends later.
  if (!record) throw new ChildProcessError(`${program.name} ended at once. ${lastLines(logFile)}`);
  try {
    await untilReady(program, ended, logFile, signal);
  } catch (error) {
    await endSession(record, program.stopSignal, program.stopTimeoutMs);
    dropRecord(folder.run, program.name);
    throw error;
  }
  return { record, ended };
}

async function untilReady(
  program: ChildProgram,
  ended: Launched['ended'],
  logFile: string,
  signal?: AbortSignal,
): Promise<void> {
  let hasEnded = false;
  const watching = ended.then(() => {
    hasEnded = true;
    return false;
  });
  const deadline = Date.now() + program.readyTimeoutMs;
  // A question that hangs must not hang the start.
  const ask = () =>
    Promise.race([program.isReady().catch(() => false), watching, delay(ANSWER_MS, false, { ref: false })]);
  while (!(await ask())) {
    signal?.throwIfAborted();
    if (hasEnded)
      throw new ChildProcessError(`${program.name} ended while it started. ${lastLines(logFile)}`);
    if (Date.now() > deadline) {
      const seconds = Math.round(program.readyTimeoutMs / 1000);
      throw new ChildProcessError(
        `${program.name} did not answer within ${seconds} s. ${lastLines(logFile)}`,
      );
    }
    await Promise.race([watching, delay(25)]);
  }
}

function rotate(logFile: string): void {
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > LOG_ROTATE_BYTES)
    renameSync(logFile, `${logFile}.1`);
}

function lastLines(logFile: string): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-8);
  return `The end of ${logFile}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
