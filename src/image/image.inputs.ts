import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { OrderDirection } from '../graphql/enums.types.ts';
import { MutationInput, Payload } from '../graphql/payload.types.ts';
import { DateTime } from '../graphql/scalars.ts';
import {
  Architecture,
  DevService,
  ImageOrigin,
  ImageStatus,
  ImageType,
  ResourceCategory,
  ServiceType,
  Visibility,
} from '../shared/enums.ts';
import { ImageOrderField } from './image.enums.ts';
import type { ImageRow } from './image.reads.ts';
import { ImageObject } from './image.types.ts';

@InputType({ description: 'A key and a value to attach.' })
export class LabelInput {
  @Field(() => String, { description: 'Unique on its object; at most 128 characters.' })
  key!: string;

  @Field(() => String, { description: 'At most 256 characters; may be empty.' })
  value!: string;
}

@InputType({
  description: 'Which images. All given conditions hold at once; what is absent or null does not narrow.',
})
export class ImageFilter {
  @Field(() => String, {
    nullable: true,
    description:
      'Part of the name, display name, description or reference, in any case; % and _ stand for themselves.',
  })
  search?: string | null;

  @Field(() => String, { nullable: true, description: "The namespace's name." })
  namespace?: string | null;

  @Field(() => ID, { nullable: true, description: "The workspace's id." })
  workspaceId?: string | null;

  @Field(() => [ImageStatus], { nullable: true, description: 'One of these.' })
  status?: ImageStatus[] | null;

  @Field(() => [ImageOrigin], { nullable: true, description: 'One of these.' })
  origin?: ImageOrigin[] | null;

  @Field(() => ImageType, { nullable: true, description: 'Of this type.' })
  type?: ImageType | null;

  @Field(() => Visibility, { nullable: true, description: 'With this visibility.' })
  visibility?: Visibility | null;

  @Field(() => [ServiceType], { nullable: true, description: 'One of these.' })
  serviceType?: ServiceType[] | null;

  @Field(() => Architecture, { nullable: true, description: 'For this architecture.' })
  architecture?: Architecture | null;

  @Field(() => String, { nullable: true, description: 'With exactly this tag.' })
  tag?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'Made after this time.' })
  createdAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Made before this time.' })
  createdBefore?: Date | null;

  @Field(() => Boolean, { nullable: true, defaultValue: false, description: 'Deleted images too.' })
  includeDeleted?: boolean | null;
}

@InputType({ description: 'How a list of images is ordered.' })
export class ImageOrder {
  @Field(() => ImageOrderField, { description: 'By what.' })
  field!: ImageOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.DESC, description: 'In which direction.' })
  direction!: OrderDirection;
}

@InputType()
abstract class ImageDetailsInput extends MutationInput {
  @Field(() => String, { nullable: true, description: 'For people, in any script; at most 256 characters.' })
  displayName?: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters.' })
  description?: string | null;

  @Field(() => Architecture, { nullable: true, description: 'The processor architecture.' })
  architecture?: Architecture | null;

  @Field(() => [ResourceCategory], { nullable: true, description: 'The kinds of machine that it runs on.' })
  resourceCategories?: ResourceCategory[] | null;

  @Field(() => [LabelInput], { nullable: true, description: 'At most 20, with unique keys.' })
  labels?: LabelInput[] | null;
}

@InputType({ description: 'An image that exists in some registry, for the catalogue.' })
export class RegisterImageInput extends ImageDetailsInput {
  @Field(() => String, { description: 'What to pull: host[:port]/path[:tag][@digest].' })
  reference!: string;

  @Field(() => String, {
    nullable: true,
    description: "Absent: the reference's first path segment where it has several, else `default`.",
  })
  namespace?: string | null;

  @Field(() => ID, { nullable: true, description: 'Absent: the default workspace.' })
  workspaceId?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Absent: from the reference. A text that is no legal name becomes the display name.',
  })
  name?: string | null;

  @Field(() => String, { nullable: true, description: "Absent: the reference's tag, else `latest`." })
  tag?: string | null;

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

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description:
      "Ask this server's registry for digest, size and architecture, and refuse a reference it does not know.",
  })
  verify?: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Check everything, change nothing.',
  })
  validateOnly?: boolean | null;
}

@InputType({ description: 'What to change about an image: what is absent stays, null clears.' })
export class UpdateImageInput extends ImageDetailsInput {
  @Field(() => ID, { description: "The image's id." })
  id!: string;

  @Field(() => Visibility, { nullable: true, description: 'Who may see it; null: PRIVATE.' })
  visibility?: Visibility | null;

  @Field(() => ServiceType, { nullable: true, description: 'What it is for; null: UNKNOWN.' })
  serviceType?: ServiceType | null;

  @Field(() => [DevService], {
    nullable: true,
    description: 'How a container of it can be reached for development; null: in no way.',
  })
  devServices?: DevService[] | null;
}

@InputType({ description: 'Which image to delete.' })
export class DeleteImageInput extends MutationInput {
  @Field(() => ID, { description: "The image's id." })
  id!: string;
}

@ObjectType({ description: 'The registered image.', simpleResolvers: true })
export class RegisterImagePayload extends Payload {
  @Field(() => ImageObject, {
    nullable: true,
    description: 'Null where the input was refused or only checked.',
  })
  image!: ImageRow | null;

  @Field(() => [String], { description: 'What is not wrong but worth knowing.' })
  warnings!: string[];
}

@ObjectType({ description: 'The changed image.', simpleResolvers: true })
export class UpdateImagePayload extends Payload {
  @Field(() => ImageObject, { nullable: true, description: 'Null where the input was refused.' })
  image!: ImageRow | null;
}

@ObjectType({ description: 'The deleted image, as it was left.', simpleResolvers: true })
export class DeleteImagePayload extends Payload {
  @Field(() => ImageObject, { nullable: true, description: 'Null where the input was refused.' })
  image!: ImageRow | null;
}
