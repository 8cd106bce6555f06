import { fromKysely, PgBoss } from 'pg-boss';
import { type EntityManager, kysely } from '../db/orm.ts';
import type { Logger } from '../shared/logger.ts';
import type { BuildJob, JobHandler, JobQueue, QueueOrder } from './job-queue.ts';

const QUEUE = 'build';

/**
 * A lost worker is noticed after at most HEARTBEAT + SUPERVISION seconds: 12 s were measured after kill -9. The
 * heartbeat cannot be shorter than 10 s.
 */
const HEARTBEAT_SECONDS = 10;
const SUPERVISION_SECONDS = 5;

/** Above the longest time limit that a build may have (23 h), and below the library's limit of 24 h. */
const EXPIRE_SECONDS = 86_000;

/** Ten years. */
const RETENTION_SECONDS = 315_360_000;

/** ADAPTER over pg-boss: jobs live in the schema `pgboss` of the same database, so they commit with the build's row. */
export class PgBossJobQueue implements JobQueue, AsyncDisposable {
  readonly #boss: PgBoss;

  constructor(databaseUrl: string, log: Logger) {
    this.#boss = new PgBoss({
      connectionString: databaseUrl,
      application_name: 'slipway-queue',
      max: 4,
      schedule: false,
      useListenNotify: true,
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
  }

  async enqueue(
    tx: EntityManager,
    { jobId, buildId, group, priority }: BuildJob & QueueOrder,
  ): Promise<void> {
    const order = { group: { id: group }, priority };
    await this.#boss.send(QUEUE, { buildId }, { id: jobId, ...order, db: fromKysely(kysely(tx)) });
  }

  async remove(tx: EntityManager, jobId: string): Promise<void> {
    await this.#boss.cancel(QUEUE, jobId, { db: fromKysely(kysely(tx)) });
  }

  async work(slots: number, handler: JobHandler): Promise<void> {
    const options = { localConcurrency: slots, pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 2 };
    await this.#boss.work<{ buildId: string }>(QUEUE, options, async ([job]) => {
      if (job !== undefined) await handler({ jobId: job.id, buildId: job.data.buildId }, job.signal);
    });
  }

  async stopWorking(): Promise<void> {
    await this.#boss.offWork(QUEUE, { wait: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#boss.stop({ graceful: false, close: true });
  }
}
