import { Arg, Ctx, Extensions, Query, Resolver } from 'type-graphql';
import type { Context } from '../../graphql/context.ts';
import { BadInputError } from '../../shared/errors.ts';
import { BuildArgInput } from '../build.inputs.ts';
import { MAX_DOCKERFILE_BYTES } from './dockerfile.rules.ts';
import type { DockerfileReport } from './dockerfile-report.rules.ts';
import { DockerfileReportObject } from './dockerfile-report.types.ts';
import { MAX_FILES } from './dockerfile-source.rules.ts';

@Resolver()
export class DockerfileReportResolver {
  @Extensions({ cost: 50 })
  @Query(() => DockerfileReportObject, {
    description: 'Checks a Dockerfile without building it: every problem with its line and column.',
  })
  checkDockerfile(
    @Arg('dockerfile', () => String, { description: "The Dockerfile's text, at most 1 MiB." })
    dockerfile: string,
    @Arg('buildArgs', () => [BuildArgInput], {
      nullable: true,
      description: 'Values for its ARG; of a name that is there twice the last one counts.',
    })
    buildArgs: BuildArgInput[] | null | undefined,
    @Arg('files', () => [String], {
      nullable: true,
      description:
        'The paths of the files beside it, as in `buildConfig.files`, at most 1,000; absent: whether it copies what is not there is not looked at.',
    })
    files: string[] | null | undefined,
    @Arg('target', () => String, {
      nullable: true,
      description: 'The stage that is to be built; absent: the last one.',
    })
    target: string | null | undefined,
    @Ctx() { buildRequests }: Context,
  ): DockerfileReport {
    const size = Buffer.byteLength(dockerfile);
    if (size > MAX_DOCKERFILE_BYTES) {
      const details = { max: MAX_DOCKERFILE_BYTES, current: size };
      throw new BadInputError(
        `A Dockerfile may have ${MAX_DOCKERFILE_BYTES} bytes.`,
        ['dockerfile'],
        details,
      );
    }
    if (files && files.length > MAX_FILES) {
      const details = { max: MAX_FILES, current: files.length };
      throw new BadInputError(`A build takes at most ${MAX_FILES} files.`, ['files'], details);
    }
    const values = Object.fromEntries((buildArgs ?? []).map(({ name, value }) => [name, value]));
    return buildRequests.checkDockerfile(dockerfile, {
      buildArgs: values,
      target: target ?? null,
      ...(files && { files }),
    });
  }
}
