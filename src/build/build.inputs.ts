import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { OrderDirection } from '../graphql/enums.types.ts';
import { MutationInput, Payload } from '../graphql/payload.types.ts';
import { DateTime } from '../graphql/scalars.ts';
import { LabelInput } from '../image/content/image-content.inputs.ts';
import type { ImageRow } from '../image/image.reads.ts';
import { ImageObject } from '../image/image.types.ts';
import { BuildType, ImageBuildKind, ImageBuildStatus, Visibility } from '../shared/enums.ts';
import { FileEncoding, ImageBuildOrderField } from './build.enums.ts';
import type { BuildRow } from './build.reads.ts';
import { BuildObject } from './build.types.ts';

@InputType({
  description: 'Which builds. All given conditions hold at once; what is absent or null does not narrow.',
})
export class ImageBuildFilter {
  @Field(() => ID, { nullable: true, description: "The workspace's id." })
  workspaceId?: string | null;

  @Field(() => String, { nullable: true, description: "The target namespace's name." })
  namespace?: string | null;

  @Field(() => ID, { nullable: true, description: 'The id of the image that it made or is making.' })
  imageId?: string | null;

  @Field(() => [ImageBuildKind], { nullable: true, description: 'One of these.' })
  kind?: ImageBuildKind[] | null;

  @Field(() => [ImageBuildStatus], { nullable: true, description: 'One of these.' })
  status?: ImageBuildStatus[] | null;

  @Field(() => DateTime, { nullable: true, description: 'Asked for after this time.' })
  createdAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Asked for before this time.' })
  createdBefore?: Date | null;
}

@InputType({ description: 'How a list of builds is ordered.' })
export class ImageBuildOrder {
  @Field(() => ImageBuildOrderField, { description: 'By what.' })
  field!: ImageBuildOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.DESC, description: 'In which direction.' })
  direction!: OrderDirection;
}

@InputType({ description: 'What a build is to make, and where it goes.' })
export class BuildImageTargetInput {
  @Field(() => String, {
    nullable: true,
    description: "Absent: the reference's first path segment, else `default`.",
  })
  namespace?: string | null;

  @Field(() => String, {
    description: 'A lower-case letter, then at most 49 lower-case letters, digits or hyphens.',
  })
  name!: string;

  @Field(() => String, { nullable: true, description: "Absent: the reference's tag, else `latest`." })
  tag?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters.' })
  description?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Where to push: host/namespace/repository[:tag], on this server's registry (`server.registryHost`). Absent: host/namespace/name:tag.",
  })
  reference?: string | null;

  @Field(() => [LabelInput], { nullable: true, description: 'At most 20, with unique keys.' })
  labels?: LabelInput[] | null;
}

@InputType({ description: 'A value for an ARG of the Dockerfile. It is no place for a secret.' })
export class BuildArgInput {
  @Field(() => String, { description: 'Letters, digits and underscores.' })
  name!: string;

  @Field(() => String, { description: 'May be empty.' })
  value!: string;
}

@InputType({ description: 'A file beside the Dockerfile.' })
export class BuildFileInput {
  @Field(() => String, { description: 'Relative, inside the context, e.g. "src/train.py".' })
  path!: string;

  @Field(() => String, { description: 'Text or base64, as `encoding` says.' })
  content!: string;

  @Field(() => FileEncoding, {
    nullable: true,
    defaultValue: FileEncoding.UTF8,
    description: 'How content is written.',
  })
  encoding?: FileEncoding | null;

  @Field(() => Int, { nullable: true, description: 'Permission bits; absent: 420 (0o644).' })
  mode?: number | null;
}

@InputType({ description: 'What to build.' })
export class BuildConfigInput {
  @Field(() => BuildType, {
    defaultValue: BuildType.CUSTOM_DOCKERFILE,
    description: 'What the request describes.',
  })
  buildType!: BuildType;

  @Field(() => String, { nullable: true, description: 'The Dockerfile; at most 1 MiB.' })
  dockerfile?: string | null;

