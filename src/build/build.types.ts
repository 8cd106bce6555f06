import { Field, ID, Int, ObjectType } from 'type-graphql';
import { connectionOf } from '../graphql/connection.ts';
import { NodeInterface } from '../graphql/node.types.ts';
import { DateTime, SafeInt, UUID } from '../graphql/scalars.ts';
import type { Label } from '../image/content/image-content.ts';
import { LabelObject } from '../image/content/image-content.types.ts';
import {
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
import './build.enums.ts';
import type { BuildFailure, BuildNetwork, BuildResource, TargetRegistry } from './build.entity.ts';
import type { BuildRow } from './build.reads.ts';

@ObjectType('ImageBuildPhaseTiming', { description: 'When a phase ran.', simpleResolvers: true })
export class PhaseTimingObject {
  @Field(() => ImageBuildPhase, { description: 'Which phase.' })
  phase!: ImageBuildPhase;

  @Field(() => DateTime, { description: 'When it began.' })
  startedAt!: Date;

  @Field(() => DateTime, { nullable: true, description: 'When it ended; null: it runs.' })
  finishedAt!: Date | null;
}

@ObjectType('ImageBuildProgress', { description: 'How far a build is.', simpleResolvers: true })
export class BuildProgressObject {
  @Field(() => Int, { description: 'Steps that are done.' })
  completedSteps!: number;

  @Field(() => Int, { nullable: true, description: 'Steps in all; null until the engine has told.' })
  totalSteps!: number | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Of the steps, 0 to 99; 100 when it has succeeded; null: not known.',
  })
  percent!: number | null;

  @Field(() => SafeInt, {
    nullable: true,
    description: 'Bytes that the registry has, over all layers; null until the push has begun.',
  })
  pushedBytes!: number | null;

  @Field(() => SafeInt, {
    nullable: true,
    description:
      'Bytes to push, before compression; it grows while layers are found; null until the push has begun.',
  })
  pushTotalBytes!: number | null;
}

@ObjectType('ResourceConfig', { description: 'Limits of each step.', simpleResolvers: true })
export class ResourceConfigObject {
  @Field(() => String, { nullable: true, description: 'Processors, as it was written; null: no limit.' })
  cpu!: string | null;

  @Field(() => String, { nullable: true, description: 'Memory, as it was written; null: no limit.' })
  memory!: string | null;
}

@ObjectType('BuildResource', {
  description: 'What a build was to run on, as it was asked for.',
  simpleResolvers: true,
})
export class BuildResourceObject implements BuildResource {
  @Field(() => String, {
    nullable: true,
    description: 'The kind of machine of the public group; null: subscribed resources.',
  })
  ecsSpec!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Whose share of subscribed resources; null: the public group.',
  })
  quotaId!: string | null;

  @Field(() => BuildResourceType, {
    nullable: true,
    description: 'The kind of subscribed resources; null: the public group.',
  })
  type!: BuildResourceType | null;

  @Field(() => ResourceConfigObject, { nullable: true, description: 'Limits; null: none.' })
  config!: ResourceConfigObject | null;
}

@ObjectType('BuildNetwork', {
  description: 'The network of a build, as it was asked for.',
  simpleResolvers: true,
})
export class BuildNetworkObject implements BuildNetwork {
  @Field(() => String, { nullable: true, description: 'The virtual private cloud; null: none was named.' })
  vpcId!: string | null;

  @Field(() => String, { nullable: true, description: 'The switch; null: none was named.' })
  switchId!: string | null;

  @Field(() => String, { nullable: true, description: 'The security group; null: none was named.' })
  securityGroupId!: string | null;

  @Field(() => [String], { description: 'CIDR blocks.' })
  extendedCidrs!: string[];

  @Field(() => String, { nullable: true, description: 'The default route; null: none was named.' })
  defaultRoute!: string | null;
}

@ObjectType('TargetRegistry', { description: 'The registry that was asked for.', simpleResolvers: true })
export class TargetRegistryObject implements TargetRegistry {
  @Field(() => RegistryType, { description: 'Its kind.' })
  type!: RegistryType;

  @Field(() => String, { nullable: true, description: 'The instance; null: a registry without one.' })
  instanceId!: string | null;
}

