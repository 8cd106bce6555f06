import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { fromKysely, type Job, PgBoss } from 'pg-boss';
import { type EntityManager, kysely } from '../db/orm.ts';
import { withSearchPath } from '../db/search-path.ts';
import type { Logger } from '../shared/logger.ts';
import { type ClassState, nextNumber, numbersOf } from './fair-order.rules.ts';
import type {
  BuildJob,
  JobHandler,
  JobPriority,
  JobQueue,
  QueueOrder,
  QueuePlace,
  WorkLimits,
} from './job-queue.ts';

const QUEUE = 'build';

/**
 * A lost worker is noticed after at most HEARTBEAT + SUPERVISION seconds: 12 s were measured after kill -9. The
 * heartbeat cannot be shorter than 10 s.
 */
const HEARTBEAT_SECONDS = 10;
const HEARTBEAT_REFRESH_SECONDS = 2;
const SUPERVISION_SECONDS = 5;
/** Who has heard nothing of the database for so long cannot tell a lost worker from one whose heartbeats did not arrive. */
const LONGEST_SILENCE_MS = (HEARTBEAT_SECONDS - HEARTBEAT_REFRESH_SECONDS) * 1000;

/** Above the longest time limit that a build may have (23 h), and below the library's limit of 24 h. */
const EXPIRE_SECONDS = 86_000;

/** Ten years. */
const RETENTION_SECONDS = 315_360_000;

/** Jobs that wait; worded as the library's index `job_i11` has it, which is sorted as they are handed out. */
const WAITING = sql`name = ${sql.lit(QUEUE)} and state < 'active' and not blocked`;
/** Jobs that are handed out, as its index `job_i7` has it. */
const HANDED_OUT = sql`name = ${sql.lit(QUEUE)} and state = 'active' and group_id is not null`;

/** The library is to bring the job again: it was handed out, but nothing has begun. */
class JobGivenBack extends Error {
  override readonly name = 'JobGivenBack';
}

/** ADAPTER over pg-boss: jobs live in the schema `pgboss` of the same database, so they commit with the build's row. */
export class PgBossJobQueue implements JobQueue, AsyncDisposable {
  readonly #boss: PgBoss;
  #stopping = false;
  readonly #supervision = new AbortController();
  /** When the database last answered, and when it was last found to be back, in epoch milliseconds. */
  #answeredAt = Date.now();
  #backAt = 0;

