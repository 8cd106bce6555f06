import { Field, ObjectType, registerEnumType } from 'type-graphql';
import { Builder } from '../shared/enums.ts';
import type { EngineFacts } from './server-facts.ts';

registerEnumType(Builder, {
  name: 'Builder',
  description: 'What in an engine runs a Dockerfile.',
  valuesConfig: {
    CLASSIC: {
      description: "Docker's first builder, and Podman's: one step after the other, its log whole.",
    },
    BUILDKIT: { description: 'BuildKit: stages side by side, heredocs, mounts.' },
  },
});

@ObjectType('EngineInfo', { description: 'The container engine that builds.', simpleResolvers: true })
export class EngineInfoObject implements EngineFacts {
  @Field(() => String, { description: 'E.g. Docker or Podman; "unknown" while it does not answer.' })
  name!: string;

  @Field(() => String, { description: 'Its version; "unknown" while it does not answer.' })
  version!: string;

  @Field(() => Boolean, { description: 'Does it answer?' })
  available!: boolean;

  @Field(() => [Builder], { description: 'The builders it has.' })
  builders!: Builder[];
}

@ObjectType('ServerInfo', {
  description: 'What this server is and what it is connected to.',
  simpleResolvers: true,
})
export class ServerInfoObject {
  @Field(() => String, { description: "Slipway's version." })
  version!: string;

  @Field(() => String, {
    nullable: true,
    description: 'Where built images are pushed, host[:port]; null: nowhere yet.',
  })
  registryHost!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'A reference that FROM can name on this server without any public registry; null: there is none.',
  })
  exampleBaseImage!: string | null;

  @Field(() => EngineInfoObject, {
    nullable: true,
    description: 'The engine that builds; null: none, so builds wait.',
  })
  engine!: EngineFacts | null;
}