@ObjectType('ImageBuildStep', {
  description: 'An instruction of the Dockerfile as it is run.',
  simpleResolvers: true,
})
export class BuildStepObject {
  @Field(() => Int, { description: 'From 1 through the whole build.' })
  number!: number;

  @Field(() => String, {
    nullable: true,
    description: "The stage's name or index; null before the first FROM.",
  })
  stage!: string | null;

  @Field(() => String, { description: 'The instruction on one line, e.g. "RUN pip install numpy".' })
  name!: string;

  @Field(() => Int, {
    nullable: true,
    description: "The instruction's first line in the Dockerfile; null: not known.",
  })
  line!: number | null;

  @Field(() => ImageBuildStepStatus, { description: 'Where it stands.' })
  status!: ImageBuildStepStatus;

  @Field(() => Boolean, { description: "Was it taken from the engine's cache?" })
  cached!: boolean;

  @Field(() => DateTime, { nullable: true, description: 'When it began; null: it has not.' })
  startedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it ended; null: it has not.' })
  finishedAt!: Date | null;

  @Field(() => SafeInt, {
    nullable: true,
    description: 'How long it took, in milliseconds; null until it has ended.',
  })
  durationMs!: number | null;

  @Field(() => String, { nullable: true, description: 'What went wrong; null: nothing.' })
  error!: string | null;
}

@ObjectType('ImageBuildFailure', {
  description:
    'Why a build did not succeed, for a program (reason) and for a person (message); where it is known, the Dockerfile line.',
  simpleResolvers: true,
})
export class BuildFailureObject implements BuildFailure {
  @Field(() => ImageBuildFailureReason, { description: 'For a program.' })
  reason!: ImageBuildFailureReason;

  @Field(() => String, { description: 'For a person: what went wrong and what to do.' })
  message!: string;

  @Field(() => Int, { nullable: true, description: "The step's number; null where no step is to blame." })
  step!: number | null;

  @Field(() => Int, { nullable: true, description: 'The line in the Dockerfile, from 1; null: not known.' })
  line!: number | null;

  @Field(() => Int, { nullable: true, description: "The step's exit code; null where it has none." })
  exitCode!: number | null;

  @Field(() => Boolean, { description: 'May the same build succeed when it is simply tried again?' })
  retryable!: boolean;
}

@ObjectType('QueuePosition', { description: 'Where a build stands in the queue.', simpleResolvers: true })
export class QueuePositionObject {
  @Field(() => Int, {
    description:
      '1 is next. Namespaces take turns; builds of one that has all the slots it may have are passed over meanwhile.',
  })
  position!: number;

  @Field(() => Int, { description: 'How many builds wait.' })
  size!: number;
}

@ObjectType('ImageBuildTarget', { description: 'What a build is to make.', simpleResolvers: true })
export class BuildTargetObject {
  @Field(() => String, { description: "The image's name within its namespace." })
  name!: string;

  @Field(() => String, { description: "The image's tag." })
  tag!: string;

  @Field(() => String, { description: 'Where it is pushed: host[:port]/path:tag.' })
  reference!: string;

  @Field(() => String, { nullable: true, description: "The image's description; null: none was given." })
  description!: string | null;

  @Field(() => [LabelObject], { description: "The image's labels." })
  labels!: readonly Label[];
}

@ObjectType('ImageBuildNotebook', {
  description: 'The notebook that a build saves, as it was when the save was asked for.',
  simpleResolvers: true,
})
export class BuildNotebookObject {
  @Field(() => ID, { description: "The notebook's id. The notebook may be gone." })
  id!: string;

  @Field(() => UUID, { description: "The notebook's UUID, as its label gives it." })
  uid!: string;

  @Field(() => String, { description: "The notebook's name." })
  name!: string;

  @Field(() => String, { description: 'The image that it was started from, as it was named then.' })
  image!: string;

  /** For the field `sourceImage`. */
  sourceImageId!: string | null;

  @Field(() => String, { description: "The engine's container, which is saved; it may be gone." })
  containerId!: string;

  @Field(() => Boolean, { description: 'Was it to be paused while the engine copies its files?' })
  pause!: boolean;

