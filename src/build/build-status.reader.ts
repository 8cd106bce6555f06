import { type EntityManager, kysely } from '../db/orm.ts';
import { buildKey, type EventBus } from '../events/event-bus.ts';
import { JoinedReads, untilNextLook } from '../shared/joined-reads.ts';
import type { BuildRow } from './build.reads.ts';
import { buildVersions } from './build.reads.ts';
import { isFinal } from './build.rules.ts';

export interface BuildStatusEvent {
  readonly version: number;
  readonly at: Date;
  readonly build: BuildRow;
}

interface StatusLook {
  /** The version that the build had before its events were read. */
  readonly version: number;
  readonly final: boolean;
  readonly events: readonly BuildStatusEvent[];
}

/** Follows builds' states; readers who look at the same time share what they find. Whoever calls has checked that the viewer may. */
export class BuildStatusReader {
  readonly #looks = new JoinedReads<StatusLook>();

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
    while (!signal.aborted) {
      const look = await this.#look(build, version);
      for (const event of look.events) {
        version = event.version;
        yield event;
        if (isFinal(event.build.status)) return;
      }
      // There are more than one look takes.
      if (version < look.version && look.events.length > 0) continue;
      if (look.final) return;
      await news.wait(untilNextLook(), signal);
    }
  }

  async #look(build: BuildRow, version: number): Promise<StatusLook> {
    return await this.#looks.read(`${build.id} ${version}`, async () => {
      const db = kysely(this.em.fork());
      // The state is read before the versions: when it is final, the versions that are read next are all there will be.
      const state = await db
        .selectFrom('Build')
        .select(['status', 'version'])
        .where('id', '=', build.id)
        .executeTakeFirst();
      const events = await buildVersions(db, build, version);
      return {
        version: state?.version ?? 0,
        final: state === undefined || isFinal(state.status),
        events,
      };
    });
  }
}
