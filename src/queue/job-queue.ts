import type { EntityManager } from '../db/orm.ts';

/**
 * PORT: the queue of builds. It knows ids only.
 *
 * For the one who implements it: a job is handed out at least once and to one worker at a time; a worker that stops
 * answering loses its job, which comes again. So handlers look at the build's row first, and the row's fence, not the
 * queue, decides whose writes count.
 */
export interface JobQueue {
  /** Adds a job inside the manager's transaction: both commit or neither does. */
  enqueue(tx: EntityManager, job: BuildJob & QueueOrder): Promise<void>;
  /** Takes a job that nobody needs any more out of the queue, inside the manager's transaction. */
  remove(tx: EntityManager, jobId: string): Promise<void>;
  /** Hands out jobs, at most `slots` at once, until the queue is stopped. A handler that rejects gets its job again. */
  work(slots: number, handler: JobHandler): Promise<void>;
  /** Hands out no more jobs, and resolves when none is being handled. */
  stopWorking(): Promise<void>;
}

export interface BuildJob {
  readonly jobId: string;
  readonly buildId: string;
}

/** How a job stands among the others that wait. */
export interface QueueOrder {
  /** Jobs of one group share a cap on how many of them run at once: the namespace's id. */
  readonly group: string;
  /** Higher ones are handed out first; among equals the oldest. */
  readonly priority: number;
}

/** @param signal aborts when the job was taken away: whatever the handler still does counts no more */
export type JobHandler = (job: BuildJob, signal: AbortSignal) => Promise<void>;
