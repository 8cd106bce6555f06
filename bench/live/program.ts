import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pinned } from '../shared/cores.ts';
import { onInterrupt } from '../shared/interrupt.ts';

/** A program of this folder in a process of its own, which is told by messages what to do and answers with messages. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  tell(message: object | string): void;
  /** The next message. @throws Error the program has ended */
  answer(): Promise<unknown>;
}

/** @param cores that it may use; absent: all */
export function startProgram(
  name: string,
  args: readonly string[],
  cores: readonly number[] | undefined,
): Program {
  const file = join(import.meta.dirname, `${name}-program.ts`);
  const [command = '', ...rest] = pinned([process.execPath, '--import', 'tsx', file, ...args], cores);
  const child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const messages: unknown[] = [];
  child.on('message', (message) => void messages.push(message));
  const stop = onInterrupt(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    pid: child.pid as number,
    tell: (message) => void child.send(message),
    async answer() {
      while (messages.length === 0) {
        const ended = exited.then(() => Promise.reject(new Error(`${name} has ended`)));
        await Promise.race([once(child, 'message'), ended]);
      }
      return messages.shift();
    },
    [Symbol.asyncDispose]: stop,
  };
}
