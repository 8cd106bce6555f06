import { Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { OrderDirection } from '../graphql/enums.types.ts';
import { MutationInput, Payload } from '../graphql/payload.types.ts';
import { DateTime, SafeInt } from '../graphql/scalars.ts';
import { LabelInput } from '../image/content/image-content.inputs.ts';
import type { ImageRow } from '../image/image.reads.ts';
import { ImageObject } from '../image/image.types.ts';
import {
  BuildResourceType,
  BuildType,
  ImageBuildKind,
  ImageBuildPriority,
  ImageBuildStatus,
  RegistryType,
  Visibility,
} from '../shared/enums.ts';
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
  @Field(() => String, {
    description:
      'Relative, inside the context, e.g. "src/train.py"; at most 1,024 bytes and 64 parts between slashes.',
  })
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

@InputType({
  description: 'Credentials for the registry of a base image. Write-only: they are never shown again.',
})
export class RegistryAuthInput {
  @Field(() => String, { description: 'Its host, `host[:port]`; they are sent to no other.' })
  domain!: string;

  @Field(() => String, { description: 'Base64 of user:password.' })
  auth!: string;
}

@InputType({
  description:
    'A secret for `RUN --mount=type=secret`. Write-only: it gets into no image, is masked in the log (from 3 bytes on) and is forgotten when the build has ended.',
})
export class BuildSecretInput {
  @Field(() => String, {
    description: 'As in `--mount=type=secret,id=…`: letters, digits, dots, hyphens, underscores.',
  })
  id!: string;

  @Field(() => String, { description: 'At most 500 KiB.' })
  value!: string;
}

@InputType({ description: 'What to install, in this order: apt, conda, pip.' })
export class PackagesInput {
  @Field(() => [String], { nullable: true, description: 'Debian packages, e.g. `curl` or `curl=7.88.1-10`.' })
  apt?: string[] | null;

  @Field(() => [String], {
    nullable: true,
    description: 'Python packages, e.g. `numpy==1.19.5` or `torch>=2,<3`.',
  })
  pip?: string[] | null;

  @Field(() => [String], {
    nullable: true,
    description: 'Conda packages, e.g. `numpy=1.26` or `conda-forge::lightgbm`.',
  })
  conda?: string[] | null;
}

@InputType({ description: 'What to build.' })
export class BuildConfigInput {
  @Field(() => BuildType, {
    defaultValue: BuildType.CUSTOM_DOCKERFILE,
    description: 'What the request describes.',
  })
  buildType!: BuildType;

  @Field(() => String, { nullable: true, description: 'CUSTOM_DOCKERFILE: the Dockerfile; at most 1 MiB.' })
  dockerfile?: string | null;

  @Field(() => String, { nullable: true, description: 'PACKAGE_INSTALLATION: on which image.' })
  baseImage?: string | null;

  @Field(() => PackagesInput, {
    nullable: true,
    description: 'PACKAGE_INSTALLATION: what to install; at least one.',
  })
  packages?: PackagesInput | null;

  @Field(() => [BuildArgInput], { nullable: true, description: 'Values for its ARGs.' })
  buildArgs?: BuildArgInput[] | null;

  @Field(() => [BuildFileInput], {
    nullable: true,
    description: 'What it copies: at most 1,000 files in 10,000 folders, and 8 MiB.',
  })
  files?: BuildFileInput[] | null;

  @Field(() => [BuildSecretInput], { nullable: true, description: 'At most 50; they need BuildKit.' })
  secrets?: BuildSecretInput[] | null;

  @Field(() => [RegistryAuthInput], { nullable: true, description: "For the bases' registries; at most 20." })
  registryAuths?: RegistryAuthInput[] | null;

  @Field(() => String, { nullable: true, description: 'Only recorded.' })
  regionId?: string | null;

  @Field(() => String, { nullable: true, description: 'The stage to build; absent: the last one.' })
  target?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: "Run every step, whatever the engine's cache has.",
  })
  noCache?: boolean | null;
}

