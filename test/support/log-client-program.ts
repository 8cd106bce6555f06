// A client in a process of its own, for tests that stop it or make it slow: follows a build's log to its end, connecting
// again with the last number seen, and prints what it has seen as one line of JSON.
//
// Arguments: URL, token, build id, and how many milliseconds it takes to read one message. SIGUSR1 makes it read at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { createApiClient } from './client.ts';
import { followLog } from './followed-log.ts';

const [url = '', token = '', buildId = '', pauseMs = '0'] = process.argv.slice(2);
let pause = Number(pauseMs);
process.on('SIGUSR1', () => {
  pause = 0;
});

/** Reads nothing more from the network until the message before has been read slowly. */
class SlowSocket extends WebSocket {
  override emit(name: string | symbol, ...args: unknown[]): boolean {
    if (name === 'message' && pause > 0) {
      this.pause();
      void sleep(pause).then(() => this.resume());
    }
    return super.emit(name, ...args);
  }
}

const seen = await followLog(createApiClient(url, token, SlowSocket), buildId, {
  onLines: (lines) => process.stderr.write(`${lines.at(-1)?.seq}\n`),
});
process.stdout.write(`${JSON.stringify(seen)}\n`);
