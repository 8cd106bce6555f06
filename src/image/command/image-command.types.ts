import { Field, InputType, ObjectType } from 'type-graphql';
import { UserErrorObject } from '../../graphql/payload.types.ts';
import { JSONObject } from '../../graphql/scalars.ts';
import type { Problem } from '../../shared/problems.ts';

const VALUES =
  'An object of names and values, e.g. { task_id: "7" }; numbers and truth values are taken as their texts.';

@InputType({ description: "What the variables of an image's command stand for." })
export class CommandValuesInput {
  @Field(() => JSONObject, { nullable: true, description: `For {{inputs.x}}. ${VALUES}` })
  inputs?: Record<string, unknown> | null;

  @Field(() => JSONObject, { nullable: true, description: `For {{outputs.x}}. ${VALUES}` })
  outputs?: Record<string, unknown> | null;

  @Field(() => JSONObject, { nullable: true, description: `For {{configs.x}}. ${VALUES}` })
  configs?: Record<string, unknown> | null;
}

@ObjectType('RenderedCommand', {
  description: "An image's command and arguments with their variables filled in.",
  simpleResolvers: true,
})
export class RenderedCommandObject {
  @Field(() => [String], {
    description:
      'The program and its arguments, to be executed as they are, without a shell; empty where something is wrong.',
  })
  argv!: readonly string[];

  @Field(() => [String], { description: 'What is not wrong but worth knowing.' })
  warnings!: readonly string[];

  @Field(() => [UserErrorObject], {
    description:
      'Everything that is wrong with the values, or with the template; empty when it was rendered.',
  })
  userErrors!: readonly Problem[];
}