  @Field(() => DateTime, {
    nullable: true,
    description:
      'Since when this save keeps it paused, counted from just before the engine is asked to; null: this save lets it run.',
  })
  pausedSince!: Date | null;

  @Field(() => SafeInt, {
    nullable: true,
    description:
      'How long this save has kept it paused, in milliseconds, over all attempts that have let it go on; null: not at all so far.',
  })
  pausedMs!: number | null;
}

type PlainField =
  | 'jobId'
  | 'jobName'
  | 'kind'
  | 'status'
  | 'version'
  | 'phase'
  | 'failure'
  | 'attempt'
  | 'buildType'
  | 'visibility'
  | 'overwriteTag'
  | 'logLineCount'
  | 'createdAt'
  | 'queuedAt'
  | 'startedAt'
  | 'finishedAt'
  | 'cancelReason';

@ObjectType('ImageBuild', {
  implements: NodeInterface,
  description: 'One execution that makes an image: from a Dockerfile or from a running notebook.',
  simpleResolvers: true,
})
export class BuildObject extends NodeInterface implements Pick<BuildRow, PlainField> {
  @Field(() => UUID, { description: "The build's UUID, for systems that keep one." })
  uid!: string;

  @Field(() => String, { description: "The queue's job." })
  jobId!: string;

  @Field(() => String, { nullable: true, description: 'A name for people; null: none was given.' })
  jobName!: string | null;

  @Field(() => ImageBuildKind, { description: 'What it is built from.' })
  kind!: ImageBuildKind;

  @Field(() => ImageBuildStatus, { description: 'Where it stands in its life.' })
  status!: ImageBuildStatus;

  @Field(() => Int, { description: 'Rises by one with each change of status, phase or steps.' })
  version!: number;

  @Field(() => ImageBuildPhase, { nullable: true, description: 'What it is doing; null unless it runs.' })
  phase!: ImageBuildPhase | null;

  @Field(() => BuildFailureObject, {
    nullable: true,
    description: 'Why it did not succeed; null: it did, or has not ended.',
  })
  failure!: BuildFailure | null;

  @Field(() => Int, { description: 'How often a worker has taken it; 0 until one has.' })
  attempt!: number;

  @Field(() => BuildType, { nullable: true, description: 'What the request described; null for a notebook.' })
  buildType!: BuildType | null;

  @Field(() => Builder, {
    nullable: true,
    description: 'What the engine builds it with; null until it has begun, and for a notebook.',
  })
  builder!: Builder | null;

  @Field(() => ImageBuildPriority, { description: 'Which builds go first.' })
  priority!: ImageBuildPriority;

  @Field(() => BuildResourceObject, {
    nullable: true,
    description: 'What it was to run on; null: nothing was said.',
  })
  resource!: BuildResource | null;

  @Field(() => BuildNetworkObject, { nullable: true, description: 'Its network; null: nothing was said.' })
  network!: BuildNetwork | null;

  @Field(() => TargetRegistryObject, { nullable: true, description: 'Its registry; null: nothing was said.' })
  targetRegistry!: TargetRegistry | null;

  @Field(() => String, { nullable: true, description: 'Its region; null: nothing was said.' })
  regionId!: string | null;

  @Field(() => Visibility, { description: "The image's visibility." })
  visibility!: Visibility;

  @Field(() => Boolean, { description: 'May it take over the name and tag of an image that exists?' })
  overwriteTag!: boolean;

  @Field(() => SafeInt, { description: "Lines that are stored of its log; the last line's seq." })
  logLineCount!: number;

  @Field(() => DateTime, { description: 'When it was asked for.' })
  createdAt!: Date;

  @Field(() => DateTime, { nullable: true, description: 'When it came into the queue, the last time.' })
  queuedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When a worker first took it; null: none has.' })
  startedAt!: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'When it ended; null: it has not.' })
  finishedAt!: Date | null;

  @Field(() => String, {
    nullable: true,
    description: 'Why it was cancelled; null: nobody said, or nobody did.',
  })
  cancelReason!: string | null;
}

export const BuildConnection = connectionOf('ImageBuild', BuildObject);
