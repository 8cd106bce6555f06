import { ArgsType, createUnionType, Extensions, Field, Int, ObjectType } from 'type-graphql';
import { PageInfo } from '../../graphql/connection.ts';
import { DateTime, SafeInt } from '../../graphql/scalars.ts';
import { ImageBuildStatus, LogGapReason, LogStream } from '../../shared/enums.ts';
import type { PageArgs } from '../../shared/keyset.ts';
import type { BuildRow } from '../build.reads.ts';
import { BuildObject } from '../build.types.ts';

@ObjectType('ImageBuildLogLine', { description: "A line of a build's log.", simpleResolvers: true })
export class BuildLogLineObject {
  @Field(() => SafeInt, { description: 'From 1 through all attempts, without a gap.' })
  seq!: number;

  @Field(() => DateTime, { description: 'When it was printed.' })
  at!: Date;

  @Field(() => LogStream, { description: 'Where it comes from.' })
  stream!: LogStream;

  @Field(() => Int, {
    nullable: true,
    description: "The number of the step that printed it; null for what is no step's.",
  })
  step!: number | null;

  // A page of 1,000 has 2 MiB of them at the most.
  @Extensions({ cost: 0.1 })
  @Field(() => String, {
    description:
      'As text, fit to be shown in a terminal or a page: without its newline, terminal codes and control characters other than TAB, CR and NUL. Bytes that are no UTF-8 show as U+FFFD.',
  })
  text!: string;

  @Extensions({ cost: 0.1 })
  @Field(() => String, {
    description:
      'The bytes as they were printed, without the newline, in base64: for who renders terminal codes or needs bytes that are no UTF-8.',
  })
  raw!: string;

  @Field(() => Boolean, {
    description:
      'No newline followed: the next line of the same step and stream goes on where this one stops.',
  })
  partial!: boolean;
}

@ObjectType('ImageBuildLogLines', {
  description: 'Lines in rising seq; batched so that a fast build costs few frames.',
  simpleResolvers: true,
})
export class BuildLogLinesObject {
  @Field(() => [BuildLogLineObject], { description: 'In rising seq.' })
  lines!: BuildLogLineObject[];

  @Field(() => SafeInt, { description: 'The seq of the last of them: resume with `afterSeq`.' })
  lastSeq!: number;
}

@ObjectType('ImageBuildLogGap', {
  description:
    'Lines that are missing, so that a cut log never looks whole. The numbers go on without a gap.',
  simpleResolvers: true,
})
export class BuildLogGapObject {
  @Field(() => SafeInt, { description: 'The first number that stands for missing lines.' })
  fromSeq!: number;

  @Field(() => SafeInt, {
    description: 'The last number that stands for missing lines: resume with `afterSeq`.',
  })
  toSeq!: number;

  @Field(() => LogGapReason, { description: 'Why they are missing.' })
  reason!: LogGapReason;
}

@ObjectType('ImageBuildLogEdge', {
  description: 'A line of an ImageBuildLogConnection.',
  simpleResolvers: true,
})
export class BuildLogEdgeObject {
  @Field(() => String, { description: 'Opaque; for `after` and `before` of the same log.' })
  cursor!: string;

  @Field(() => BuildLogLineObject, { description: 'The line itself.' })
  node!: BuildLogLineObject;
}

@ObjectType('ImageBuildLogConnection', {
  description:
    'A page of a log, as Relay has it; of a running build, of what there is by now. It stops at 2 MiB of lines, so that it may have fewer than were asked for: `pageInfo` says whether there are more. Its cursors are the places of its first and last number, also where a gap stands there.',
  simpleResolvers: true,
})
export class BuildLogConnectionObject {
  @Field(() => [BuildLogEdgeObject], { description: 'The lines with their cursors.' })
  edges!: BuildLogEdgeObject[];

  @Field(() => [BuildLogLineObject], { description: 'The lines alone, in rising seq.' })
  nodes!: BuildLogLineObject[];

  @Field(() => [BuildLogGapObject], { description: 'Where lines of this page are missing.' })
  gaps!: BuildLogGapObject[];

  @Field(() => PageInfo, { description: 'Where this page stands in the log.' })
  pageInfo!: PageInfo;

  @Field(() => SafeInt, { description: 'How many numbers the log has by now; a gap has one too.' })
  totalCount!: number;
}

/** The log's own page size. */
@ArgsType()
export class BuildLogArgs implements PageArgs {
  @Field(() => Int, {
    nullable: true,
    description: 'How many lines at the most, 0 to 1,000; 100 where neither first nor last is given.',
  })
  first?: number;

  @Field(() => String, { nullable: true, description: 'Only what comes after this cursor.' })
  after?: string;

  @Field(() => Int, {
    nullable: true,
    description: 'How many from the end at the most, 0 to 1,000; not together with first.',
  })
  last?: number;

  @Field(() => String, { nullable: true, description: 'Only what comes before this cursor.' })
  before?: string;
}

@Extensions({ comesOnce: true })
@ObjectType('ImageBuildLogEnd', {
  description: 'The build has ended and its whole log was sent.',
  simpleResolvers: true,
})
export class BuildLogEndObject {
  @Field(() => SafeInt, { description: "The last line's seq; 0 for an empty log." })
  lastSeq!: number;

  @Field(() => ImageBuildStatus, { description: 'How the build ended.' })
  status!: ImageBuildStatus;

  @Field(() => BuildObject, { description: 'The build as it ended.' })
  build!: BuildRow;
}

export const BuildLogEventUnion = createUnionType({
  name: 'ImageBuildLogEvent',
  description: "What a log's subscription sends: lines, gaps, and at last the end.",
  types: () => [BuildLogLinesObject, BuildLogGapObject, BuildLogEndObject] as const,
  resolveType: (value) =>
    'lines' in value ? BuildLogLinesObject : 'fromSeq' in value ? BuildLogGapObject : BuildLogEndObject,
});

@ObjectType('ImageBuildStatusEvent', {
  description: 'A build as it was at one version.',
  simpleResolvers: true,
})
export class BuildStatusEventObject {
  @Field(() => Int, { description: 'Rises by one from event to event: resume with `afterVersion`.' })
  version!: number;

  @Field(() => DateTime, { description: 'When the build came to this version.' })
  at!: Date;

  @Field(() => BuildObject, { description: 'The build as it was then.' })
  build!: BuildRow;
}
