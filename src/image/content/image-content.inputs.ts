import { Field, ID, InputType, Int } from 'type-graphql';
import { MutationInput } from '../../graphql/payload.types.ts';
import { Decimal } from '../../graphql/scalars.ts';
import { Architecture, FlavorType, ParameterKind, ResourceCategory } from '../../shared/enums.ts';
import type {
  AlgorithmChanges,
  ContentChanges,
  EnvVar,
  GivenParameter,
  GivenPort,
  Label,
  PathMapping,
  RuntimeChanges,
} from './image-content.ts';

@InputType({ description: 'A key and a value to attach.' })
export class LabelInput implements Label {
  @Field(() => String, { description: 'Unique on its object; at most 128 characters.' })
  key!: string;

  @Field(() => String, { description: 'At most 256 characters; may be empty.' })
  value!: string;
}

@InputType({ description: 'An environment variable.' })
export class EnvVarInput implements EnvVar {
  @Field(() => String, { description: 'Letters, digits, _ . and -; unique within the image.' })
  name!: string;

  @Field(() => String, { description: 'May be empty.' })
  value!: string;
}

@InputType({ description: "A port that the image's containers listen on." })
export class PortInput implements GivenPort {
  @Field(() => String, { description: 'Unique within the image.' })
  name!: string;

  @Field(() => Int, { description: 'The port in the container, 1 to 65535.' })
  containerPort!: number;

  @Field(() => Int, {
    nullable: true,
    description: "The cluster nodes' port that leads to it, 1 to 65535; absent: none.",
  })
  nodePort?: number | null;
}

@InputType({ description: 'A file or folder that is seen at another place in the container.' })
export class PathMappingInput implements PathMapping {
  @Field(() => String, { description: 'Where it is, an absolute path.' })
  source!: string;

  @Field(() => String, { description: 'Where the container sees it, an absolute path.' })
  destination!: string;
}

@InputType({
  description:
    'How a container of the image is started. Each list is given in its structured form or as a text, not both.',
})
export class ImageRuntimeInput implements RuntimeChanges {
  @Field(() => [String], {
    nullable: true,
    description: 'The command; may hold variables such as {{inputs.task_id}}.',
  })
  command?: string[] | null;

  @Field(() => [String], { nullable: true, description: "The command's arguments; may hold variables too." })
  args?: string[] | null;

  @Field(() => String, { nullable: true, description: 'The folder that it is started in, an absolute path.' })
  workingDir?: string | null;

  @Field(() => [EnvVarInput], { nullable: true, description: 'Environment variables, at most 256.' })
  env?: EnvVarInput[] | null;

  @Field(() => String, {
    nullable: true,
    description: 'Environment variables as a text, e.g. "CVSIP:172.38.90.52,CVSPORT:11112".',
  })
  envText?: string | null;

  @Field(() => [PortInput], { nullable: true, description: 'Ports, at most 256.' })
  ports?: PortInput[] | null;

  @Field(() => String, {
    nullable: true,
    description: 'Ports as a text of name:containerPort[:nodePort], e.g. "service1:5016:30016,service:8888".',
  })
  portsText?: string | null;

  @Field(() => [String], { nullable: true, description: 'Folders that are mounted, absolute paths.' })
  mounts?: string[] | null;

  @Field(() => String, {
    nullable: true,
    description: 'Folders that are mounted as a text, e.g. "/vse/logs,/data/videos".',
  })
  mountsText?: string | null;

  @Field(() => [String], { nullable: true, description: 'Configuration files, absolute paths.' })
  configFiles?: string[] | null;

  @Field(() => String, {
    nullable: true,
    description: 'Configuration files as a text, e.g. "/etc/fdfs/client.conf,/app/application.properties".',
  })
  configFilesText?: string | null;

  @Field(() => [PathMappingInput], { nullable: true, description: 'Files and folders seen at other places.' })
  subPaths?: PathMappingInput[] | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The same as a text of source:destination, e.g. "/usr/lib64/libnvcuvid.so:/usr/lib/libnvcuvid.so.1".',
  })
  subPathsText?: string | null;

  @Field(() => [PathMappingInput], { nullable: true, description: "Files and folders of the host's." })
  hostPaths?: PathMappingInput[] | null;

  @Field(() => String, {
    nullable: true,
    description: 'The same as a text of source:destination, e.g. "/home:/home".',
  })
  hostPathsText?: string | null;

  @Field(() => Int, { nullable: true, description: 'CPU in milli-cores: 1000 is one core.' })
  cpuRequests?: number | null;

  @Field(() => Int, { nullable: true, description: 'GPU memory in MiB.' })
  gpuRequests?: number | null;

  @Field(() => Int, { nullable: true, description: 'Memory in MiB.' })
  memRequests?: number | null;

  @Field(() => Int, { nullable: true, description: 'Size of the persistent volume in GiB.' })
  pvcSize?: number | null;
}

@InputType({ description: "A value that the image's command takes." })
export class ImageParameterInput implements GivenParameter {
  @Field(() => String, { description: 'Unique within its list.' })
  name!: string;

