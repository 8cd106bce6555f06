import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What the program beside this file prints. */
interface Summary {
  databaseUrl: string;
  engineEndpoint: string | null;
  registryHost: string | null;
  exampleBaseImage: string | null;
  adminToken: string;
  said: string[];
}

export interface ServicesProcess extends AsyncDisposable {
  readonly summary: Summary;
  /** As a crash ends it: no clean-up of any kind. */
  crash(): Promise<void>;
}

/**
 * Runs the local services in a process of its own.
 *
 * @param prefix words before the command, to run it as another user
 */
export async function runLocalServices(
  dataDir: string,
  env: Record<string, string> = {},
  prefix: readonly string[] = [],
): Promise<ServicesProcess> {
  const program = join(import.meta.dirname, 'local-services-program.ts');
  const [command = '', ...args] = [...prefix, process.execPath, '--import', 'tsx', program];
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'] ?? '', SLIPWAY_DATA_DIR: dataDir, SLIPWAY_LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    return {
      summary: JSON.parse(line),
      crash: () => end(child, 'SIGKILL'),
      [Symbol.asyncDispose]: () => end(child, 'SIGTERM'),
    };
  }
  throw new Error(`the local services did not start:\n${errors}`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
