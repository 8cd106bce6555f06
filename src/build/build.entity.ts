import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Label } from '../image/content/image-content.ts';
import { Image } from '../image/image.entity.ts';
import { Namespace } from '../namespace/namespace.entity.ts';
import type {
  BuildType,
  ImageBuildFailureReason,
  ImageBuildKind,
  ImageBuildPhase,
  ImageBuildStatus,
  ImageBuildStepStatus,
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
    { name: 'image_build_image', properties: ['imageId', 'createdAt', 'id'] },
    { name: 'image_build_unfinished', properties: ['createdAt', 'id'], where: 'finished_at is null' },
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
    dockerfile: p.text().strictNullable(),
    buildType: p.string().$type<BuildType>().strictNullable(),
    source: p.json().$type<DockerfileSource>().strictNullable(),
    notebookId: p.uuid().strictNullable(),
    containerId: p.text().strictNullable(),
    pause: p.boolean(),
    visibility: p.string().$type<Visibility>(),
    overwriteTag: p.boolean(),
    timeoutMs: p.integer(),
    jobName: p.text().strictNullable(),
    /** The queue's job. */
    jobId: p.uuid(),
    logLineCount: p.bigint('number'),
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
