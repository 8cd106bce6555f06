import { createUnionType, Field, Int, ObjectType } from 'type-graphql';
import { DateTime, SafeInt } from '../graphql/scalars.ts';
import { ImageBuildStatus, LogGapReason, LogStream } from '../shared/enums.ts';
import type { BuildRow } from './build.reads.ts';
import { BuildObject } from './build.types.ts';

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

  @Field(() => String, { description: 'Without its newline; bytes that are no UTF-8 show as U+FFFD.' })
  text!: string;

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
