import { Field, ObjectType } from 'type-graphql';
import type { DependencyRow } from './image-dependency.reads.ts';

@ObjectType('ImageDependency', {
  description: 'An image that another one needs, by its name in the catalogue.',
  simpleResolvers: true,
})
export class ImageDependencyObject implements Pick<DependencyRow, 'reference'> {
  @Field(() => String, { description: 'The name as it was written, e.g. algo/posterize:1.0.' })
  reference!: string;
}
