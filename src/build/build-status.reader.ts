import { type EntityManager, kysely } from '../db/orm.ts';
import { buildKey, type EventBus } from '../events/event-bus.ts';
import type { BuildRow } from './build.reads.ts';
import { buildVersions } from './build.reads.ts';
import { isFinal } from './build.rules.ts';

/** How long a reader waits for a hint before it looks by itself. */
const LOOK_MS = 2000;

export interface BuildStatusEvent {
  readonly version: number;
  readonly at: Date;
  readonly build: BuildRow;
}

/** Follows builds' states. Whoever calls has checked that the viewer may. */
export class BuildStatusReader {
  constructor(
    private readonly em: EntityManager,
    private readonly events: EventBus,
  ) {}

  /**
   * Every version after `afterVersion`, in order, until the build has ended; with 0 the version that it has now comes
   * first, and not those before.
   *
   * @param build as it was found when the subscription began
   */
  async *follow(
    build: BuildRow,
    afterVersion: number,
    signal: AbortSignal,
  ): AsyncGenerator<BuildStatusEvent> {
    using news = this.events.listen(buildKey(build.id));
    let version = afterVersion === 0 ? build.version - 1 : afterVersion;
    let ended = false;
    while (!ended && !signal.aborted) {
      // The state is read before the versions: when it is final, the versions that are read next are all there will be.
      const final = await this.#isFinal(build.id);
      const events = await buildVersions(kysely(this.em.fork()), build, version);
      for (const event of events) {
        version = event.version;
        yield event;
        ended = isFinal(event.build.status);
      }
      if (events.length > 0) continue;
      if (final) return;
      await news.wait(LOOK_MS, signal);
    }
  }

  async #isFinal(buildId: string): Promise<boolean> {
    const row = await kysely(this.em.fork())
      .selectFrom('Build')
      .select('status')
      .where('id', '=', buildId)
      .executeTakeFirst();
    return row === undefined || isFinal(row.status);
  }
}
