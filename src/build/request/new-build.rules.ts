import { randomUUID } from 'node:crypto';
import type { Session } from '../../auth/session.ts';
import type { Build } from '../build.entity.ts';
import type { BuildTarget } from './build-target.rules.ts';

/** A build as it is when it is queued; what is asked for comes on top. */
export function queuedBuild(session: Session, target: BuildTarget) {
  const now = new Date();
  return {
    id: randomUUID(),
    status: 'QUEUED',
    phase: null,
    phases: [],
    failure: null,
    steps: [],
    totalSteps: null,
    attempt: 0,
    lostWorkers: 0,
    imageId: null,
    targetName: target.name,
    targetTag: target.tag,
    targetReference: target.reference,
    targetDescription: null,
    targetLabels: [],
    dockerfile: null,
    buildType: null,
    source: null,
    notebookId: null,
    containerId: null,
    pause: true,
    notebook: null,
    notebookHeldSince: null,
    notebookPausedMs: null,
    visibility: 'PRIVATE',
    jobName: null,
    jobId: randomUUID(),
    priority: 'NORMAL',
    resource: null,
    network: null,
    targetRegistry: null,
    regionId: null,
    retryOfId: null,
    builder: null,
    push: null,
    logLineCount: 0,
    logBytes: 0,
    logTextBytes: 0,
    logDeletedAt: null,
    createdById: session.user.id,
    createdAt: now,
    queuedAt: now,
    startedAt: null,
    finishedAt: null,
    canceledById: null,
    cancelReason: null,
  } as const satisfies Partial<Build>;
}
