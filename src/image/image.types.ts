import { Field, ID, Int, ObjectType } from 'type-graphql';
import { connectionOf } from '../graphql/connection.ts';
import { NodeInterface } from '../graphql/node.types.ts';
import { DateTime, Decimal, SafeInt, UUID } from '../graphql/scalars.ts';
import {
  Architecture,
  DevService,
  FlavorType,
  ImageOrigin,
  ImageStatus,
  ImageType,
  ResourceCategory,
  ServiceType,
  Visibility,
} from '../shared/enums.ts';
import type { Algorithm, ImageRuntime, Label } from './content/image-content.ts';
import { AlgorithmObject, ImageRuntimeObject, LabelObject } from './content/image-content.types.ts';
import type { ImageLayer } from './image.entity.ts';
import type { ImageRow } from './image.reads.ts';
import './image.enums.ts';

@ObjectType('ImageLayer', {
  description: "A layer of an image, as the registry's manifest names it.",
  simpleResolvers: true,
})
export class ImageLayerObject implements ImageLayer {
  @Field(() => String, { description: 'sha256:… of the compressed layer.' })
  digest!: string;

  @Field(() => SafeInt, { description: 'Compressed, in bytes.' })
  sizeBytes!: number;

  @Field(() => String, { description: 'E.g. application/vnd.oci.image.layer.v1.tar+gzip.' })
  mediaType!: string;
}

/** The row's columns that are fields of the API as they are. */
type PlainField =
  | 'name'
  | 'tag'
  | 'displayName'
  | 'description'
  | 'reference'
  | 'registryHost'
  | 'repository'
  | 'digest'
  | 'sizeBytes'
  | 'layers'
  | 'architecture'
  | 'origin'
  | 'type'
  | 'status'
  | 'statusMessage'
  | 'visibility'
  | 'serviceType'
  | 'devServices'
  | 'resourceCategories'
  | 'labels'
  | 'group'
  | 'flavorType'
  | 'price'
  | 'cover'
  | 'runtime'
  | 'algorithm'
  | 'version'
  | 'createdAt'
  | 'updatedAt'
  | 'deletedAt';

@ObjectType('Image', {
  implements: NodeInterface,
  description: 'A container image that the catalogue knows.',
  simpleResolvers: true,
})
export class ImageObject extends NodeInterface implements Pick<ImageRow, PlainField> {
  @Field(() => UUID, { description: "The image's UUID, for systems that keep one." })
  uid!: string;

  @Field(() => String, {
    description: 'Within the namespace; namespace, name and tag are unique among live images.',
  })
  name!: string;

  @Field(() => String, { description: 'The tag, e.g. "1.0".' })
  tag!: string;

  @Field(() => String, { nullable: true, description: 'For people, in any script; null: none was given.' })
  displayName!: string | null;

  @Field(() => String, { nullable: true, description: 'At most 512 characters; null: none was given.' })
  description!: string | null;

  @Field(() => String, { description: 'What to pull: host[:port]/path[:tag][@digest].' })
  reference!: string;

  @Field(() => String, {
    description: "The registry's host[:port]; docker.io where the reference names none.",
  })
  registryHost!: string;

  @Field(() => String, { description: 'The path in the registry, without host, tag and digest.' })
  repository!: string;

  @Field(() => String, {
    nullable: true,
    description: "The manifest's digest, sha256:…; null until it is known.",
  })
  digest!: string | null;

  @Field(() => SafeInt, {
    nullable: true,
    description: 'Bytes that a pull transfers (compressed layers and configuration); null until it is known.',
  })
  sizeBytes!: number | null;

  @Field(() => [ImageLayerObject], { description: 'From the bottom up; empty until they are known.' })
  layers!: readonly ImageLayer[];

  @Field(() => Architecture, {
    nullable: true,
    description: 'The processor architecture; null where it is not known.',
  })
  architecture!: Architecture | null;

  @Field(() => ImageOrigin, { description: 'Where it comes from.' })
  origin!: ImageOrigin;

  @Field(() => ImageType, { description: 'Whose it is.' })
  type!: ImageType;

  @Field(() => ImageStatus, { description: 'Where it stands in its life.' })
  status!: ImageStatus;

  @Field(() => String, {
    nullable: true,
    description: 'Why the status is what it is, for people; null: nothing to say.',
  })
  statusMessage!: string | null;

  @Field(() => Visibility, { description: 'Who may see it.' })
  visibility!: Visibility;

  @Field(() => ServiceType, { description: 'What it is for.' })
  serviceType!: ServiceType;

  @Field(() => [DevService], { description: 'How a container of it can be reached for development.' })
  devServices!: readonly DevService[];

  @Field(() => [ResourceCategory], {
    description: 'The kinds of machine that it runs on; empty: nobody said.',
  })
  resourceCategories!: readonly ResourceCategory[];

  @Field(() => [LabelObject], { description: 'At most 20, with unique keys, in the order they were given.' })
  labels!: readonly Label[];

  @Field(() => String, {
    nullable: true,
    description: 'The owning work group, in any script; null: none was given.',
  })
  group!: string | null;

  @Field(() => FlavorType, {
    nullable: true,
    description: 'The Ascend chip that it is made for; null: none, or not said.',
  })
  flavorType!: FlavorType | null;

  @Field(() => Decimal, {
    nullable: true,
    description: 'What its use costs, e.g. "0.50"; null: nobody said.',
  })
  price!: string | null;

  @Field(() => String, { nullable: true, description: 'The address of a picture; null: it has none.' })
  cover!: string | null;

  @Field(() => ImageRuntimeObject, { description: 'How a container of it is started.' })
  runtime!: ImageRuntime;

  @Field(() => AlgorithmObject, {
    nullable: true,
    description: 'The algorithm that it runs; null: it carries none.',
  })
  algorithm!: Algorithm | null;

  @Field(() => Int, { description: 'Rises by one with each edit: for `expectedVersion`.' })
  version!: number;

  @Field(() => ID, {
    nullable: true,
    description: 'The notebook it was saved from, which may be gone; null: it was not saved from one.',
  })
  sourceNotebookId!: string | null;

  @Field(() => DateTime, { description: 'When it came into the catalogue.' })
  createdAt!: Date;

  @Field(() => DateTime, { description: 'When it was changed last.' })
  updatedAt!: Date;

  @Field(() => DateTime, { nullable: true, description: 'When it was deleted; null: it is live.' })
  deletedAt!: Date | null;
}

export const ImageConnection = connectionOf('Image', ImageObject);
