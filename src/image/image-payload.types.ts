import { Field, ObjectType } from 'type-graphql';
import { Payload } from '../graphql/payload.types.ts';
import type { ImageRow } from './image.reads.ts';
import { ImageObject } from './image.types.ts';

/** What the mutations of one image answer. */
@ObjectType({ simpleResolvers: true })
abstract class ImagePayload extends Payload {
  @Field(() => ImageObject, {
    nullable: true,
    description: 'Null where the input was refused; of what is new, also where it was only checked.',
  })
  image!: ImageRow | null;

  @Field(() => [String], { description: 'What is not wrong but worth knowing.' })
  warnings!: readonly string[];
}

@ObjectType({ description: 'The registered image.', simpleResolvers: true })
export class RegisterImagePayload extends ImagePayload {}

@ObjectType({
  description: 'The changed image; as it was where the edit was only checked.',
  simpleResolvers: true,
})
export class UpdateImagePayload extends ImagePayload {}

@ObjectType({ description: 'The deleted image, as it was left.', simpleResolvers: true })
export class DeleteImagePayload extends ImagePayload {}

@ObjectType({ description: 'The image that is in the catalogue again.', simpleResolvers: true })
export class RestoreImagePayload extends ImagePayload {}

@ObjectType({ description: 'The image as it was before it was removed for good.', simpleResolvers: true })
export class PurgeImagePayload extends ImagePayload {
  @Field(() => Boolean, { description: 'Was something removed from the registry?' })
  removedFromRegistry!: boolean;
}
