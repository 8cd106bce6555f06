import { Args, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { type Connection, ForwardArgs, toConnection } from '../../graphql/connection.ts';
import type { Context } from '../../graphql/context.ts';
import type { ImageRow } from '../image.reads.ts';
import { ImageConnection, ImageObject } from '../image.types.ts';
import type { DependencyRow } from './image-dependency.reads.ts';
import { ImageDependencyObject } from './image-dependency.types.ts';

@Resolver(() => ImageObject)
export class ImageDependenciesResolver {
  @FieldResolver(() => [ImageDependencyObject], {
    description: 'The images that it needs, in the order in which they were given.',
  })
  async dependencies(
    @Root() image: ImageRow,
    @Ctx() { loaders }: Context,
  ): Promise<readonly DependencyRow[]> {
    return (await loaders.dependencies.load(image.id)) ?? [];
  }

  @FieldResolver(() => ImageConnection, {
    description:
      'The live images that need the image of its name and that the viewer may see, newest first; itself is not among them.',
  })
  async dependents(
    @Root() image: ImageRow,
    @Ctx() { loaders }: Context,
    @Args(() => ForwardArgs) args: ForwardArgs,
  ): Promise<Connection<ImageRow>> {
    return toConnection(await loaders.imagesOf('dependsOn', image.id, {}, args));
  }
}

@Resolver(() => ImageDependencyObject)
export class ImageDependencyResolver {
  @FieldResolver(() => ImageObject, {
    nullable: true,
    description: 'The live image that has the name now; null where there is none that the viewer may see.',
  })
  async image(@Root() { targetId }: DependencyRow, @Ctx() { loaders }: Context): Promise<ImageRow | null> {
    return targetId === null ? null : await loaders.image.load(targetId);
  }
}