@InputType({ description: 'Processors and memory of each step.' })
export class ResourceConfigInput {
  @Field(() => String, { nullable: true, description: 'Processors, e.g. "4" or "500m".' })
  cpu?: string | null;

  @Field(() => String, { nullable: true, description: 'Memory, e.g. "8Gi" or "512Mi".' })
  memory?: string | null;
}

@InputType({
  description:
    'What the build runs on: either of the public group (`ecsSpec`, and `network`), or of subscribed resources (`quotaId`, `type` and `config`).',
})
export class BuildResourceInput {
  @Field(() => String, { nullable: true, description: 'Public group: the kind of machine. Only recorded.' })
  ecsSpec?: string | null;

  @Field(() => ResourceConfigInput, {
    nullable: true,
    description: 'Subscribed: limits of each step, held where the builder can; else a warning says so.',
  })
  config?: ResourceConfigInput | null;

  @Field(() => String, { nullable: true, description: 'Subscribed: whose share is used. Only recorded.' })
  quotaId?: string | null;

  @Field(() => BuildResourceType, {
    nullable: true,
    description: 'Subscribed: of which kind. Only recorded.',
  })
  type?: BuildResourceType | null;
}

@InputType({ description: 'The network of the build; only recorded.' })
export class BuildNetworkInput {
  @Field(() => String, { nullable: true, description: 'The virtual private cloud.' })
  vpcId?: string | null;

  @Field(() => String, { nullable: true, description: 'The switch in it.' })
  switchId?: string | null;

  @Field(() => String, { nullable: true, description: 'Required with a vpcId.' })
  securityGroupId?: string | null;

  @Field(() => [String], {
    nullable: true,
    description: 'CIDR blocks, e.g. "10.0.0.0/24"; required with a switchId.',
  })
  extendedCidrs?: string[] | null;

  @Field(() => String, { nullable: true, description: '`eth0` or `eth1`.' })
  defaultRoute?: string | null;
}

@InputType({
  description:
    'Which kind of registry the image is meant for; only recorded: it goes to `server.registryHost`.',
})
export class TargetRegistryInput {
  @Field(() => RegistryType, { description: 'Its kind.' })
  type!: RegistryType;

  @Field(() => String, { nullable: true, description: 'Of ACR_ENTERPRISE: the instance, `cri-…`.' })
  instanceId?: string | null;
}

const CLIENT_TOKEN =
  'Makes the request safe to send again: within 24 hours the same token with the same input brings the same build, with another input IDEMPOTENCY_CONFLICT. 1 to 128 printable ASCII characters, e.g. a UUID; each user has their own.';

@InputType({ description: 'A build of a Dockerfile, or of lists of packages.' })
export class BuildImageInput extends MutationInput {
  @Field(() => String, { nullable: true, description: CLIENT_TOKEN })
  clientToken?: string | null;

  @Field(() => ID, { description: 'The workspace that it runs in.' })
  workspaceId!: string;

  @Field(() => BuildImageTargetInput, { description: 'What it is to make.' })
  image!: BuildImageTargetInput;

  @Field(() => BuildConfigInput, { description: 'What to build.' })
  buildConfig!: BuildConfigInput;

  @Field(() => BuildResourceInput, {
    nullable: true,
    description: "What it runs on; absent: the server's own engine.",
  })
  resource?: BuildResourceInput | null;

  @Field(() => BuildNetworkInput, {
    nullable: true,
    description: "Its network; absent: the engine's default.",
  })
  network?: BuildNetworkInput | null;

