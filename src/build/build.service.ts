import { LockMode } from '@mikro-orm/core';
import type { Session } from '../auth/session.ts';
import type { Parents } from '../db/keyset-page.ts';
import { type EntityManager, kysely } from '../db/orm.ts';
import type { WriteGate } from '../db/write-gate.ts';
import { cancelKey, type EventBus, hintBuild, logKey } from '../events/event-bus.ts';
import type { JobQueue, QueuePlace } from '../queue/job-queue.ts';
import { NotFoundError } from '../shared/errors.ts';
import type { Page, PageArgs } from '../shared/keyset.ts';
import { Problems, refuse } from '../shared/problems.ts';
import { checkText } from '../shared/text.rules.ts';
import { Build } from './build.entity.ts';
import {
  type BuildCriteria,
  type BuildParent,
  type BuildRow,
  type BuildSorting,
  buildsByIds,
  dockerfilesOf,
  pageOfBuilds,
  pagesOfBuilds,
  retriesOf,
} from './build.reads.ts';
import { isFinal } from './build.rules.ts';
import { moveTo, recordChange } from './build.store.ts';
import { canceledFailure, endBuild } from './run/build-settle.ts';

const MAX_REASON = 512;

/** May the viewer, who sees the build, cancel it? */
export function mayCancel(session: Session, build: Pick<BuildRow, 'createdById' | 'namespaceId'>): boolean {
  return session.can('build:cancel-own', build.createdById) || session.can('build:cancel', build.namespaceId);
}

/** Finding builds and cancelling them. Asking for them is build-request.service.ts, running them build.runner.ts. */
export class BuildService {
  constructor(
    private readonly em: EntityManager,
    private readonly queue: JobQueue,
    private readonly events: EventBus,
    private readonly writes: WriteGate,
  ) {}

  async byIds(session: Session, ids: readonly string[]): Promise<BuildRow[]> {
    return await buildsByIds(kysely(this.em.fork()), session, ids);
  }

  async find(session: Session, id: string): Promise<BuildRow | null> {
    const [build] = await this.byIds(session, [id]);
    return build ?? null;
  }

  /** @throws NotFoundError where there is no such build that the viewer may see */
  async get(session: Session, id: string | null): Promise<BuildRow> {
    const build = id === null ? null : await this.find(session, id);
    if (build === null) throw new NotFoundError('There is no such build.');
    return build;
  }

  async page(
    session: Session,
    criteria: BuildCriteria,
    sorting: BuildSorting,
    args: PageArgs,
  ): Promise<Page<BuildRow>> {
    return pageOfBuilds(kysely(this.em.fork()), session, criteria, sorting, args);
  }

  /** A page of each parent's builds, newest first, by the parent's id. */
  async pagesByParent(
    session: Session,
    parents: Parents<BuildParent>,
    criteria: BuildCriteria,
    args: PageArgs,
  ): Promise<ReadonlyMap<string, Page<BuildRow>>> {
    const newestFirst = { field: 'CREATED_AT', direction: 'DESC' } as const;
    return pagesOfBuilds(kysely(this.em.fork()), session, parents, criteria, newestFirst, args);
  }

  /** The builds that tried these once more, newest first. */
  async retriesOf(session: Session, ids: readonly string[]): Promise<ReadonlyMap<string, BuildRow[]>> {
    const rows = await retriesOf(kysely(this.em.fork()), session, ids);
    return Map.groupBy(rows, ({ retryOfId }) => retryOfId as string);
  }

  /** The Dockerfiles of builds that the viewer may see; none for a notebook's. */
  async dockerfilesOf(ids: readonly string[]): Promise<Map<string, string>> {
    return await dockerfilesOf(kysely(this.em.fork()), ids);
  }

  /** Where waiting builds stand in the queue. */
  async queuePlaces(ids: readonly string[]): Promise<Map<string, QueuePlace>> {
    return await this.queue.places(this.em.fork(), ids);
  }

  /** The unfinished builds that save these notebooks, by notebook. Ids only: for telling that a notebook is being saved. */
  async savesOf(notebookUids: readonly string[]): Promise<Map<string, string>> {
    const rows = await kysely(this.em.fork())
      .selectFrom('Build')
      .select(['id', 'notebookId'])
      .where('notebookId', 'in', notebookUids)
      .where('finishedAt', 'is', null)
      .execute();
    return new Map(rows.map(({ id, notebookId }) => [notebookId as string, id]));
  }

  /**
   * Cancels a build: a queued one at once, a running one as soon as its worker has stopped it. For DEVELOPERs of the
   * namespace, and for who made it as long as they may see it.
   */
  async cancel(session: Session, id: string | null, reason: string | null | undefined): Promise<Build> {
    const problems = new Problems();
    checkText(problems, ['reason'], reason, MAX_REASON);
    const seen = id === null ? null : await this.find(session, id);
    if (seen === null) return problems.refuse('NOT_FOUND', ['id'], 'there is no such build');
    if (!mayCancel(session, seen)) session.assertCan('build:cancel', seen.namespaceId);
    problems.refuseIfAny();
    const canceled = await this.writes.run(async (tx) => {
      const build = await tx.findOneOrFail(Build, { id: seen.id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (isFinal(build.status)) {
        return refuse('BUILD_ALREADY_FINISHED', ['id'], `the build has ended: it is ${build.status}`, {
          status: build.status,
        });
      }
      if (build.status === 'CANCELING') return build;
      const now = new Date();
      build.canceledById = session.user.id;
      build.cancelReason = reason ?? null;
      if (build.status === 'QUEUED') {
        await endBuild(tx, build, 'CANCELED', canceledFailure(), now);
        await this.queue.remove(tx, build.jobId);
      } else {
        moveTo(build, 'CANCELING', now);
      }
      recordChange(tx, build);
      return build;
    });
    hintBuild(this.events, canceled.id);
    this.events.hint(logKey(canceled.id));
    this.events.hint(cancelKey(canceled.id));
    return canceled;
  }
}
