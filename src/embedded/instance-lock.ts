import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { dataFolderKey } from './data-folder.ts';

/** Held while this process uses the data folder. */
export interface InstanceLock extends AsyncDisposable {
  /** What a second start is told. Any user of the machine can ask, so the URL must not hold a token. */
  announce(url: string): void;
}

/** Another Slipway uses the data folder. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
  constructor(
    readonly dataPath: string,
    /** `null`: it has not got as far as serving. */
    readonly url: string | null,
  ) {
    super(
      url
        ? `Slipway is already running in ${dataPath}: ${url}`
        : `Slipway is already starting in ${dataPath}`,
    );
  }
}

/**
 * Makes sure that one Slipway uses a data folder at a time.
 *
 * The lock is a listening socket in Linux's abstract name space: the kernel gives the name to one process only and takes
 * it back however that process ends, so there is no stale lock, and no path that could be too long for a socket.
 *
 * @throws AlreadyRunningError
 */
export async function takeInstanceLock(dataPath: string): Promise<InstanceLock> {
  const name = `\0slipway-${process.geteuid?.() ?? 0}-${dataFolderKey(dataPath)}`;
  let url = '';
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const server = createServer((socket) => {
      socket.on('error', () => {}); // It left without waiting for the answer.
      socket.end(url);
    });
    if (await listens(server, name)) {
      server.unref();
      return {
        announce: (announced) => {
          url = announced;
        },
        async [Symbol.asyncDispose]() {
          server.close();
          await once(server, 'close');
        },
      };
    }
    const answer = await ask(name);
    if (answer !== null) throw new AlreadyRunningError(dataPath, answer || null);
    // Nobody answers: the holder ended just now, and the name is free.
  }
  throw new AlreadyRunningError(dataPath, null);
}

async function listens(server: Server, name: string): Promise<boolean> {
  try {
    server.listen(name);
    await once(server, 'listening');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  }
}

async function ask(name: string): Promise<string | null> {
  const socket = connect(name);
  socket.setTimeout(2000, () => socket.destroy(new Error('no answer')));
  try {
    return await text(socket);
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
    return isGone ? null : ''; // One that holds the name and is too busy to answer does run.
  }
}
