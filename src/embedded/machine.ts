import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

// What the machine tells every program about itself (PATH and the like). Slipway's own settings are read by config.ts only.
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|LANG|TZ|TMPDIR|XDG_RUNTIME_DIR|XDG_CONFIG_HOME|XDG_DATA_HOME|DBUS_SESSION_BUS_ADDRESS|(https?|no|all)_proxy)$/i;

// An ordinary user's PATH on Debian has no sbin, where dockerd, useradd and others live.
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The environment for started programs: what the machine gives, none of Slipway's settings and secrets. */
export function machineEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && PASSED_ON.test(name)) env[name] = value;
  }
  env['PATH'] = searchPath().join(delimiter);
  return env;
}

/** Where the session's sockets are, e.g. `/run/user/1000`; `null` where the session has no such folder. */
export function runtimeFolder(): string | null {
  return process.env['XDG_RUNTIME_DIR'] || null;
}

/** The user's home folder; `null` where none is set. */
export function homeFolder(): string | null {
  return process.env['HOME'] || null;
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** The full path of an installed program, or `null`. */
export function findProgram(name: string): string | null {
  for (const folder of searchPath()) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Is this Debian or one of its children, where apt-get fetches packages? */
export function isDebian(): boolean {
  try {
    const release = readFileSync('/etc/os-release', 'utf8');
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && findProgram('apt-get') !== null;
  } catch {
    return false;
  }
}

/** Identifies this boot of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** This machine's processor in the words of OCI and Debian, which agree for these two. */
export function architecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

export interface RunOptions {
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/**
 * Runs a program to its end and gives back what it printed.
 *
 * @throws Error with the end of its output where it fails or takes longer than `timeoutMs` (default one minute)
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, [...args], {
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
      maxBuffer: 64 * 1024 * 1024,
      env: { ...machineEnvironment(), LC_ALL: 'C.UTF-8', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    return stdout;
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : '';
    const why = said.trim().split('\n').slice(-5).join('\n') || String(cause);
    throw new Error(`${command} ${args[0] ?? ''} failed: ${why}`, { cause });
  }
}

function searchPath(): string[] {
  const own = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...new Set([...own, ...SYSTEM_FOLDERS])];
}
