import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { bootId } from './machine.ts';
import { readIfThere, writePrivateFile } from './private-file.ts';

const Recorded = z.object({
  pid: z.number().int().positive(),
  /** Clock ticks since the boot, as in field 22 of /proc/PID/stat. */
  startTicks: z.string().regex(/^\d+$/),
  bootId: z.string(),
});

/**
 * A process, told apart from every other one: pids are used again, but no two processes of one boot have both the same
 * pid and the same start time.
 */
export type ProcessRecord = Readonly<z.infer<typeof Recorded>>;

/** The record of a running process; `null` where there is none of this pid (a zombie has ended, too). */
export function identify(pid: number): ProcessRecord | null {
  const found = look(pid);
  return found && { pid, startTicks: found.startTicks, bootId: bootId() };
}

export function isRunning(record: ProcessRecord): boolean {
  return record.bootId === bootId() && look(record.pid)?.startTicks === record.startTicks;
}

export function writeRecord(folder: string, name: string, record: ProcessRecord): void {
  writePrivateFile(join(folder, `${name}.json`), `${JSON.stringify(record)}\n`);
}

export function dropRecord(folder: string, name: string): void {
  rmSync(join(folder, `${name}.json`), { force: true });
}

/** What was recorded under this name; the process may have ended long ago. */
export function readRecord(folder: string, name: string): ProcessRecord | null {
  const text = readIfThere(join(folder, `${name}.json`));
  try {
    return text === null ? null : Recorded.parse(JSON.parse(text));
  } catch {
    return null; // Nothing that we wrote.
  }
}

/**
 * Ends a process that leads a session of its own, and what is left of the session: first politely, after `graceMs` with
 * SIGKILL. Returns when all of it is gone. A stranger who got the pid meanwhile is never signalled.
 *
 * @returns whether there was anything to end
 */
export async function endSession(
  record: ProcessRecord,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<boolean> {
  const hadLeader = await endAll(() => (isRunning(record) ? [record] : []), signal, graceMs);
  // An ordinary user's Podman works in a second process, which may outlive the first.
  const hadOthers = await endAll(() => sessionOf(record), 'SIGTERM', 3000);
  return hadLeader || hadOthers;
}

async function endAll(
  find: () => readonly ProcessRecord[],
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<boolean> {
  const found = find();
  if (found.length === 0) return false;
  send(found, signal);
  if (await isGone(find, graceMs)) return true;
  send(find(), 'SIGKILL');
  await isGone(find, 10_000);
  return true;
}

/** The processes of the recorded one's session, itself apart. */
function sessionOf(record: ProcessRecord): ProcessRecord[] {
  if (record.bootId !== bootId()) return [];
  // The kernel gives the pid to nobody while the session has a member. So one who has it now leads another session.
  const holder = look(record.pid);
  if (holder && holder.startTicks !== record.startTicks) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== record.pid)
    .flatMap((name) => {
      const found = look(Number(name));
      const isMember = found?.session === record.pid && BigInt(found.startTicks) >= BigInt(record.startTicks);
      return isMember ? [{ pid: Number(name), startTicks: found.startTicks, bootId: record.bootId }] : [];
    });
}

function look(pid: number): { session: number; startTicks: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold any character, so count from its end.
    const [state, , , session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startTicks = rest[15]; // the 22nd field in all
    if (state === 'Z' || state === 'X' || startTicks === undefined) return null;
    return { session: Number(session), startTicks };
  } catch {
    return null;
  }
}

function send(records: readonly ProcessRecord[], signal: NodeJS.Signals): void {
  for (const record of records) {
    try {
      if (isRunning(record)) process.kill(record.pid, signal);
    } catch {
      // It ended between the question and the signal.
    }
  }
}

async function isGone(find: () => readonly ProcessRecord[], withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (find().length > 0) {
    if (Date.now() >= deadline) return false;
    await delay(20);
  }
  return true;
}
