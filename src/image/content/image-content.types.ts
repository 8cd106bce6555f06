import { Field, Int, ObjectType } from 'type-graphql';
import { ParameterKind } from '../../shared/enums.ts';
import type {
  Algorithm,
  EnvVar,
  ImageParameter,
  ImageRuntime,
  Label,
  PathMapping,
  Port,
} from './image-content.ts';
import '../image.enums.ts';

@ObjectType('Label', { description: 'A key and a value that a user attached.', simpleResolvers: true })
export class LabelObject implements Label {
  @Field(() => String, { description: 'Unique on its object.' })
  key!: string;

  @Field(() => String, { description: 'May be empty.' })
  value!: string;
}

@ObjectType('EnvVar', {
  description: "An environment variable of an image's containers.",
  simpleResolvers: true,
})
export class EnvVarObject implements EnvVar {
  @Field(() => String, { description: 'Unique within the image, e.g. "CVSIP".' })
  name!: string;

  @Field(() => String, { description: 'May be empty.' })
  value!: string;
}

@ObjectType('Port', { description: "A port that an image's containers listen on.", simpleResolvers: true })
export class PortObject implements Port {
  @Field(() => String, { description: 'Unique within the image, e.g. "service1".' })
  name!: string;

  @Field(() => Int, { description: 'The port in the container, 1 to 65535.' })
  containerPort!: number;

  @Field(() => Int, {
    nullable: true,
    description: "The cluster nodes' port that leads to it, 1 to 65535; null: none.",
  })
  nodePort!: number | null;
}

@ObjectType('PathMapping', {
  description: 'A file or folder that is seen at another place in the container.',
  simpleResolvers: true,
})
export class PathMappingObject implements PathMapping {
  @Field(() => String, { description: 'Where it is, an absolute path.' })
  source!: string;

  @Field(() => String, { description: 'Where the container sees it, an absolute path.' })
  destination!: string;
}

@ObjectType('ImageRuntime', {
  description: 'How a container of an image is started. Lists are in the order in which they were given.',
  simpleResolvers: true,
})
export class ImageRuntimeObject implements ImageRuntime {
  @Field(() => [String], {
    description: "The command, which may hold variables such as {{inputs.task_id}}; empty: the image's own.",
  })
  command!: readonly string[];

  @Field(() => [String], { description: "The command's arguments, which may hold variables too." })
  args!: readonly string[];

  @Field(() => String, {
    nullable: true,
    description: "The folder that it is started in, an absolute path; null: the image's own.",
  })
  workingDir!: string | null;

  @Field(() => [EnvVarObject], { description: 'Environment variables.' })
  env!: readonly EnvVar[];

  @Field(() => [PortObject], { description: 'Ports that it listens on.' })
  ports!: readonly Port[];

  @Field(() => [String], { description: 'Folders in the container that are mounted, absolute paths.' })
  mounts!: readonly string[];

  @Field(() => [String], { description: 'Its configuration files, absolute paths in the container.' })
  configFiles!: readonly string[];

  @Field(() => [PathMappingObject], { description: 'Files and folders seen at other places.' })
  subPaths!: readonly PathMapping[];

  @Field(() => [PathMappingObject], { description: "Files and folders of the host's that it sees." })
  hostPaths!: readonly PathMapping[];

  @Field(() => Int, { nullable: true, description: 'CPU in milli-cores: 1000 is one core; null: not said.' })
  cpuRequests!: number | null;

  @Field(() => Int, { nullable: true, description: 'GPU memory in MiB; null: not said.' })
  gpuRequests!: number | null;

  @Field(() => Int, { nullable: true, description: 'Memory in MiB; null: not said.' })
  memRequests!: number | null;

  @Field(() => Int, { nullable: true, description: 'Size of its persistent volume in GiB; null: not said.' })
  pvcSize!: number | null;
}

@ObjectType('ImageParameter', {
  description: "A value that an image's command takes, and the form field that asks for it.",
  simpleResolvers: true,
})
export class ImageParameterObject implements ImageParameter {
  @Field(() => String, { description: 'Unique within its list; {{inputs.<name>}} in the command.' })
  name!: string;

  @Field(() => ParameterKind, { description: 'Which list it stands in.' })
  kind!: ParameterKind;

  @Field(() => String, {
    description:
      'What a value must be: "string", "int", "number" or "boolean"; anything else is a string too.',
  })
  type!: string;

  @Field(() => String, { description: 'The form field, e.g. "input".' })
  controls!: string;

  @Field(() => String, { nullable: true, description: 'The value where none is given; null: one has to be.' })
  default!: string | null;

  @Field(() => String, { nullable: true, description: 'For people, in any script; null: the name.' })
  displayName!: string | null;

  @Field(() => Int, { description: 'Orders the form, over all three lists; numbers may be left out.' })
  index!: number;
}

@ObjectType('TemplateVariable', {
  description: 'A variable such as {{inputs.task_id}} in a command.',
  simpleResolvers: true,
})
export class TemplateVariableObject {
  @Field(() => ParameterKind, { description: 'From which list it takes its value.' })
  scope!: ParameterKind;

  @Field(() => String, { description: "The parameter's name." })
  name!: string;

  @Field(() => Boolean, { description: 'Is there such a parameter? If not, a value has to be given.' })
  declared!: boolean;
}

@ObjectType('CommandTemplate', {
  description: "The variables in an image's command and arguments.",
  simpleResolvers: true,
})
export class CommandTemplateObject {
  @Field(() => [TemplateVariableObject], {
    description: 'Each once, in the order in which they stand there.',
  })
  variables!: TemplateVariableObject[];

  @Field(() => [String], {
    description: 'What is not wrong but worth knowing, e.g. variables without a parameter.',
  })
  warnings!: string[];
}

@ObjectType('Algorithm', { description: 'The algorithm that an image runs.', simpleResolvers: true })
export class AlgorithmObject implements Algorithm {
  @Field(() => String, { description: 'The vendor, in any script.' })
  factory!: string;

  @Field(() => String, { description: 'Its name, in any script.' })
  name!: string;

  @Field(() => String, { description: 'Its category, as the vendor numbers them, e.g. "0".' })
  type!: string;

  @Field(() => String, { nullable: true, description: 'At most 512 characters; null: none was given.' })
  description!: string | null;

  @Field(() => Int, { nullable: true, description: 'The number of the event it finds; null: not said.' })
  eventType!: number | null;

  @Field(() => String, { nullable: true, description: "Its class in the vendor's words; null: not said." })
  incidentId!: string | null;

  @Field(() => Int, { nullable: true, description: 'How many video channels it takes; null: not said.' })
  tvChannels!: number | null;

  @Field(() => Int, { nullable: true, description: 'How many pictures it takes; null: not said.' })
  pictures!: number | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Time between two frames that it looks at, in milliseconds; null: not said.',
  })
  frameInterval!: number | null;

  @Field(() => Int, { nullable: true, description: 'How many frames it looks at; null: not said.' })
  frameNumber!: number | null;

  @Field(() => String, {
    nullable: true,
    description: "Whether it is shown outside, in the vendor's words, kept as it came; null: not said.",
  })
  useableFlag!: string | null;
}
