import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readIfThere } from './private-file.ts';

// A server process whose parent was killed ends as soon as it looks up from its query.
const GRACE_MS = 5000;

/** Clears away what keeps PostgreSQL from starting after its main process was killed. */
export async function clearLeftovers(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  const pid = Number.parseInt(readIfThere(file) ?? '', 10);
  const command = pid > 0 ? commandLine(pid) : null;
  // Somebody runs a server on these files by hand: PostgreSQL itself will refuse, and say so.
  if (command?.includes(cluster)) return;
  // PostgreSQL does not start where that pid belongs to any process of its user, after a reboot perhaps a stranger.
  if (command) rmSync(file, { force: true });
  const deadline = Date.now() + GRACE_MS;
  for (let orphans = processesIn(cluster); orphans.length > 0; orphans = processesIn(cluster)) {
    if (Date.now() > deadline) orphans.forEach(kill);
    await delay(50);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function commandLine(pid: number): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return null;
  }
}

/** All of a server's processes work in the cluster's folder, and nobody else may. */
function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === folder;
      } catch {
        return false; // It has ended, or is not ours.
      }
    });
}
