import type { JobPriority } from './job-queue.ts';

/**
 * The order of the queue: within a class of priority each group's jobs stand one turn apart, and a group's first job
 * gets the turn that is being served now. So groups take turns whatever they have waiting (start-time fair queueing, each
 * job counted alike): the n-th job of one group stands behind the others' first n - 1, and a group that always has a
 * few waiting cannot hold up one that has thousands either.
 *
 * @see https://doi.org/10.1145/248156.248171 Goyal, Vin, Cheng: Start-Time Fair Queueing
 */

/** How many turns a class has: they begin at 0 again whenever none of its jobs is left. */
const TURNS = 700_000_000;

/** The number of the first turn, as the library sorts: higher is earlier, and an integer of 32 bits holds all classes. */
const FIRST: Readonly<Record<JobPriority, number>> = {
  HIGH: 3 * TURNS - 1,
  NORMAL: 2 * TURNS - 1,
  LOW: TURNS - 1,
};

/** The numbers that a class's jobs have, from its last turn to its first. */
export function numbersOf(priority: JobPriority): { readonly last: number; readonly first: number } {
  return { last: FIRST[priority] - TURNS + 1, first: FIRST[priority] };
}

/** What stands in a class already, by number; `null` where nothing does. */
export interface ClassState {
  /** The latest turn that is being worked on. */
  readonly started: number | null;
  /** The earliest turn that waits. */
  readonly head: number | null;
  /** The latest turn of the group's own unfinished jobs. */
  readonly own: number | null;
}

/** The number of a group's next job. */
export function nextNumber(priority: JobPriority, { started, head, own }: ClassState): number {
  const { first, last } = numbersOf(priority);
  const turn = (number: number | null) => (number === null ? null : first - number);
  return first - Math.min(nextTurn(turn(started), turn(head), turn(own)), first - last);
}

function nextTurn(started: number | null, head: number | null, own: number | null): number {
  // A turn that was begun long ago and still runs says nothing when those after it have been served.
  const now = started !== null && (head === null || started >= head - 1) ? started : (head ?? 0);
  return own === null ? now : Math.max(now, own + 1);
}
