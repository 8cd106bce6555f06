import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ApiClient } from './client.ts';
import type { FollowedLog } from './followed-log.ts';

/** A client that follows a log in a process of its own. */
export interface LogClient extends AsyncDisposable {
  /** The last line's number that it has read. */
  readonly lastSeq: number;
  signal(signal: NodeJS.Signals): void;
  /** What it has seen when the log has ended. */
  readonly seen: Promise<FollowedLog>;
}

/** @param pauseMs how long it takes to read one message, of 2,000 lines at the most */
export function startLogClient(url: string, { token }: ApiClient, buildId: string, pauseMs = 0): LogClient {
  const program = join(import.meta.dirname, 'log-client-program.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', program, url, token, buildId, String(pauseMs)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  let lastSeq = 0;
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    const numbers = chunk.toString().match(/^\d+$/gm);
    if (numbers === null) errors += chunk;
    else lastSeq = Number(numbers.at(-1));
  });
  const seen = text(child.stdout).then((answer) => {
    if (answer === '') throw new Error(`the client ended without an answer:\n${errors}`);
    return JSON.parse(answer) as FollowedLog;
  });
  seen.catch(() => undefined);
  return {
    get lastSeq() {
      return lastSeq;
    },
    seen,
    signal: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