  @Field(() => ParameterKind, {
    nullable: true,
    description: 'May be said again, but only as what the list says already.',
  })
  kind?: ParameterKind | null;

  @Field(() => String, {
    nullable: true,
    description: 'What a value must be: string, int, number or boolean; absent: string.',
  })
  type?: string | null;

  @Field(() => String, { nullable: true, description: 'The form field; absent: input.' })
  controls?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'The value where none is given; absent: one has to be.',
  })
  default?: string | null;

  @Field(() => String, { nullable: true, description: 'For people, in any script.' })
  displayName?: string | null;

  @Field(() => Int, { nullable: true, description: 'Orders the form; absent: its place in the list.' })
  index?: number | null;
}

@InputType({
  description: 'The algorithm that the image runs. An image that has none yet needs factory, name and type.',
})
export class AlgorithmInput implements AlgorithmChanges {
  @Field(() => String, { nullable: true, description: 'The vendor, in any script.' })
  factory?: string | null;

  @Field(() => String, { nullable: true, description: 'Its name, in any script.' })
  name?: string | null;

  @Field(() => String, { nullable: true, description: 'Its category, as the vendor numbers them.' })
  type?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters.' })
  description?: string | null;

  @Field(() => Int, { nullable: true, description: 'The number of the event it finds; 0 is one too.' })
  eventType?: number | null;

  @Field(() => String, { nullable: true, description: "Its class in the vendor's words." })
  incidentId?: string | null;

  @Field(() => Int, { nullable: true, description: 'How many video channels it takes.' })
  tvChannels?: number | null;

  @Field(() => Int, { nullable: true, description: 'How many pictures it takes.' })
  pictures?: number | null;

  @Field(() => Int, { nullable: true, description: 'Time between two frames, in milliseconds.' })
  frameInterval?: number | null;

  @Field(() => Int, { nullable: true, description: 'How many frames it looks at.' })
  frameNumber?: number | null;

  @Field(() => String, { nullable: true, description: "Whether it is shown outside, in the vendor's words." })
  useableFlag?: string | null;
}

/** What can be said about an image when it is registered and changed later. The fields with defaults stand with the two inputs. */
@InputType()
export abstract class ImageContentInput extends MutationInput implements ContentChanges {
  @Field(() => String, {
    nullable: true,
    description:
      "The namespace's name, e.g. algo. When registering, absent: the reference's first path segment where it has several, else `default`.",
  })
  namespace?: string | null;

  @Field(() => ID, {
    nullable: true,
    description: 'The workspace. When registering, absent: the default one.',
  })
  workspaceId?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The name in the catalogue. When registering, absent: from the reference; a text that is no legal name becomes the display name.',
  })
  name?: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The tag in the catalogue. When registering, absent: the reference's, else `latest`.",
  })
  tag?: string | null;

  @Field(() => String, { nullable: true, description: 'For people, in any script; at most 256 characters.' })
  displayName?: string | null;

  @Field(() => String, { nullable: true, description: 'The owning work group; at most 256 characters.' })
  group?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters.' })
  description?: string | null;

  @Field(() => Architecture, { nullable: true, description: 'The processor architecture.' })
  architecture?: Architecture | null;

  @Field(() => [ResourceCategory], { nullable: true, description: 'The kinds of machine that it runs on.' })
  resourceCategories?: ResourceCategory[] | null;

  @Field(() => FlavorType, { nullable: true, description: 'The Ascend chip that it is made for.' })
  flavorType?: FlavorType | null;

  @Field(() => [LabelInput], { nullable: true, description: 'At most 20, with unique keys.' })
  labels?: LabelInput[] | null;

  @Field(() => Decimal, {
    nullable: true,
    description: 'What its use costs, not negative; 0 is a price too.',
  })
  price?: string | null;

  @Field(() => String, { nullable: true, description: 'The http or https address of a picture.' })
  cover?: string | null;

  @Field(() => ImageRuntimeInput, { nullable: true, description: 'How a container of it is started.' })
  runtime?: ImageRuntimeInput | null;

  @Field(() => [ImageParameterInput], {
    nullable: true,
    description: 'What its command takes: {{inputs.x}}.',
  })
  inputs?: ImageParameterInput[] | null;

  @Field(() => [ImageParameterInput], {
    nullable: true,
    description: 'Where it puts results: {{outputs.x}}.',
  })
  outputs?: ImageParameterInput[] | null;

  @Field(() => [ImageParameterInput], { nullable: true, description: 'Its settings: {{configs.x}}.' })
  configs?: ImageParameterInput[] | null;

  @Field(() => AlgorithmInput, { nullable: true, description: 'The algorithm that it runs.' })
  algorithm?: AlgorithmInput | null;

  @Field(() => [String], {
    nullable: true,
    description:
      'Images that it needs, by their names in the catalogue: namespace/name:tag, e.g. "algo/posterize:1.0".',
  })
  dependencies?: string[] | null;
}
