import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bootId } from './machine.ts';
import { writePrivateFile } from './private-file.ts';

/**
 * A process, told apart from every other one: pids are used again, but no two processes of one boot have both the same
 * pid and the same start time.
 */
export interface ProcessRecord {
  readonly pid: number;
  /** Clock ticks since the boot, as in field 22 of /proc/PID/stat. */
  readonly startTicks: string;
  readonly bootId: string;
}

/** The record of a running process; `null` where there is none of this pid (a zombie has ended, too). */
export function identify(pid: number): ProcessRecord | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold any character, so count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    const startTicks = fields[19];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return null;
    return { pid, startTicks, bootId: bootId() };
  } catch {
    return null;
  }
}

export function isRunning(record: ProcessRecord): boolean {
  const now = identify(record.pid);
  return now !== null && now.startTicks === record.startTicks && now.bootId === record.bootId;
}

export function writeRecord(folder: string, name: string, record: ProcessRecord): void {
  writePrivateFile(join(folder, `${name}.json`), `${JSON.stringify(record)}\n`);
}

export function dropRecord(folder: string, name: string): void {
  rmSync(join(folder, `${name}.json`), { force: true });
}

/** The recorded process if it still runs. */
export function findRecorded(folder: string, name: string): ProcessRecord | null {
  try {
    const found: unknown = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    if (typeof found !== 'object' || found === null) return null;
    const { pid, startTicks, bootId: boot } = found as Partial<ProcessRecord>;
    if (typeof pid !== 'number' || typeof startTicks !== 'string' || typeof boot !== 'string') return null;
    const record = { pid, startTicks, bootId: boot };
    return isRunning(record) ? record : null;
  } catch {
    return null;
  }
}

/**
 * Ends a process: the polite signal first, and after `graceMs` SIGKILL to its whole process group, of which it is the
 * leader. Returns when it is gone. A stranger who got the pid meanwhile is never signalled.
 */
export async function endProcess(
  record: ProcessRecord,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<void> {
  if (!send(record, record.pid, signal)) return;
  if (await gone(record, graceMs)) return;
  send(record, -record.pid, 'SIGKILL');
  await gone(record, 10_000);
}

function send(record: ProcessRecord, target: number, signal: NodeJS.Signals): boolean {
  if (!isRunning(record)) return false;
  try {
    return process.kill(target, signal);
  } catch {
    return false; // It ended between the question and the signal.
  }
}

async function gone(record: ProcessRecord, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isRunning(record)) {
    if (Date.now() >= deadline) return false;
    await delay(20);
  }
  return true;
}
