// Many subscribers in a process of their own. Told by messages what to do; see subscribers.ts.
import { randomUUID } from 'node:crypto';
import { type FrameReader, openFrameReader } from './frame-reader.ts';
import type { Subscribe } from './subscribers.ts';
import { DOCUMENT } from './subscription.ts';

/** So many begin at once: of one address, a thousand may. */
const WAVE = 100;

const readers: FrameReader[] = [];
let counted: { frames: number; lines: number; bytes: number; arrived: number[] } | null = null;

/** Connects one, and resolves when its first event has come. */
async function subscribe({ port, path, viewers }: Subscribe, index: number): Promise<void> {
  const viewer = viewers[index];
  if (viewer === undefined) throw new Error('there is no such viewer');
  const { token, build, buildIndex } = viewer;
  let lastSeq = 0;
  await new Promise<void>((resolve, reject) => {
    const opened = openFrameReader({ port, path }, (end, bytes) => {
      const text = end.toString('latin1');
      if (text.endsWith('"connection_ack"}')) return send(subscription(build));
      const seq = Number(/"lastSeq":(\d+)\}+$/.exec(text)?.[1]);
      if (Number.isNaN(seq)) throw new Error(`a message ends with ${text}`);
      if (counted !== null) {
        counted.frames += 1;
        counted.bytes += bytes;
        counted.lines += seq - lastSeq;
        counted.arrived.push(buildIndex, lastSeq + 1, now());
      }
      lastSeq = seq;
      resolve();
    });
    const send = (message: object) => void opened.then((reader) => reader.send(JSON.stringify(message)));
    opened.then((reader) => readers.push(reader), reject);
    send({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } });
  });
}

const subscription = (buildId: string) => ({
  id: randomUUID(),
  type: 'subscribe',
  payload: { query: DOCUMENT, variables: { buildId } },
});

const now = () => performance.timeOrigin + performance.now();

process.on('message', (message: Subscribe | 'count' | 'report') => {
  if (message === 'count') counted = { frames: 0, bytes: 0, lines: 0, arrived: [] };
  else if (message === 'report') {
    process.send?.(counted);
    counted = null;
  } else {
    void (async () => {
      for (let first = 0; first < message.viewers.length; first += WAVE) {
        const wave = message.viewers.slice(first, first + WAVE);
        await Promise.all(wave.map((_, index) => subscribe(message, first + index)));
      }
      process.send?.('subscribed');
    })();
  }
});

// Whoever started it has ended.
process.once('disconnect', () => process.exit());