  constructor(
    databaseUrl: string,
    private readonly em: EntityManager,
    private readonly log: Logger,
  ) {
    this.#boss = new PgBoss({
      connectionString: withSearchPath(databaseUrl),
      application_name: 'slipway-queue',
      max: 4,
      // A migration makes it, so that the role that runs Slipway need not be able to make schemas.
      createSchema: false,
      schedule: false,
      useListenNotify: true,
      supervise: false,
      superviseIntervalSeconds: SUPERVISION_SECONDS,
      monitorIntervalSeconds: SUPERVISION_SECONDS,
    });
    this.#boss.on('error', (error) => log.warn({ err: error }, 'the job queue met an error and goes on'));
    this.#boss.on('warning', (warning) => log.debug({ warning }, 'the job queue warns'));
  }

  /** Brings the queue's own tables up to date and starts its supervision. */
  async start(): Promise<void> {
    await this.#boss.start();
    const options = {
      notify: true,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      expireInSeconds: EXPIRE_SECONDS,
      // How often a build is tried is the build's own affair (build.runner.ts); the queue just brings it again.
      retryLimit: 1_000_000,
      retryDelay: 1,
      deleteAfterSeconds: 86_400,
      // A build may wait as long as it has to for a worker.
      retentionSeconds: RETENTION_SECONDS,
    };
    await this.#boss.createQueue(QUEUE, options);
    // A queue that exists keeps its old options otherwise.
    await this.#boss.updateQueue(QUEUE, options);
    this.#answeredAt = Date.now();
    void this.#keepSupervising(this.#supervision.signal);
  }

  async enqueue(
    tx: EntityManager,
    { jobId, buildId, group, priority }: BuildJob & QueueOrder,
  ): Promise<void> {
    await lockTurns(tx, group, priority);
    const number = nextNumber(priority, await classState(tx, group, priority));
    const order = { group: { id: group }, priority: number };
    await this.#boss.send(QUEUE, { buildId }, { id: jobId, ...order, db: fromKysely(kysely(tx)) });
  }

  async remove(tx: EntityManager, jobId: string): Promise<void> {
    await this.#boss.cancel(QUEUE, jobId, { db: fromKysely(kysely(tx)) });
  }

  async places(em: EntityManager, buildIds: readonly string[]): Promise<Map<string, QueuePlace>> {
    const { rows } = await sql<QueuePlace & { id: string }>`
      select id, position, size from (
        select data->>'buildId' as id, row_number() over (order by priority desc, created_on)::int as position,
          count(*) over ()::int as size
        from pgboss.job where ${WAITING}
      ) waiting where id = any(${[...buildIds]}::text[])`.execute(kysely(em));
    return new Map(rows.map(({ id, position, size }) => [id, { position, size }]));
  }

  async work({ slots, groupSlots }: WorkLimits, handler: JobHandler): Promise<void> {
    const options = {
      pollingIntervalSeconds: 1,
      notifyPollingIntervalSeconds: 2,
      heartbeatRefreshSeconds: HEARTBEAT_REFRESH_SECONDS,
      ...(groupSlots === null ? {} : { groupConcurrency: groupSlots }),
    };
    // One registration a slot, because only a registration can be woken.
    for (let slot = 0; slot < slots; slot += 1) {
      const id = await this.#boss.work<{ buildId: string }>(QUEUE, options, async ([job]) => {
        if (job === undefined) return;
        // It was on its way when the queue was stopped.
        if (this.#stopping) throw new JobGivenBack();
        if (groupSlots !== null) await this.#takeGroupSlot(job, groupSlots);
        try {
          await handler({ jobId: job.id, buildId: job.data.buildId }, job.signal);
        } finally {
          // After a job that took less than the polling interval the library would wait for the rest of it.
          this.#boss.notifyWorker(id);
        }
      });
    }
  }

  async stopWorking(): Promise<void> {
    this.#stopping = true;
    await this.#boss.offWork(QUEUE, { wait: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#supervision.abort();
    await this.#boss.stop({ graceful: false, close: true });
  }

  /** One round after another: a database that lets statements hang must not have several of them when it goes on. */
  async #keepSupervising(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(SUPERVISION_SECONDS * 1000, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.#supervise();
    }
  }

  /**
   * Takes jobs away from lost workers. While the database was away, or let every statement hang, no worker could send its
   * heartbeat, so each gets the time of one before it is judged: a restart of the database would cost every running build an
   * attempt otherwise. So the database is asked first whether it is there.
   */
  async #supervise(): Promise<void> {
    try {
      await sql`select 1`.execute(kysely(this.em.fork()));
      this.#noteAnswer();
      if (Date.now() - this.#backAt <= HEARTBEAT_SECONDS * 1000) return;
      await this.#boss.supervise(QUEUE);
      this.#noteAnswer();
    } catch (error) {
      this.#backAt = Date.now();
      this.log.debug({ err: error }, 'the jobs of lost workers could not be looked for');
    }
  }

  #noteAnswer(): void {
    const now = Date.now();
    if (now - this.#answeredAt > LONGEST_SILENCE_MS) this.#backAt = now;
    this.#answeredAt = now;
  }

  /**
   * Holds a job against its group's cap, one of the group at a time. The library hands out by what has been handed out
   * before, so several workers that ask at the same moment get one each.
   *
   * Neither is a slot lost: a job goes back only where as many others are handed out as may be.
   *
   * @throws JobGivenBack the group has all its slots; the job waits again, at its old place
   */
  async #takeGroupSlot(job: Job, groupSlots: number): Promise<void> {
    const { groupId } = job;
    if (typeof groupId !== 'string') return;
    const hasSlot = await this.em.fork().transactional(async (tx) => {
      const db = kysely(tx);
      const lock = `slipway queue ${groupId}`;
      await sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`.execute(db);
      const { rows } = await sql<{ others: number }>`
        select count(*)::int as others from pgboss.job
        where ${HANDED_OUT} and group_id = ${groupId} and id <> ${job.id}`.execute(db);
      if ((rows[0]?.others ?? 0) < groupSlots) return true;
      // Under the lock, or the next one to look would count it.
      await this.#boss.fail(QUEUE, job, {}, { db: fromKysely(db) });
      return false;
    });
    if (!hasSlot) throw new JobGivenBack();
  }
}

/**
 * Lets one job of a group and class be placed after another: two that look at once would get the same turn. Of all locks that
 * a transaction takes this is the last: after the builds' rows, the images', the namespace's and the workspace's and the client
 * token's. So whoever holds it waits for nobody.
 */
async function lockTurns(tx: EntityManager, group: string, priority: JobPriority): Promise<void> {
  const lock = `slipway turns ${group} ${priority}`;
  await sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`.execute(kysely(tx));
}

/** What a group's next job has to be placed by. For a group that has no job among 10,000 that wait it takes 6 ms, for others less than 1. */
async function classState(tx: EntityManager, group: string, priority: JobPriority): Promise<ClassState> {
  const { last, first } = numbersOf(priority);
  const inClass = sql`priority between ${last} and ${first}`;
  const { rows } = await sql<ClassState>`
    select (select min(priority) from pgboss.job where ${HANDED_OUT} and ${inClass}) as started,
      (select max(priority) from pgboss.job where ${WAITING} and ${inClass}) as head,
      least((select min(priority) from pgboss.job where ${WAITING} and ${inClass} and group_id = ${group}),
        (select min(priority) from pgboss.job where ${HANDED_OUT} and ${inClass} and group_id = ${group})) as own`.execute(
    kysely(tx),
  );
  return rows[0] as ClassState;
}
