import { LockMode } from '@mikro-orm/core';
import type { EntityManager } from '../../db/orm.ts';
import { EngineError } from '../../engine/container-engine.ts';
import { Image } from '../../image/image.entity.ts';
import { isUnfinished } from '../../image/image.rules.ts';
import type { ImageBuildFailureReason } from '../../shared/enums.ts';
import { UnsealError } from '../../shared/secret-box.ts';
import type { Build, BuildFailure } from '../build.entity.ts';
import { isFinal, movePhase } from '../build.rules.ts';
import { type BuildStore, type Fence, moveTo, recordChange } from '../build.store.ts';
import { addLastLine } from '../log/build-log-end.ts';
import { forgetSecrets } from '../request/build-secrets.ts';

/** After this many lost workers a build is taken to be what kills them. */
const MAX_LOST_WORKERS = 2;

/** A build failed for a reason of its own that the engine knows nothing of. */
export class BuildFailedError extends Error {
  override readonly name = 'BuildFailedError';
  constructor(
    readonly reason: ImageBuildFailureReason,
    message: string,
  ) {
    super(message);
  }
}

/** Reasons after which the same build may succeed when it is simply tried again. */
const RETRYABLE: ReadonlySet<ImageBuildFailureReason> = new Set([
  'TIMED_OUT',
  'REGISTRY_UNAVAILABLE',
  'ENGINE_UNAVAILABLE',
  'WORKER_LOST',
  'DISK_FULL',
  'EXPIRED',
  'INTERNAL',
]);

function failureOf(
  reason: ImageBuildFailureReason,
  message: string,
  at: Partial<BuildFailure> = {},
): BuildFailure {
  return { step: null, line: null, exitCode: null, ...at, reason, message, retryable: RETRYABLE.has(reason) };
}

/**
 * Takes a build for this worker.
 *
 * A build that is RUNNING already was another worker's, and that one is lost: the build goes back to the queue and is
 * taken as the next attempt, or ends as WORKER_LOST. One that has waited for too long ends as EXPIRED.
 *
 * @param queueTimeoutMs how long a build may wait
 * @returns the build as it is now; `null` if there is nothing to do for it any more
 */
export async function claimBuild(
  store: BuildStore,
  buildId: string,
  queueTimeoutMs: number,
): Promise<Build | null> {
  let claimed: string | null = null;
  return await store.change({ buildId }, async (build, tx, now) => {
    if (isFinal(build.status)) return null;
    // The commit went through, and only its answer was lost with the connection.
    if (claimed !== null && claimed === claimOf(build)) return build;
    if (build.status === 'CANCELING') {
      await endBuild(tx, build, 'CANCELED', failureOf('CANCELED', 'canceled'), now);
      await addLastLine(tx, build, 'Canceled.', now);
      return null;
    }
    if (build.status === 'RUNNING') {
      build.lostWorkers += 1;
      if (build.lostWorkers >= MAX_LOST_WORKERS) {
        const message = `${build.lostWorkers} workers were lost while they ran this build; it may use more memory or disk than they have`;
        await endUnattended(tx, build, 'FAILED', failureOf('WORKER_LOST', message), now);
        return null;
      }
      requeue(build, now);
      recordChange(tx, build);
    } else if (now.getTime() - queuedSince(build).getTime() > queueTimeoutMs) {
      await expireBuild(tx, build, queueTimeoutMs, now);
      return null;
    }
    moveTo(build, 'RUNNING', now);
    build.attempt += 1;
    build.startedAt ??= now;
    build.steps = [];
    build.totalSteps = null;
    build.builder = null;
    build.push = null;
    build.phases = [];
    movePhase(build, 'PREPARING', now);
    claimed = claimOf(build);
    return build;
  });
}

/** What no two claims of one build have in common. */
const claimOf = ({ status, attempt, phases }: Build) => `${status} ${attempt} ${phases[0]?.startedAt}`;

/** Gives a running build back to the queue. */
export async function releaseBuild(store: BuildStore, fence: Fence): Promise<void> {
  await store.change(fence, async (build, tx, now) => {
    // The commit went through, and only its answer was lost with the connection.
    if (build.status === 'QUEUED') return;
    if (build.status === 'CANCELING')
      await endBuild(tx, build, 'CANCELED', failureOf('CANCELED', 'canceled'), now);
    else requeue(build, now);
  });
}

