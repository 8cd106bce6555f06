import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Who runs on which of the machine's cores. */
export interface Cores {
  readonly server: readonly number[];
  readonly load: readonly number[];
  readonly database: readonly number[];
}

const TASKSET = '/usr/bin/taskset';

/** Server and load have a core each, and PostgreSQL what is left; `null` where nothing can be pinned, or there is one core only. */
export function planCores(): Cores | null {
  const count = availableParallelism();
  if (!existsSync(TASKSET) || count < 2) return null;
  const all = Array.from({ length: count }, (_, core) => core);
  return { server: [0], load: [1], database: count > 2 ? all.slice(2) : all };
}

/** The same command, on these cores only. */
export function pinned(command: readonly string[], cores: readonly number[] | undefined): readonly string[] {
  if (cores === undefined || !existsSync(TASKSET)) return command;
  return [TASKSET, '--cpu-list', cores.join(','), ...command];
}

/** Moves a process and all its threads to these cores; what it starts from then on follows it. */
export function pin(pid: number, cores: readonly number[] | undefined): void {
  if (cores === undefined || !existsSync(TASKSET)) return;
  execFileSync(TASKSET, ['--all-tasks', '--cpu-list', '--pid', cores.join(','), String(pid)], {
    stdio: 'ignore',
  });
}

/** For the report. */
export function describeCores(cores: Cores | null): string {
  if (cores === null) return 'Nothing is pinned to a core: there is one only, or no taskset.';
  const list = (of: readonly number[]) => of.join(', ');
  return `Server on core ${list(cores.server)}, load on core ${list(cores.load)}, PostgreSQL on ${list(cores.database)}.`;
}
