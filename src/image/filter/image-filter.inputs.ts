import { Field, ID, InputType } from 'type-graphql';
import { OrderDirection } from '../../graphql/enums.types.ts';
import { DateTime } from '../../graphql/scalars.ts';
import {
  Architecture,
  ImageOrigin,
  ImageStatus,
  ImageType,
  ResourceCategory,
  ServiceType,
  Visibility,
} from '../../shared/enums.ts';
import { ImageOrderField } from '../image.enums.ts';
import { type ImageFiltering, MAX_FILTER_CONDITIONS, MAX_FILTER_DEPTH } from './image-filter.rules.ts';

@InputType({ description: 'A label that images must have.' })
export class LabelFilter {
  @Field(() => String, { description: 'Its key, exactly.' })
  key!: string;

  @Field(() => String, { nullable: true, description: 'Its value, exactly; absent or null: any.' })
  value?: string | null;
}

@InputType({
  description: `Which images. All given conditions hold at once; what is absent or null does not narrow. At most
${MAX_FILTER_CONDITIONS} conditions, filters within filters at most ${MAX_FILTER_DEPTH} deep.`,
})
export class ImageFilter implements ImageFiltering {
  @Field(() => String, {
    nullable: true,
    description:
      "Part of the name, display name, description or reference, or of the algorithm's name or vendor, in any script and any case; % and _ stand for themselves. At most 512 characters; empty: all.",
  })
  search?: string | null;

  @Field(() => String, { nullable: true, description: "The namespace's name." })
  namespace?: string | null;

  @Field(() => ID, { nullable: true, description: "The workspace's id." })
  workspaceId?: string | null;

  @Field(() => [ImageStatus], { nullable: true, description: 'One of these; of an empty list none.' })
  status?: ImageStatus[] | null;

  @Field(() => [ImageOrigin], { nullable: true, description: 'One of these; of an empty list none.' })
  origin?: ImageOrigin[] | null;

  @Field(() => ImageType, { nullable: true, description: 'Of this type.' })
  type?: ImageType | null;

  @Field(() => Visibility, { nullable: true, description: 'With this visibility.' })
  visibility?: Visibility | null;

  @Field(() => [ServiceType], { nullable: true, description: 'One of these; of an empty list none.' })
  serviceType?: ServiceType[] | null;

  @Field(() => Architecture, { nullable: true, description: 'For this architecture.' })
  architecture?: Architecture | null;

  @Field(() => [ResourceCategory], { nullable: true, description: 'They run on at least one of these.' })
  resourceCategories?: ResourceCategory[] | null;

  @Field(() => String, { nullable: true, description: 'Of exactly this work group.' })
  group?: string | null;

  @Field(() => String, { nullable: true, description: 'With exactly this tag.' })
  tag?: string | null;

  @Field(() => [LabelFilter], { nullable: true, description: 'With all of these labels; empty: all.' })
  labels?: LabelFilter[] | null;

  @Field(() => ID, {
    nullable: true,
    description:
      'They need the image of this id, by its name in the catalogue; an image that the viewer may not see names nothing.',
  })
  dependsOn?: string | null;

  @Field(() => DateTime, { nullable: true, description: 'Made after this time.' })
  createdAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Made before this time.' })
  createdBefore?: Date | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description:
      'Deleted images too. Only in the outermost filter, where it holds for all; a status DELETED anywhere in a filter says the same.',
  })
  includeDeleted?: boolean | null;

  @Field(() => [ImageFilter], { nullable: true, description: 'All of these hold; empty: all.' })
  and?: ImageFilter[] | null;

  @Field(() => [ImageFilter], { nullable: true, description: 'At least one of these holds; empty: all.' })
  or?: ImageFilter[] | null;

  @Field(() => ImageFilter, { nullable: true, description: 'This does not hold.' })
  not?: ImageFilter | null;
}

@InputType({ description: 'How a list of images is ordered.' })
export class ImageOrder {
  @Field(() => ImageOrderField, { description: 'By what.' })
  field!: ImageOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.DESC, description: 'In which direction.' })
  direction!: OrderDirection;
}
