import type { EntityManager } from '../db/orm.ts';

/**
 * PORT: the queue of builds. It knows ids only.
 *
 * For the one who implements it: a job is handed out at least once and to one worker at a time; a worker that stops
 * answering loses its job, which comes again. So handlers look at the build's row first, and the row's fence, not the
 * queue, decides whose writes count.
 */
export interface JobQueue {
  /** Adds a job inside the manager's transaction: both commit or neither does. It takes a lock, the last one of the transaction. */
  enqueue(tx: EntityManager, job: BuildJob & QueueOrder): Promise<void>;
  /** Takes a job that nobody needs any more out of the queue, inside the manager's transaction. */
  remove(tx: EntityManager, jobId: string): Promise<void>;
  /** Where these builds' jobs stand among all that wait; one that is handed out, or not there, has no place. */
  places(em: EntityManager, buildIds: readonly string[]): Promise<Map<string, QueuePlace>>;
  /** Hands out jobs until the queue is stopped. A handler that rejects gets its job again. */
  work(limits: WorkLimits, handler: JobHandler): Promise<void>;
  /** Hands out no more jobs, and resolves when none is being handled. */
  stopWorking(): Promise<void>;
}

export interface BuildJob {
  readonly jobId: string;
  readonly buildId: string;
}

/** How a job stands among the others that wait. */
export interface QueueOrder {
  /**
   * Whose it is: the namespace's id. Groups take turns, so that one that has many jobs does not hold up another's first.
   * Jobs of one group come in the order in which they were added.
   */
  readonly group: string;
  /** Every job of a higher class comes before every one of a lower class. */
  readonly priority: JobPriority;
}

export type JobPriority = 'LOW' | 'NORMAL' | 'HIGH';

export interface QueuePlace {
  /** 1 is the next one. Jobs of a group that has all the slots it may have are passed over meanwhile. */
  readonly position: number;
  /** How many wait. */
  readonly size: number;
}

export interface WorkLimits {
  /** How many jobs are handed out to this process at once. */
  readonly slots: number;
  /** How many of one group are handed out at once, over all processes; `null`: any number. */
  readonly groupSlots: number | null;
}

/** @param signal aborts when the job was taken away: whatever the handler still does counts no more */
export type JobHandler = (job: BuildJob, signal: AbortSignal) => Promise<void>;
