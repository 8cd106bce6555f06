import type { Readable } from 'node:stream';
import { isHttpError, toEngineError } from './docker-errors.ts';
import type { EngineConnection } from './engine-connection.ts';
import { readLines } from './engine-messages.ts';

/** Between what an engine does and its event, which come over different connections. */
const EVENT_DELAY_MS = 1_000;

/**
 * What an engine tells of a container while it commits it. Docker says that it pauses it, that it has copied its files, and that
 * it lets it go on, in this order; Podman (4.3) says nothing of a pause that belongs to a commit.
 */
export class CommitWatch implements Disposable {
  readonly #pausedAt = Promise.withResolvers<Date>();
  readonly #resumedAt = Promise.withResolvers<Date>();
  readonly #events: Readable | null;
  #isPaused = false;
  /** Of each copy that came out of a commit by now: did the container still stand still? An earlier commit's may come first. */
  readonly #copies = new Map<string, boolean>();

  /** Returns once the engine listens: nothing that it does from then on is missed. */
  static async open(engine: EngineConnection, id: string, signal?: AbortSignal): Promise<CommitWatch> {
    const filters = { type: ['container'], container: [id], event: ['pause', 'unpause', 'commit'] };
    const query = { filters: JSON.stringify(filters) };
    try {
      return new CommitWatch(await engine.get({ path: '/events', query, signal }));
    } catch (error) {
      // An engine can be set up to keep no events (Podman: `events_logger = "none"`).
      if (isHttpError(error) && !signal?.aborted) return new CommitWatch(null);
      throw toEngineError(error, signal);
    }
  }

  private constructor(events: Readable | null) {
    this.#events = events;
    // An engine that ends its events dies, which the commit itself will say.
    if (events) this.#read(events).catch(() => undefined);
  }

  /** Resolves when the engine has said that the container stands still; never where it does not say so. */
  get paused(): Promise<Date> {
    return this.#pausedAt.promise;
  }

  /** When the container went on, of which somebody has already made sure. */
  async resumedAt(): Promise<Date> {
    const now = new Date();
    return this.#isPaused ? within(EVENT_DELAY_MS, this.#resumedAt.promise, now) : now;
  }

  /**
   * Once it has gone on: did it stand still until its files were copied? `null` where the engine did not say. It goes on at the
   * end of whatever commit ends first, which may be one that somebody gave up: then the image is not told of before that.
   */
  stoodStill(imageId: string): boolean | null {
    return this.#isPaused ? (this.#copies.get(imageId) ?? false) : null;
  }

  [Symbol.dispose](): void {
    this.#events?.destroy();
  }

  async #read(events: Readable): Promise<void> {
    let wentOn = false;
    for await (const line of readLines(events)) {
      const { Action, timeNano, Actor }: ContainerEvent = JSON.parse(line);
      const at = new Date(Math.floor(timeNano / 1_000_000));
      if (Action === 'pause') {
        this.#isPaused = true;
        this.#pausedAt.resolve(at);
      } else if (Action === 'unpause') {
        wentOn = true;
        this.#resumedAt.resolve(at);
      } else if (Action === 'commit') {
        this.#copies.set(Actor.Attributes.imageID ?? '', this.#isPaused && !wentOn);
      }
    }
  }
}

/** What `promise` gives, or `otherwise` where that takes longer than `ms`. */
export async function within<T, U>(ms: number, promise: Promise<T>, otherwise: U): Promise<T | U> {
  const late = Promise.withResolvers<U>();
  const timer = setTimeout(() => late.resolve(otherwise), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

interface ContainerEvent {
  readonly Action: string;
  /** With a commit: what came of it. */
  readonly Actor: { readonly Attributes: { readonly imageID?: string } };
  /** In nanoseconds since 1970. */
  readonly timeNano: number;
}
