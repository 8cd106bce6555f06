import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import DataLoader from 'dataloader';
import { LRUCache } from 'lru-cache';
import { type EntityManager, kysely } from '../../db/orm.ts';
import { BUILDS_KEY, type EventBus } from '../../events/event-bus.ts';
import { isPassingDatabaseFault } from '../../shared/faults.ts';
import { ActivityInbox } from './build-activity.inbox.ts';
import {
  type BuildChange,
  type ChangeKey,
  type ChangeNotice,
  changesByKey,
  changesSince,
  keyOf,
} from './build-activity.reads.ts';

/** How long it waits for a hint before it looks by itself, and how long it pauses between looks however many hints come. */
const LOOK_MS = 2000;
const PAUSE_MS = 200;
/**
 * Changes are found by their dates, but do not commit in that order, and the clocks of several machines differ: so each
 * look goes back this far, and leaves out what was found before.
 */
const OVERLAP_MS = 15_000;
/** A new subscriber first gets what happened so shortly before, so that nothing falls between subscribing and a query. */
const RECENT_MS = 5000;
/** Changes that are read at once for whoever takes them, and how many are kept for the subscribers who take them next. */
const CHANGES_PER_READ = 50;
const MAX_KEPT = 200;

interface Subscriber {
  readonly inbox: ActivityInbox;
  /** Until it has had its first changes: from when on it wants them. */
  newSince: number | null;
}

/**
 * Follows all builds: one reader in a process, however many listen to it, and none where nobody does. It finds out what has
 * changed; the builds are read when somebody takes a change, by one statement for all who take it at that time.
 */
export class BuildActivityReader {
  readonly #subscribers = new Set<Subscriber>();
  readonly #changes: DataLoader<ChangeKey, BuildChange | null, string>;
  #reading: AbortController | null = null;

  constructor(
    private readonly em: EntityManager,
    private readonly events: EventBus,
  ) {
    this.#changes = new DataLoader(
      async (keys) => {
        const found = await changesByKey(kysely(em.fork()), keys);
        return keys.map((key) => found.get(keyOf(key)) ?? null);
      },
      {
        cacheKeyFn: keyOf,
        cacheMap: new LRUCache<string, Promise<BuildChange | null>>({ max: MAX_KEPT }),
        maxBatchSize: CHANGES_PER_READ,
      },
    );
  }

  /**
   * Every change from now on, each build's in order; where they are not taken fast enough, only the newest of each build.
   *
   * @param sees may the viewer see this change, and do they want to, now?
   * @throws UnavailableError where too many wait to be taken
   */
  async *follow(sees: (notice: ChangeNotice) => boolean, signal: AbortSignal): AsyncGenerator<BuildChange> {
    const subscriber = { inbox: new ActivityInbox(sees), newSince: Date.now() - RECENT_MS };
    this.#subscribers.add(subscriber);
    this.#startReading();
    try {
      for await (const batch of subscriber.inbox.batches(CHANGES_PER_READ, signal)) {
        // Read together, but not held: a client that stands still must not keep them in memory.
        void this.#changes.loadMany(batch);
        for (const notice of batch) {
          // Asked again, for it may have waited, and rights may have changed meanwhile.
          if (signal.aborted || !sees(notice)) continue;
          const change = await this.#change(notice, signal);
          if (change !== null) yield change;
        }
      }
    } finally {
      this.#subscribers.delete(subscriber);
      if (this.#subscribers.size === 0) this.#reading?.abort();
    }
  }

  /** @returns `null` for a build that is gone, and when `signal` aborts while the database is away */
  async #change(key: ChangeKey, signal: AbortSignal): Promise<BuildChange | null> {
    while (!signal.aborted) {
      try {
        return await this.#changes.load(key);
      } catch (error) {
        if (!isPassingDatabaseFault(error)) throw error;
        await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    return null;
  }

  #startReading(): void {
    if (this.#reading !== null && !this.#reading.signal.aborted) return;
    const reading = new AbortController();
    this.#reading = reading;
    this.#read(reading.signal).catch((error: unknown) => {
      reading.abort();
      for (const { inbox } of this.#subscribers) inbox.fail(error);
    });
  }

  async #read(signal: AbortSignal): Promise<void> {
    using news = this.events.listen(BUILDS_KEY);
    const found = new Map<string, Date>();
    let readAt = Date.now();
    while (!signal.aborted) {
      const startedAt = Date.now();
      const since = new Date(readAt - OVERLAP_MS);
      try {
        await this.#look(since, found);
        readAt = startedAt;
      } catch (error) {
        // The next look goes back to the last one that was whole.
        if (!isPassingDatabaseFault(error)) throw error;
      }
      for (const [key, at] of found) if (at < since) found.delete(key);
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
      await news.wait(LOOK_MS, signal);
    }
  }

  /** Hands out what is new since the last look. @param found what was found so far, by key */
  async #look(since: Date, found: Map<string, Date>): Promise<void> {
    // Whoever subscribes from here on is new at the next look.
    const subscribers = [...this.#subscribers].map((subscriber) => ({
      subscriber,
      newSince: subscriber.newSince,
    }));
    const recent = Math.min(...subscribers.map(({ newSince }) => newSince ?? Number.POSITIVE_INFINITY));
    const wanted: ChangeNotice[] = [];
    for await (const notices of changesSince(kysely(this.em.fork()), since)) {
      wanted.push(...notices.filter((key) => !found.has(keyOf(key)) || key.at.getTime() >= recent));
    }
    for (const [count, notice] of inOrder(wanted).entries()) {
      const isNew = !found.has(keyOf(notice));
      for (const { subscriber, newSince } of subscribers) {
        if (newSince === null ? isNew : notice.at.getTime() >= newSince) subscriber.inbox.put(notice);
      }
      found.set(keyOf(notice), notice.at);
      // So that subscribers get their turns in between.
      if (count % CHANGES_PER_READ === CHANGES_PER_READ - 1) await nextTurn();
    }
    for (const { subscriber } of subscribers) subscriber.newSince = null;
  }
}

/** Build by build, and each one's by version, whatever the clocks of those who wrote them say. */
function inOrder(notices: readonly ChangeNotice[]): ChangeNotice[] {
  const byBuild = Map.groupBy(notices, ({ buildId }) => buildId);
  return [...byBuild.values()].flatMap((ofBuild) => ofBuild.sort((a, b) => a.version - b.version));
}
