import { LockMode } from '@mikro-orm/core';
import { type EntityManager, kysely } from '../../db/orm.ts';
import type { ContainerEngine } from '../../engine/container-engine.ts';
import type { EventBus } from '../../events/event-bus.ts';
import type { Logger } from '../../shared/logger.ts';
import { Build } from '../build.entity.ts';
import { BuildStore } from '../build.store.ts';
import { endHold, HELD_WAIT_MS } from './notebook-hold.ts';

/** WORKER SIDE: lets notebooks go on that a build may have left paused which no attempt works on any more, or for now. */
export class HeldNotebooks {
  readonly #store: BuildStore;

  constructor(
    private readonly parts: {
      readonly em: EntityManager;
      readonly events: EventBus;
      readonly engine: ContainerEngine;
      readonly log: Logger;
    },
  ) {
    this.#store = new BuildStore(parts.em, parts.events);
  }

  /** Several workers may do so at once. @returns how many had to be resumed */
  async letGo(): Promise<number> {
    const held = await kysely(this.parts.em.fork())
      .selectFrom('Build')
      .select(['id', 'containerId'])
      .where('notebookHeldSince', 'is not', null)
      .where((where) => where.or([where('finishedAt', 'is not', null), where('status', '=', 'QUEUED')]))
      .execute();
    let resumed = 0;
    for (const { id, containerId } of held) {
      try {
        if (await this.#letGo(id, containerId)) resumed += 1;
      } catch (error) {
        this.parts.log.warn(
          { err: error, build: { id } },
          'a notebook may be left paused; trying again later',
        );
      }
    }
    return resumed;
  }

  /** For a build whose worker was lost and that is about to be taken or to end: is its notebook paused at all? */
  async look(buildId: string): Promise<void> {
    const held = await kysely(this.parts.em.fork())
      .selectFrom('Build')
      .select('containerId')
      .where('id', '=', buildId)
      .where('notebookHeldSince', 'is not', null)
      .executeTakeFirst();
    if (!held?.containerId) return;
    const container = await this.parts.engine.container(held.containerId);
    if (container?.state === 'paused') return;
    await this.#store.change({ buildId }, (build, _, now) => endHold(build, now));
  }

  async #letGo(buildId: string, containerId: string | null): Promise<boolean> {
    const { engine } = this.parts;
    // Asked before the row is locked: an engine may be slow to answer.
    const container = containerId === null ? null : await engine.container(containerId);
    const paused = container?.state === 'paused' ? container : null;
    return await this.#store.change({ buildId }, async (build, tx, now) => {
      const atRestSince = build.finishedAt ?? (build.status === 'QUEUED' ? build.queuedAt : null);
      if (build.notebookHeldSince === null || atRestSince === null) return false;
      if (paused !== null) {
        const mayBeCommitted = now.getTime() - atRestSince.getTime() < HELD_WAIT_MS;
        if (mayBeCommitted || (await isHeldByAnother(tx, build))) return false;
        await engine.resume(paused.id);
      }
      endHold(build, now);
      return paused !== null;
    });
  }
}

/** Another save of the same notebook, under way; one that is about to pause it waits for the lock on its row. */
async function isHeldByAnother(tx: EntityManager, build: Build): Promise<boolean> {
  const other = await tx.findOne(
    Build,
    { notebookId: build.notebookId, finishedAt: null, id: { $ne: build.id } },
    { lockMode: LockMode.PESSIMISTIC_WRITE },
  );
  return other !== null && other.notebookHeldSince !== null;
}
