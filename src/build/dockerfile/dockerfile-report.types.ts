import { Field, Int, ObjectType, registerEnumType } from 'type-graphql';
import type { DockerfileProblem } from './dockerfile.rules.ts';
import type { DockerfileReport } from './dockerfile-report.rules.ts';

const ProblemSeverity = { ERROR: 'ERROR', WARNING: 'WARNING', INFO: 'INFO' } as const;
type ProblemSeverity = keyof typeof ProblemSeverity;

registerEnumType(ProblemSeverity, {
  name: 'ProblemSeverity',
  description: 'How bad a problem of a Dockerfile is.',
  valuesConfig: {
    ERROR: { description: 'It is not built.' },
    WARNING: { description: 'It is built, but hardly as it was meant.' },
    INFO: { description: 'A matter of style.' },
  },
});

@ObjectType('DockerfileProblem', {
  description: 'Something wrong with a Dockerfile, and where. Lines and columns count from 1.',
  simpleResolvers: true,
})
export class DockerfileProblemObject implements DockerfileProblem {
  @Field(() => ProblemSeverity, { description: 'How bad it is.' })
  severity!: ProblemSeverity;

  @Field(() => String, { description: 'What is wrong, for a program, e.g. UNKNOWN_INSTRUCTION.' })
  code!: string;

  @Field(() => String, { description: 'What is wrong, for a person.' })
  message!: string;

  @Field(() => Int, { description: 'Where it begins.' })
  line!: number;

  @Field(() => Int, { description: 'Where it begins, in UTF-16 units.' })
  column!: number;

  @Field(() => Int, { nullable: true, description: 'Where it ends; null: not known.' })
  endLine!: number;

  @Field(() => Int, { nullable: true, description: 'Behind its last character; null: not known.' })
  endColumn!: number;
}

@ObjectType('DockerfileReport', {
  description: 'What a Dockerfile would build, and everything that is wrong with it.',
  simpleResolvers: true,
})
export class DockerfileReportObject implements DockerfileReport {
  @Field(() => Boolean, { description: 'Is there no ERROR?' })
  valid!: boolean;

  @Field(() => Int, { description: 'How many stages it has.' })
  stages!: number;

  @Field(() => Int, { description: 'How many instructions it has, from the first FROM on.' })
  steps!: number;

  @Field(() => [String], {
    description: 'The images that it is built on, each once, with the variables filled in that can be.',
  })
  baseImages!: readonly string[];

  @Field(() => [DockerfileProblemObject], {
    description:
      'In the order of its lines. Whether files are there that it copies, only buildImage can say.',
  })
  problems!: readonly DockerfileProblem[];
}
