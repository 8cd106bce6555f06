import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Label } from '../image/content/image-content.ts';
import { Image } from '../image/image.entity.ts';
import { Namespace } from '../namespace/namespace.entity.ts';
import type {
  Builder,
  BuildResourceType,
  BuildType,
  ImageBuildFailureReason,
  ImageBuildKind,
  ImageBuildPhase,
  ImageBuildPriority,
  ImageBuildStatus,
  ImageBuildStepStatus,
  RegistryType,
  Visibility,
} from '../shared/enums.ts';
import type { Row } from '../shared/row.ts';
import { User } from '../user/user.entity.ts';
import { Workspace } from '../workspace/workspace.entity.ts';

export interface BuildFailure {
  readonly reason: ImageBuildFailureReason;
  readonly message: string;
  readonly step: number | null;
  readonly line: number | null;
  readonly exitCode: number | null;
  readonly retryable: boolean;
}
/** Times are ISO texts: the values live in jsonb. */
export interface PhaseTiming {
  readonly phase: ImageBuildPhase;
  readonly startedAt: string;
  readonly finishedAt: string | null;
}
export interface StepState {
  readonly number: number;
  readonly stage: string | null;
  readonly name: string;
  readonly line: number | null;
  readonly status: ImageBuildStepStatus;
  readonly cached: boolean;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly error: string | null;
}
/** What a Dockerfile build is made from, beside the Dockerfile; a notebook build has none. */
export interface DockerfileSource {
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly files: readonly { readonly path: string; readonly content: string; readonly mode: number }[];
  readonly target: string | null;
  readonly noCache: boolean;
  /** The ids of the secrets and the hosts of the credentials that came with the request; absent: none. They are in build_secret. */
  readonly secretIds?: readonly string[];
  readonly authHosts?: readonly string[];
}
/** What was asked for in processors and memory (S3's Resource), as it was written. */
export interface BuildResource {
  readonly ecsSpec: string | null;
  readonly quotaId: string | null;
  readonly type: BuildResourceType | null;
  readonly config: { readonly cpu: string | null; readonly memory: string | null } | null;
}
/** The network that was asked for (S3's UserVpc). */
export interface BuildNetwork {
  readonly vpcId: string | null;
  readonly switchId: string | null;
  readonly securityGroupId: string | null;
  readonly extendedCidrs: readonly string[];
  readonly defaultRoute: string | null;
}
/** What a notebook was when its saving was asked for. */
export interface NotebookSource {
  readonly name: string;
  /** The reference that it was started with. */
  readonly image: string;
  /** That image in the catalogue; `null` where it is not there. */
  readonly sourceImageId: string | null;
}
export interface TargetRegistry {
  readonly type: RegistryType;
  readonly instanceId: string | null;
}
/** Bytes over all layers; the engine knows their sizes before they are compressed. */
export interface PushProgress {
  readonly pushedBytes: number;
  readonly totalBytes: number;
}