/** @param tell puts the message into the log before the build ends, for nothing is logged afterwards */
export async function failBuild(
  store: BuildStore,
  fence: Fence,
  error: unknown,
  tell: (message: string) => Promise<void>,
): Promise<BuildFailure> {
  const failure = describe(error);
  await tell(`Failed: ${failure.message}`);
  await store.change(fence, async (build, tx, now) => {
    // A push that lost the race against a cancel still ends as what the caller of the cancel was told.
    const canceled = build.status === 'CANCELING';
    await endBuild(
      tx,
      build,
      canceled ? 'CANCELED' : 'FAILED',
      canceled ? failureOf('CANCELED', 'canceled') : failure,
      now,
    );
  });
  return failure;
}

export async function settleCanceled(store: BuildStore, fence: Fence): Promise<void> {
  await store.change(fence, async (build, tx, now) => {
    await endBuild(tx, build, 'CANCELED', failureOf('CANCELED', 'canceled'), now);
  });
}

export async function settleTimedOut(store: BuildStore, fence: Fence, timeoutMs: number): Promise<void> {
  const failure = failureOf('TIMED_OUT', `the build took longer than its limit of ${timeoutMs / 1000} s`);
  await store.change(fence, async (build, tx, now) => {
    if (build.status === 'CANCELING')
      await endBuild(tx, build, 'CANCELED', failureOf('CANCELED', 'canceled'), now);
    else await endBuild(tx, build, 'TIMED_OUT', failure, now);
  });
}

/** Ends a build that made no image: its phase and steps stop, and an image that waited for it is CREATE_FAILED. */
export async function endBuild(
  tx: EntityManager,
  build: Build,
  status: 'FAILED' | 'CANCELED' | 'TIMED_OUT' | 'EXPIRED',
  failure: BuildFailure,
  now: Date,
): Promise<void> {
  moveTo(build, status, now);
  movePhase(build, null, now);
  build.failure = failure;
  await forgetSecrets(tx, build);
  build.steps = build.steps.map((step) =>
    step.finishedAt === null && step.status === 'RUNNING'
      ? { ...step, status: status === 'FAILED' ? 'FAILED' : 'CANCELED', finishedAt: now.toISOString() }
      : step,
  );
  if (build.imageId === null) return;
  // Waited for here, and not after the change has been dated.
  const image = await tx.findOne(Image, { id: build.imageId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (image === null || !isUnfinished(image.status)) return;
  image.status = 'CREATE_FAILED';
  image.statusMessage = failure.message;
  image.replacesId = null;
  image.updatedAt = now;
}

/** What a cancel before the start leaves behind. */
export const canceledFailure = () => failureOf('CANCELED', 'canceled before it started');

/** Ends a locked build that has waited for its turn for too long. */
export async function expireBuild(
  tx: EntityManager,
  build: Build,
  queueTimeoutMs: number,
  now: Date,
): Promise<void> {
  const message = `it waited longer than ${queueTimeoutMs / 1000} s for its turn; try again when fewer builds wait, or ask the operator for more workers or more builds at once`;
  await endUnattended(tx, build, 'EXPIRED', failureOf('EXPIRED', message), now);
}

/** Ends a build that no attempt works on; its log says why, as an attempt would have said. */
async function endUnattended(
  tx: EntityManager,
  build: Build,
  status: 'FAILED' | 'EXPIRED',
  failure: BuildFailure,
  now: Date,
): Promise<void> {
  await endBuild(tx, build, status, failure, now);
  await addLastLine(tx, build, `Failed: ${failure.message}`, now);
}

const queuedSince = ({ queuedAt, createdAt }: Build) => queuedAt ?? createdAt;

function requeue(build: Build, now: Date): void {
  moveTo(build, 'QUEUED', now);
  movePhase(build, null, now);
  build.queuedAt = now;
}

function describe(error: unknown): BuildFailure {
  if (error instanceof BuildFailedError) return failureOf(error.reason, error.message);
  if (error instanceof EngineError && error.reason !== 'INTERNAL') {
    return failureOf(error.reason, error.message, {
      step: error.step,
      line: error.line,
      exitCode: error.exitCode,
    });
  }
  if (error instanceof UnsealError) {
    const message =
      "the worker cannot open this build's secrets; the operator has to give every process the same SLIPWAY_SECRET_KEY";
    return failureOf('INTERNAL', message);
  }
  return failureOf(
    'INTERNAL',
    'something went wrong on our side; try again, and tell the operator if it stays',
  );
}