  @Field(() => TargetRegistryInput, { nullable: true, description: "Absent: the server's own registry." })
  targetRegistry?: TargetRegistryInput | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description:
      'Take over name and tag of an image that exists, in the catalogue or in the registry; otherwise that is refused. A built-in image keeps its own.',
  })
  overwriteTag?: boolean | null;

  @Field(() => ImageBuildPriority, {
    nullable: true,
    defaultValue: ImageBuildPriority.NORMAL,
    description: 'Which builds go first; HIGH is for administrators.',
  })
  priority?: ImageBuildPriority | null;

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
  @Field(() => String, { nullable: true, description: CLIENT_TOKEN })
  clientToken?: string | null;

  @Field(() => ID, { description: "The notebook's id." })
  notebookId!: string;

  @Field(() => String, { description: 'The namespace that the image is to belong to.' })
  namespace!: string;

  @Field(() => String, {
    description:
      'Lower-case letters and digits, and between them single dots, one or two underscores, or any number of hyphens; at most 128 characters.',
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
    description:
      'Take over name and tag of an image that exists; otherwise that is refused. A built-in image keeps its own.',
  })
  overwriteTag?: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: true,
    description:
      'Let the notebook stand still while the engine copies its files, so that they fit together; it goes on before the image is pushed. An engine that cannot do so is told of in the log. False: what is written meanwhile may be in the image by halves.',
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

@InputType({ description: 'Which build to try once more.' })
export class RetryImageBuildInput extends MutationInput {
  @Field(() => ID, { description: "The build's id: one that ended without an image." })
  id!: string;

  @Field(() => [BuildSecretInput], {
    nullable: true,
    description: 'The secrets that it had: they were forgotten when it ended.',
  })
  secrets?: BuildSecretInput[] | null;

  @Field(() => [RegistryAuthInput], {
    nullable: true,
    description: 'The credentials that it had: they were forgotten when it ended.',
  })
  registryAuths?: RegistryAuthInput[] | null;

  @Field(() => String, { nullable: true, description: CLIENT_TOKEN })
  clientToken?: string | null;
}

const REUSED = 'True where the clientToken brought an earlier build back, and none was queued.';

@ObjectType({ description: 'The queued build.', simpleResolvers: true })
export class BuildImagePayload extends Payload {
  @Field(() => BuildObject, {
    nullable: true,
    description: 'Null where the input was refused or only checked.',
  })
  build!: BuildRow | null;

  @Field(() => Boolean, { description: REUSED })
  reused!: boolean;

  @Field(() => [String], { description: 'What is not wrong but worth knowing.' })
  warnings!: string[];
}

@ObjectType({
  description:
    'What the image of a saved notebook will take, as the engine estimates it; bytes before compression.',
  simpleResolvers: true,
})
export class NotebookSaveEstimate {
  @Field(() => SafeInt, { description: 'All layers together.' })
  sizeBytes!: number;

  @Field(() => SafeInt, { description: 'The layer that the save adds: what the notebook has written.' })
  writtenBytes!: number;

  @Field(() => Int, { description: 'Layers, the added one included.' })
  layerCount!: number;
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

  @Field(() => Boolean, { description: REUSED })
  reused!: boolean;

  @Field(() => [String], {
    description:
      'What is not wrong but worth knowing: mounts that will not be saved, files that seem to hold credentials, what memory holds.',
  })
  warnings!: string[];

  @Field(() => NotebookSaveEstimate, {
    nullable: true,
    description:
      'How large the image will be; null where the input was refused or a clientToken brought an earlier build back, and where the engine did not say within 5 seconds, or cannot.',
  })
  estimate!: NotebookSaveEstimate | null;
}

@ObjectType({ description: 'The build that is being cancelled, or is.', simpleResolvers: true })
export class CancelImageBuildPayload extends Payload {
  @Field(() => BuildObject, { nullable: true, description: 'Null where the input was refused.' })
  build!: BuildRow | null;
}

@ObjectType({ description: 'The new build.', simpleResolvers: true })
export class RetryImageBuildPayload extends Payload {
  @Field(() => BuildObject, {
    nullable: true,
    description: 'It is `retryOf` the other; null where the input was refused.',
  })
  build!: BuildRow | null;

  @Field(() => Boolean, { description: REUSED })
  reused!: boolean;

  @Field(() => [String], { description: 'What is not wrong but worth knowing.' })
  warnings!: string[];
}
