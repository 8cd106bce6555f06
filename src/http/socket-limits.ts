import { LRUCache } from 'lru-cache';

// A running operation keeps the message that it came with: its text, its variables, and whatever else was in it. Of 1 KB, which is a
// long one, a viewer may have 32,000.
const MAX_HELD_BYTES = 32 * 1024 * 1024;

/** A socket's place among those of its viewer. Disposing gives it back; more than once does no harm. */
export interface SocketPlace extends Disposable {
  /**
   * Holds the memory of a message, until that is disposed of.
   *
   * @returns `null` where all sockets of the viewer together hold too much
   */
  hold(bytes: number): Disposable | null;
}

interface Held {
  sockets: number;
  bytes: number;
}

/** So many sockets for each viewer, or for each address. */
export class SocketPlaces {
  readonly #holders = new Map<string, Held>();

  constructor(private readonly max: number) {}

  /** @returns `null` where the holder has as many as they may */
  take(holder: string): SocketPlace | null {
    const held = this.#holders.get(holder) ?? { sockets: 0, bytes: 0 };
    if (held.sockets >= this.max) return null;
    this.#holders.set(holder, held);
    const change = (by: Held) => {
      held.sockets += by.sockets;
      held.bytes += by.bytes;
      if (held.sockets === 0 && held.bytes === 0) this.#holders.delete(holder);
    };
    change({ sockets: 1, bytes: 0 });
    const place = new DisposableStack();
    place.defer(() => change({ sockets: -1, bytes: 0 }));
    return {
      hold: (bytes) => {
        if (held.bytes + bytes > MAX_HELD_BYTES) return null;
        change({ sockets: 0, bytes });
        const message = new DisposableStack();
        message.defer(() => change({ sockets: 0, bytes: -bytes }));
        return message;
      },
      [Symbol.dispose]: () => place.dispose(),
    };
  }
}

/** How much may come in: so much at once, and then so much a second. */
interface Inflow {
  readonly burst: number;
  readonly perSecond: number;
}
// The burst is what a hundred sockets send that connect again and resume ten subscriptions each, and more. Answering a ping takes
// some 20 µs, so a viewer who does nothing but send takes a fiftieth of a processor.
const OF_VIEWER: Inflow = { burst: 5000, perSecond: 1000 };
/** Of a socket that nobody has signed in on: its init, of 64 KiB at the most, and a few pings. */
export const OF_STRANGER: Inflow = { burst: 10, perSecond: 1 };
/** A message of so many bytes counts twice, one of twice as many three times: 1 MiB counts 129. */
const BYTES_PER_MESSAGE = 8192;

/** Limits how much comes in. */
export class MessageMeter {
  #level = 0;
  #since = performance.now();

  constructor(private readonly allowed: Inflow) {}

  /** Counts a message. @returns whether it is one too many */
  isTooMuch(bytes: number): boolean {
    const { burst, perSecond } = this.allowed;
    const now = performance.now();
    const drained = ((now - this.#since) / 1000) * perSecond;
    this.#since = now;
    this.#level = Math.max(0, this.#level - drained) + 1 + bytes / BYTES_PER_MESSAGE;
    return this.#level > burst;
  }
}

const MAX_METERS = 10_000;

/** A meter for each viewer. It outlives their sockets until it has counted off, or a flood would only have to connect again. */
export class MessageMeters {
  readonly #meters = new LRUCache<string, MessageMeter>({
    max: MAX_METERS,
    ttl: (2 * OF_VIEWER.burst * 1000) / OF_VIEWER.perSecond,
    updateAgeOnGet: true,
  });

  of(viewer: string): MessageMeter {
    const known = this.#meters.get(viewer);
    if (known !== undefined) return known;
    const meter = new MessageMeter(OF_VIEWER);
    this.#meters.set(viewer, meter);
    return meter;
  }
}
