// Prints lines into builds' logs as their steps would, and stores them as a worker does; or sends them to the raw broadcast in batches
// of the same sizes. Told by messages what to do; see log-producer.ts.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { BuildLogWriter } from '../../src/build/log/build-log.writer.ts';
import { MIGRATIONS_DIR } from '../../src/db/migrate.ts';
import { kysely, openOrm } from '../../src/db/orm.ts';
import type { EventBus } from '../../src/events/event-bus.ts';
import { PostgresEventBus } from '../../src/events/postgres-event-bus.ts';
import { createLogger } from '../../src/shared/logger.ts';
import type { Print, Target } from './log-producer.ts';
import { frameOf, type Line, textOf } from './subscription.ts';

/** How often a step prints. */
const TICK_MS = 10;
/** When a worker's log writer stores what it has. */
const FLUSH_MS = 250;
/** As many as an event of Slipway's has at the most. */
const FRAME_LINES = 2000;

type PrintLine = (text: string) => Promise<void>;

const now = () => performance.timeOrigin + performance.now();
/** Three numbers for each batch: the build's index, its last line's number, and when it was stored. */
const stored: number[] = [];

/** As a worker stores them. When a batch is stored, it is asked how long the log is then: what came in between counts as slower. */
async function intoDatabase(url: string, builds: readonly string[]): Promise<PrintLine[]> {
  const log = createLogger('error');
  const orm = await openOrm(url, MIGRATIONS_DIR);
  const db = kysely(orm.em.fork());
  const bus = new PostgresEventBus(url, log);
  bus.start();
  return builds.map((buildId, index) => {
    const events: EventBus = {
      listen: (key) => bus.listen(key),
      hint(key) {
        const storedAt = now();
        bus.hint(key);
        const count = db.selectFrom('Build').select('logLineCount').where('id', '=', buildId);
        void count.executeTakeFirstOrThrow().then((row) => stored.push(index, row.logLineCount, storedAt));
      },
    };
    const begun = { logLineCount: 0, logBytes: 0, lostWorkers: 0 };
    const writer = new BuildLogWriter(db, events, { buildId, attempt: 1 }, begun, 2 ** 40);
    return async (text) => await writer.append('STDOUT', 1, Buffer.from(`${text}\n`), new Date());
  });
}

/** In the same batches, each a frame that is ready to be sent: its build's index, a space, the frame. */
function toRawBroadcast(port: number, builds: readonly string[]): PrintLine[] {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  return builds.map((_, index) => {
    let lines: Line[] = [];
    let seq = 0;
    let timer: NodeJS.Timeout | null = null;
    const flush = () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      stored.push(index, seq, now());
      socket.write(`${index} ${frameOf('3f2504e0-4f89-41d3-9a0c-0305e82c3301', lines)}\n`);
      lines = [];
    };
    return async (text) => {
      seq += 1;
      lines.push({ seq, at: new Date(), text });
      if (lines.length >= FRAME_LINES) flush();
      else timer ??= setTimeout(flush, FLUSH_MS);
    };
  });
}

/** Prints so many lines a second into all builds together, in turns. */
async function print(printers: readonly PrintLine[], { linesPerSecond, seconds }: Print): Promise<void> {
  const began = performance.now();
  let printed = 0;
  for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - began) {
    const due = Math.floor((elapsed / 1000) * linesPerSecond);
    for (; printed < due; printed += 1) await printers[printed % printers.length]?.(textOf(printed));
    await sleep(TICK_MS);
  }
}

let printers: PrintLine[] = [];
process.on('message', (message: Target | Print) => {
  void (async () => {
    if ('builds' in message) {
      const { builds, databaseUrl, port } = message;
      printers = databaseUrl ? await intoDatabase(databaseUrl, builds) : toRawBroadcast(port, builds);
      // Whoever subscribes finds one line at once.
      for (const printLine of printers) await printLine(textOf(0));
      await sleep(2 * FLUSH_MS);
      process.send?.('ready');
    } else {
      stored.length = 0;
      await print(printers, message);
      process.send?.(stored);
    }
  })();
});

// Whoever started it has ended.
process.once('disconnect', () => process.exit());
