import { type EntityManager, kysely } from '../../db/orm.ts';
import { BUILDS_KEY, type EventBus } from '../../events/event-bus.ts';
import { isPassingDatabaseFault } from '../../shared/faults.ts';
import { ActivityInbox } from './build-activity.inbox.ts';
import {
  type BuildChange,
  type ChangeKey,
  changesByKey,
  changesSince,
  keyOf,
} from './build-activity.reads.ts';

/** How long it waits for a hint before it looks by itself. */
const LOOK_MS = 2000;
/**
 * Changes are found by their dates, but do not commit in that order, and the clocks of several machines differ: so each
 * look goes back this far, and leaves out what was found before.
 */
const OVERLAP_MS = 15_000;
/** A new subscriber first gets what happened so shortly before, so that nothing falls between subscribing and a query. */
const RECENT_MS = 5000;
/** Changes that are read at once, so that subscribers get their turns in between. */
const CHANGES_PER_READ = 200;

interface Subscriber {
  readonly inbox: ActivityInbox;
  /** Until it has had its first changes: from when on it wants them. */
  newSince: number | null;
}

/** Follows all builds: one reader in a process, however many listen to it, and none where nobody does. */
export class BuildActivityReader {
  readonly #subscribers = new Set<Subscriber>();
  #reading: AbortController | null = null;

  constructor(
    private readonly em: EntityManager,
    private readonly events: EventBus,
  ) {}

  /**
   * Every change from now on, each build's in order; where they are not taken fast enough, only the newest of each build.
   *
   * @param sees may the viewer see this change, and do they want to, now?
   * @throws UnavailableError where too many wait to be taken
   */
  async *follow(sees: (change: BuildChange) => boolean, signal: AbortSignal): AsyncGenerator<BuildChange> {
    const subscriber = { inbox: new ActivityInbox(sees), newSince: Date.now() - RECENT_MS };
    this.#subscribers.add(subscriber);
    this.#startReading();
    try {
      yield* subscriber.inbox.changes(signal);
    } finally {
      this.#subscribers.delete(subscriber);
      if (this.#subscribers.size === 0) this.#reading?.abort();
    }
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
    const db = kysely(this.em.fork());
    const keys = await changesSince(db, since);
    const wanted = inOrder(keys.filter((key) => !found.has(keyOf(key)) || key.at.getTime() >= recent));
    for (let first = 0; first < wanted.length; first += CHANGES_PER_READ) {
      const part = wanted.slice(first, first + CHANGES_PER_READ);
      for (const change of await changesByKey(db, part)) {
        const isNew = !found.has(keyOf({ buildId: change.build.id, version: change.version }));
        for (const { subscriber, newSince } of subscribers) {
          if (newSince === null ? isNew : change.at.getTime() >= newSince) subscriber.inbox.put(change);
        }
      }
      for (const key of part) found.set(keyOf(key), key.at);
    }
    for (const { subscriber } of subscribers) subscriber.newSince = null;
  }
}

/** Build by build, and each one's by version, whatever the clocks of those who wrote them say. */
function inOrder(keys: readonly ChangeKey[]): ChangeKey[] {
  const byBuild = Map.groupBy(keys, ({ buildId }) => buildId);
  return [...byBuild.values()].flatMap((ofBuild) => ofBuild.sort((a, b) => a.version - b.version));
}