  @Field(() => [BuildArgInput], { nullable: true, description: 'Values for its ARGs.' })
  buildArgs?: BuildArgInput[] | null;

  @Field(() => [BuildFileInput], {
    nullable: true,
    description: 'What it copies: at most 1,000 files and 8 MiB.',
  })
  files?: BuildFileInput[] | null;

  @Field(() => String, { nullable: true, description: 'The stage to build; absent: the last one.' })
  target?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: "Run every step, whatever the engine's cache has.",
  })
  noCache?: boolean | null;
}

@InputType({ description: 'A build of a Dockerfile.' })
export class BuildImageInput extends MutationInput {
  @Field(() => ID, { description: 'The workspace that it runs in.' })
  workspaceId!: string;

  @Field(() => BuildImageTargetInput, { description: 'What it is to make.' })
  image!: BuildImageTargetInput;

  @Field(() => BuildConfigInput, { description: 'What to build.' })
  buildConfig!: BuildConfigInput;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Take over name and tag of an image that exists; otherwise that is refused.',
  })
  overwriteTag?: boolean | null;

  @Field(() => Visibility, {
    nullable: true,
    defaultValue: Visibility.PRIVATE,
    description: "The image's visibility.",
  })
  visibility?: Visibility | null;

  @Field(() => String, { nullable: true, description: 'A name for people; at most 128 characters.' })
  jobName?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: "How long it may run, in seconds; absent: the server's default.",
  })
  timeoutSeconds?: number | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Check everything, change nothing.',
  })
  validateOnly?: boolean | null;
}

@InputType({ description: 'Which running notebook to save, and as what.' })
export class SaveImageFromNotebookInput extends MutationInput {
  @Field(() => ID, { description: "The notebook's id." })
  notebookId!: string;

  @Field(() => String, { description: 'The namespace that the image is to belong to.' })
  namespace!: string;

  @Field(() => String, {
    description:
      'Lower-case letters and digits, with single dots, underscores or hyphens between them; at most 128.',
  })
  name!: string;

  @Field(() => String, {
    nullable: true,
    description: 'An OCI tag of at most 64 characters; absent: `latest`.',
  })
  tag?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters.' })
  description?: string | null;

  @Field(() => ID, { nullable: true, description: 'Absent: the default workspace.' })
  workspaceId?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Take over name and tag of an image that exists; otherwise that is refused.',
  })
  overwriteTag?: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: true,
    description: 'Pause the notebook while it is saved, so that its files fit together.',
  })
  pause?: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Check everything, change nothing.',
  })
  validateOnly?: boolean | null;
}

@InputType({ description: 'Which build to cancel.' })
export class CancelImageBuildInput extends MutationInput {
  @Field(() => ID, { description: "The build's id." })
  id!: string;

  @Field(() => String, { nullable: true, description: 'Why, for people; at most 512 characters.' })
  reason?: string | null;
}

@ObjectType({ description: 'The queued build.', simpleResolvers: true })
export class BuildImagePayload extends Payload {
  @Field(() => BuildObject, {
    nullable: true,
    description: 'Null where the input was refused or only checked.',
  })
  build!: BuildRow | null;

  @Field(() => [String], { description: 'What is not wrong but worth knowing.' })
  warnings!: string[];
}

@ObjectType({ description: 'The image to come, and the build that makes it.', simpleResolvers: true })
export class SaveImageFromNotebookPayload extends Payload {
  @Field(() => ImageObject, {
    nullable: true,
    description: 'INIT at first; null where the input was refused or only checked.',
  })
  image!: ImageRow | null;

  @Field(() => BuildObject, {
    nullable: true,
    description: 'Null where the input was refused or only checked.',
  })
  build!: BuildRow | null;

  @Field(() => [String], {
    description: 'What is not wrong but worth knowing, such as volumes that will not be saved.',
  })
  warnings!: string[];
}

@ObjectType({ description: 'The build that is being cancelled, or is.', simpleResolvers: true })
export class CancelImageBuildPayload extends Payload {
  @Field(() => BuildObject, { nullable: true, description: 'Null where the input was refused.' })
  build!: BuildRow | null;
}
