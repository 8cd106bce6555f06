import type { ImageBuildPhase, ImageBuildStatus } from '../shared/enums.ts';
import type { Build } from './build.entity.ts';

/**
 * The life of a build. A state that is not a key of its own row's moves is not reachable from there; the final states
 * have no moves at all.
 *
 * | from | to | when |
 * |---|---|---|
 * | QUEUED | RUNNING | a worker takes it |
 * | QUEUED | CANCELED, EXPIRED | cancelled, or waited too long |
 * | RUNNING | QUEUED | the worker gave it back or was lost |
 * | RUNNING | SUCCEEDED, FAILED, TIMED_OUT | it has ended |
 * | RUNNING | CANCELING | somebody cancelled it |
 * | CANCELING | CANCELED, or SUCCEEDED or FAILED where the work won the race | it has ended |
 */
const MOVES = {
  QUEUED: ['RUNNING', 'CANCELED', 'EXPIRED'],
  RUNNING: ['QUEUED', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELING'],
  CANCELING: ['CANCELED', 'SUCCEEDED', 'FAILED'],
  SUCCEEDED: [],
  FAILED: [],
  CANCELED: [],
  TIMED_OUT: [],
  EXPIRED: [],
} as const satisfies Record<ImageBuildStatus, readonly ImageBuildStatus[]>;

/** May a build go from one state to the other? */
export function canMove(from: ImageBuildStatus, to: ImageBuildStatus): boolean {
  return (MOVES[from] as readonly ImageBuildStatus[]).includes(to);
}

/** A final state: no move leaves it. */
export function isFinal(status: ImageBuildStatus): boolean {
  return MOVES[status].length === 0;
}

/** The part of a build that changes from version to version: what a status event keeps. Times are ISO texts. */
export type BuildState = Pick<
  Build,
  | 'status'
  | 'phase'
  | 'phases'
  | 'failure'
  | 'steps'
  | 'totalSteps'
  | 'attempt'
  | 'builder'
  | 'push'
  | 'logLineCount'
  | 'imageId'
  | 'notebookPausedMs'
  | 'canceledById'
  | 'cancelReason'
> & {
  readonly notebookHeldSince: string | null;
  readonly queuedAt: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
};

/** The state of a build as its status event keeps it. */
export function stateOf(build: Build): BuildState {
  return {
    status: build.status,
    phase: build.phase,
    phases: build.phases,
    failure: build.failure,
    steps: build.steps,
    totalSteps: build.totalSteps,
    attempt: build.attempt,
    builder: build.builder,
    push: build.push,
    logLineCount: build.logLineCount,
    imageId: build.imageId,
    notebookHeldSince: build.notebookHeldSince?.toISOString() ?? null,
    notebookPausedMs: build.notebookPausedMs,
    canceledById: build.canceledById,
    cancelReason: build.cancelReason,
    queuedAt: build.queuedAt?.toISOString() ?? null,
    startedAt: build.startedAt?.toISOString() ?? null,
    finishedAt: build.finishedAt?.toISOString() ?? null,
  };
}

/** A build as it was at the version that `state` was kept for. */
export function withState<B extends BuildStateFields>(build: B, state: BuildState, version: number): B {
  return {
    ...build,
    ...state,
    version,
    // Events of earlier versions have none.
    notebookHeldSince: timeOf(state.notebookHeldSince ?? null),
    notebookPausedMs: state.notebookPausedMs ?? null,
    queuedAt: timeOf(state.queuedAt),
    startedAt: timeOf(state.startedAt),
    finishedAt: timeOf(state.finishedAt),
  };
}
/** A time as it is kept in jsonb. */
export const timeOf = (iso: string | null) => (iso === null ? null : new Date(iso));

type BuildStateFields = Pick<Build, keyof BuildState | 'version'>;

/** Ends the running phase, if there is one, and starts `next`, if there is one. */
export function movePhase(build: Build, next: ImageBuildPhase | null, now: Date): void {
  const at = now.toISOString();
  const phases = build.phases.map((timing) =>
    timing.finishedAt === null ? { ...timing, finishedAt: at } : timing,
  );
  build.phases = next === null ? phases : [...phases, { phase: next, startedAt: at, finishedAt: null }];
  build.phase = next;
}

/**
 * How far a build is, in percent of its steps; `null` while the number of steps is not known. 100 is kept for
 * a build that has succeeded: pushing comes after the last step.
 */
export function percentOf(build: Pick<Build, 'status' | 'steps' | 'totalSteps'>): number | null {
  if (build.status === 'SUCCEEDED') return 100;
  if (build.totalSteps === null || build.totalSteps === 0) return null;
  return Math.min(99, Math.floor((completedSteps(build) / build.totalSteps) * 100));
}

export function completedSteps(build: Pick<Build, 'steps'>): number {
  return build.steps.filter((step) => step.status === 'SUCCEEDED').length;
}
