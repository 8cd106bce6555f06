import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Row } from '../../shared/row.ts';
import { Image } from '../image.entity.ts';

/**
 * One of the images that an image needs, by its catalogue name: the live image of that name is looked up when it is asked for,
 * so that a dependency holds when the image of that name is replaced or comes back.
 */
export const ImageDependency = defineEntity({
  name: 'ImageDependency',
  tableName: 'image_dependency',
  indexes: [{ name: 'image_dependency_target', properties: ['namespace', 'name', 'tag'] }],
  properties: {
    imageId: () => p.manyToOne(Image).mapToPk().name('image_id').primary().deleteRule('cascade'),
    /** From 0, in the order in which they were given. */
    position: p.integer().primary(),
    /** As it was written, e.g. `algo/posterize:1.0`. */
    reference: p.text(),
    namespace: p.text(),
    name: p.text(),
    tag: p.text(),
  },
});
export type ImageDependency = Row<InferEntity<typeof ImageDependency>>;
