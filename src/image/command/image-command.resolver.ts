import { Arg, Ctx, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../../graphql/context.ts';
import { answer, InputIds } from '../../graphql/payload.types.ts';
import type { ParameterKind } from '../../shared/enums.ts';
import { Problems, refuse } from '../../shared/problems.ts';
import { CommandTemplateObject, ImageParameterObject } from '../content/image-content.types.ts';
import type { ImageRow } from '../image.reads.ts';
import { ImageObject } from '../image.types.ts';
import {
  type CommandTemplate,
  commandTemplateOf,
  type RenderedCommand,
  renderCommand,
} from './command-template.rules.ts';
import { valuesOf } from './command-values.rules.ts';
import { CommandValuesInput, RenderedCommandObject } from './image-command.types.ts';

/** An image's command, what it takes, and what comes of it. */
@Resolver(() => ImageObject)
export class ImageCommandResolver {
  @Query(() => RenderedCommandObject, {
    description:
      "Fills the variables of an image's command. Values are never expanded twice and never reach a shell; a command that is one text is split into words before they come in.",
  })
  async renderCommand(
    @Arg('imageId', () => ID, { description: "The image's id." }) imageId: string,
    @Arg('values', () => CommandValuesInput, { description: 'What the variables stand for.' })
    values: CommandValuesInput,
    @Ctx() { loaders }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('Image', imageId, ['imageId']);
    const run = async (): Promise<RenderedCommand> => {
      const image = uid === null ? null : await loaders.image.load(uid);
      if (image === null) return refuse('NOT_FOUND', ['imageId'], 'there is no such image');
      const problems = new Problems();
      const rendered = renderCommand(image, valuesOf(values, problems), problems);
      problems.refuseIfAny();
      return rendered;
    };
    return await answer<RenderedCommand>({}, { argv: [], warnings: [] }, run, ids);
  }

  @FieldResolver(() => [ImageParameterObject], { description: 'What its command takes: {{inputs.x}}.' })
  inputs(@Root() image: ImageRow) {
    return ofKind('INPUT', image.inputs);
  }

  @FieldResolver(() => [ImageParameterObject], {
    description: 'Where its command puts results: {{outputs.x}}.',
  })
  outputs(@Root() image: ImageRow) {
    return ofKind('OUTPUT', image.outputs);
  }

  @FieldResolver(() => [ImageParameterObject], { description: "Its command's settings: {{configs.x}}." })
  configs(@Root() image: ImageRow) {
    return ofKind('CONFIG', image.configs);
  }

  @FieldResolver(() => CommandTemplateObject, { description: 'The variables in its command and arguments.' })
  commandTemplate(@Root() image: ImageRow): CommandTemplate {
    return commandTemplateOf(image);
  }
}

function ofKind(kind: ParameterKind, parameters: ImageRow['inputs']) {
  return parameters.map((parameter) => ({ ...parameter, kind }));
}