/** One execution that makes an image: from a Dockerfile or from a running notebook. */
export const Build = defineEntity({
  name: 'Build',
  tableName: 'image_build',
  uniques: [
    {
      // Tagging, pushing and registering one reference is done by one build at a time, on whatever machine it runs.
      name: 'image_build_push_lock',
      properties: ['targetReference'],
      where: "phase in ('PUSHING', 'REGISTERING') and finished_at is null",
    },
    {
      // One save of a notebook at a time.
      name: 'image_build_notebook_lock',
      properties: ['notebookId'],
      where: 'notebook_id is not null and finished_at is null',
    },
  ],
  indexes: [
    { name: 'image_build_newest', properties: ['createdAt', 'id'] },
    { name: 'image_build_newest_in_workspace', properties: ['workspaceId', 'createdAt', 'id'] },
    { name: 'image_build_newest_in_namespace', properties: ['namespaceId', 'createdAt', 'id'] },
    // For what few builds have, and for what many have; no status is written more than three times.
    { name: 'image_build_newest_of_status', properties: ['status', 'createdAt', 'id'] },
    { name: 'image_build_newest_of_kind', properties: ['kind', 'createdAt', 'id'] },
    { name: 'image_build_counted', properties: ['namespaceId', 'workspaceId'] },
    { name: 'image_build_image', properties: ['imageId', 'createdAt', 'id'] },
    { name: 'image_build_unfinished', properties: ['createdAt', 'id'], where: 'finished_at is null' },
    {
      name: 'image_build_retries',
      properties: ['retryOfId', 'createdAt', 'id'],
      where: 'retry_of_id is not null',
    },
    { name: 'image_build_holding', properties: ['id'], where: 'notebook_held_since is not null' },
    // For retention: what ended long ago.
    { name: 'image_build_finished', properties: ['finishedAt', 'id'], where: 'finished_at is not null' },
    {
      // And whose log may still be there. Not by its number of lines: an index on what every batch of lines changes would make
      // each of them write to all indexes of the table.
      name: 'image_build_logs',
      properties: ['finishedAt', 'id'],
      where: 'finished_at is not null and log_deleted_at is null',
    },
  ],
  properties: {
    id: p.uuid().primary(),
    kind: p.string().$type<ImageBuildKind>(),
    status: p.string().$type<ImageBuildStatus>(),
    /** Rises by one with each change of state; (id, version) names one row of image_build_event. */
    version: p.integer(),
    phase: p.string().$type<ImageBuildPhase>().strictNullable(),
    phases: p.json().$type<readonly PhaseTiming[]>(),
    failure: p.json().$type<BuildFailure>().strictNullable(),
    steps: p.json().$type<readonly StepState[]>(),
    totalSteps: p.integer().strictNullable(),
    /** 0 until a worker has taken it; the fence: a worker writes only where its attempt still stands here. */
    attempt: p.integer(),
    /** How many workers were lost over it; the second one ends it as WORKER_LOST. */
    lostWorkers: p.integer(),
    workspaceId: () => p.manyToOne(Workspace).mapToPk().name('workspace_id'),
    namespaceId: () => p.manyToOne(Namespace).mapToPk().name('namespace_id'),
    imageId: () => p.manyToOne(Image).mapToPk().name('image_id').strictNullable().deleteRule('set null'),
    targetName: p.text(),
    targetTag: p.string().length(128),
    targetReference: p.text(),
    targetDescription: p.text().strictNullable(),
    targetLabels: p.json().$type<readonly Label[]>(),
    // Read only where they are asked for: up to 1 MiB and 8 MiB, and a build is written at every step.
    dockerfile: p.text().strictNullable().lazy(),
    buildType: p.string().$type<BuildType>().strictNullable(),
    source: p.json().$type<DockerfileSource>().strictNullable().lazy(),
    notebookId: p.uuid().strictNullable(),
    containerId: p.text().strictNullable(),
    pause: p.boolean(),
    /** Null for a build that saves no notebook. */
    notebook: p.json().$type<NotebookSource>().strictNullable(),
    /** Since when this build may be what keeps its notebook paused: set before the engine is asked, so that it is found after any fault. */
    notebookHeldSince: p.datetime(3).strictNullable(),
    /** How long it kept the notebook paused, over all attempts; null: not at all. */
    notebookPausedMs: p.integer().strictNullable(),
    visibility: p.string().$type<Visibility>(),
    overwriteTag: p.boolean(),
    timeoutMs: p.integer(),
    jobName: p.text().strictNullable(),
    /** The queue's job. */
    jobId: p.uuid(),
    priority: p.string().$type<ImageBuildPriority>().default('NORMAL'),
    resource: p.json().$type<BuildResource>().strictNullable(),
    network: p.json().$type<BuildNetwork>().strictNullable(),
    targetRegistry: p.json().$type<TargetRegistry>().strictNullable(),
    regionId: p.text().strictNullable(),
    /** The failed build that this one tries once more. */
    retryOfId: () => p.manyToOne(Build).mapToPk().name('retry_of_id').strictNullable().deleteRule('set null'),
    /** What the engine built it with; null until it has begun, and for a notebook. */
    builder: p.string().$type<Builder>().strictNullable(),
    /** How far the push is; null before it. */
    push: p.json().$type<PushProgress>().strictNullable(),
    logLineCount: p.bigint('number'),
    /** Bytes that the log has as it was printed, newlines and gaps' notes with it; null for a log of a version that did not count. */
    logBytes: p.bigint('number').strictNullable().default(0),
    /** The same without terminal codes: what the plain text at `logUrl` has. */
    logTextBytes: p.bigint('number').strictNullable().default(0),
    /** When retention took the log away; null: it has not. */
    logDeletedAt: p.datetime(3).strictNullable(),
    createdById: () =>
      p.manyToOne(User).mapToPk().name('created_by_id').strictNullable().deleteRule('set null'),
    createdAt: p.datetime(3),
    queuedAt: p.datetime(3).strictNullable(),
    startedAt: p.datetime(3).strictNullable(),
    finishedAt: p.datetime(3).strictNullable(),
    canceledById: () =>
      p.manyToOne(User).mapToPk().name('canceled_by_id').strictNullable().deleteRule('set null'),
    cancelReason: p.text().strictNullable(),
  },
});
export type Build = Row<InferEntity<typeof Build>>;
