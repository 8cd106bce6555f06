import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '../../db/orm.ts';
import { type EventBus, hintBuild, logKey } from '../../events/event-bus.ts';
import type { JobQueue } from '../../queue/job-queue.ts';
import { Build } from '../build.entity.ts';
import { recordChange } from '../build.store.ts';
import { expireBuild } from '../run/build-settle.ts';

/** Builds that one transaction ends. */
const BATCH = 100;

/**
 * Ends the builds that have waited for a worker too long. Several processes may do so at once: none waits for a build that
 * another one ends, or that a worker is just taking.
 *
 * @returns how many it ended
 */
export async function expireBuilds(
  { em, queue, events }: { em: EntityManager; queue: JobQueue; events: EventBus },
  queueTimeoutMs: number,
  signal?: AbortSignal,
): Promise<number> {
  for (let count = 0; ; ) {
    const ids = await em.fork().transactional(async (tx) => await expireBatch(tx, queue, queueTimeoutMs));
    for (const id of ids) {
      hintBuild(events, id);
      events.hint(logKey(id));
    }
    count += ids.length;
    if (ids.length < BATCH || signal?.aborted) return count;
  }
}

async function expireBatch(tx: EntityManager, queue: JobQueue, queueTimeoutMs: number): Promise<string[]> {
  const now = new Date();
  const $lt = new Date(now.getTime() - queueTimeoutMs);
  const builds = await tx.find(
    Build,
    // What came into the queue before was made before: the index of unfinished builds goes by that.
    { status: 'QUEUED', finishedAt: null, createdAt: { $lt }, queuedAt: { $lt } },
    { orderBy: { createdAt: 'asc', id: 'asc' }, limit: BATCH, lockMode: LockMode.PESSIMISTIC_PARTIAL_WRITE },
  );
  for (const build of builds) {
    await expireBuild(tx, build, queueTimeoutMs, now);
    await queue.remove(tx, build.jobId);
  }
  for (const build of builds) recordChange(tx, build);
  return builds.map(({ id }) => id);
}
