import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

const START_MS = 120_000;

/** What a program says of itself. */
export interface Said {
  /** The first match of what was waited for in its standard output. */
  readonly said: RegExpMatchArray;
  /** Everything that it has written so far, both streams. */
  output(): string;
}

/**
 * Waits until a program says that it is up.
 *
 * @param name for the error
 * @param until what its standard output holds then
 * @throws Error with its output where it ends before, or does not come up in two minutes, after which it is killed
 */
export async function untilSaid(
  child: ChildProcessByStdio<null, Readable, Readable>,
  name: string,
  until: RegExp,
): Promise<Said> {
  let output = '';
  const said = await new Promise<RegExpMatchArray>((found, failed) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      failed(new Error(`${name} ${why}:\n${output}`));
    };
    const timer = setTimeout(() => fail('did not come up'), START_MS);
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const match = output.match(until);
      if (match === null) return;
      clearTimeout(timer);
      found(match);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`ended with ${code}`));
  });
  return { said, output: () => output };
}
