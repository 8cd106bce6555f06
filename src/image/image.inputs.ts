import { Field, ID, InputType, Int } from 'type-graphql';
import { MutationInput } from '../graphql/payload.types.ts';
import { DateTime } from '../graphql/scalars.ts';
import { DevService, ImageOrigin, ServiceType, Visibility } from '../shared/enums.ts';
import { ImageContentInput } from './content/image-content.inputs.ts';

const VALIDATE_ONLY = 'Check everything, change nothing.';
const VERIFY =
  "Ask the reference's registry for digest, size, layers and architecture, and refuse a reference that it does not know.";

@InputType({ description: 'An image that exists in some registry, for the catalogue.' })
export class RegisterImageInput extends ImageContentInput {
  @Field(() => String, { description: 'What to pull: host[:port]/path[:tag][@digest].' })
  reference!: string;

  @Field(() => ImageOrigin, {
    nullable: true,
    defaultValue: ImageOrigin.CUSTOMIZE,
    description: 'Where it comes from.',
  })
  origin?: ImageOrigin | null;

  @Field(() => Visibility, {
    nullable: true,
    defaultValue: Visibility.PRIVATE,
    description: 'Who may see it.',
  })
  visibility?: Visibility | null;

  @Field(() => ServiceType, {
    nullable: true,
    defaultValue: ServiceType.UNKNOWN,
    description: 'What it is for.',
  })
  serviceType?: ServiceType | null;

  @Field(() => [DevService], {
    nullable: true,
    defaultValue: [DevService.NOTEBOOK, DevService.SSH],
    description: 'How a container of it can be reached for development.',
  })
  devServices?: DevService[] | null;

  @Field(() => Boolean, { nullable: true, defaultValue: false, description: VERIFY })
  verify?: boolean | null;

  @Field(() => Boolean, { nullable: true, defaultValue: false, description: VALIDATE_ONLY })
  validateOnly?: boolean | null;
}

@InputType({
  description:
    'What to change about an image: what is absent stays, null clears. `runtime` and `algorithm` are changed part by part, lists as a whole.',
})
export class UpdateImageInput extends ImageContentInput {
  @Field(() => ID, { description: "The image's id." })
  id!: string;

  @Field(() => Int, {
    nullable: true,
    description:
      'The version that the change was made from: if somebody has changed the image since, it is refused as STALE.',
  })
  expectedVersion?: number | null;

  @Field(() => DateTime, { nullable: true, description: 'The same, by the `updatedAt` that was read.' })
  ifUpdatedAt?: Date | null;

  @Field(() => String, {
    nullable: true,
    description:
      'What to pull; cannot be cleared, nor changed for an image that was built or saved here. A name, tag or namespace of null is taken from it.',
  })
  reference?: string | null;

  @Field(() => ImageOrigin, { nullable: true, description: 'Where it comes from; null: CUSTOMIZE.' })
  origin?: ImageOrigin | null;

  @Field(() => Visibility, { nullable: true, description: 'Who may see it; null: PRIVATE.' })
  visibility?: Visibility | null;

  @Field(() => ServiceType, { nullable: true, description: 'What it is for; null: UNKNOWN.' })
  serviceType?: ServiceType | null;

  @Field(() => [DevService], {
    nullable: true,
    description: 'How a container of it can be reached for development; null: in no way.',
  })
  devServices?: DevService[] | null;

  @Field(() => Boolean, { nullable: true, defaultValue: false, description: VERIFY })
  verify?: boolean | null;

  @Field(() => Boolean, { nullable: true, defaultValue: false, description: VALIDATE_ONLY })
  validateOnly?: boolean | null;
}

@InputType({ description: 'Which image to delete.' })
export class DeleteImageInput extends MutationInput {
  @Field(() => ID, { description: "The image's id." })
  id!: string;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Delete although live images depend on it.',
  })
  force?: boolean | null;
}

@InputType({ description: 'Which deleted image to bring back.' })
export class RestoreImageInput extends MutationInput {
  @Field(() => ID, { description: "The image's id." })
  id!: string;
}

@InputType({ description: 'Which deleted image to remove for good.' })
export class PurgeImageInput extends MutationInput {
  @Field(() => ID, { description: "The image's id." })
  id!: string;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: "Remove it from this server's registry too.",
  })
  removeFromRegistry?: boolean | null;
}
