import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import { type Connection, ConnectionArgs, ForwardArgs, toConnection } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import { answer, InputIds } from '../graphql/payload.types.ts';
import type { Namespace } from '../namespace/namespace.entity.ts';
import { NamespaceObject } from '../namespace/namespace.types.ts';
import { NO_SUCH_UID, toGlobalId, uidOf } from '../shared/global-id.ts';
import { UserObject } from '../user/user.types.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';
import { WorkspaceObject } from '../workspace/workspace.types.ts';
import { ImagePermission } from './image.enums.ts';
import {
  DeleteImageInput,
  DeleteImagePayload,
  ImageFilter,
  ImageOrder,
  RegisterImageInput,
  RegisterImagePayload,
  UpdateImageInput,
  UpdateImagePayload,
} from './image.inputs.ts';
import type { ImageCriteria, ImageRow } from './image.reads.ts';
import { DEFAULT_TAG } from './image.rules.ts';
import { ImageConnection, ImageObject } from './image.types.ts';

const NEWEST_FIRST: ImageOrder = { field: 'CREATED_AT', direction: 'DESC' };

/** The filter as the catalogue takes it: ids of other types name nothing. */
function criteriaOf(filter: ImageFilter | null | undefined): ImageCriteria {
  const { workspaceId, ...rest } = filter ?? {};
  if (typeof workspaceId !== 'string') return rest;
  return { ...rest, workspaceUid: uidOf('Workspace', workspaceId, ['filter', 'workspaceId']) ?? NO_SUCH_UID };
}

@Resolver(() => ImageObject)
export class ImageResolver {
  @Query(() => ImageObject, {
    nullable: true,
    description: 'An image by id, deleted ones too; null where there is none that the viewer may see.',
  })
  async image(
    @Arg('id', () => ID, { description: "The image's id." }) id: string,
    @Ctx() { loaders }: Context,
  ): Promise<ImageRow | null> {
    const uid = uidOf('Image', id);
    return uid === null ? null : await loaders.image.load(uid);
  }

  @Query(() => ImageObject, {
    nullable: true,
    description: 'The live image of a catalogue name; null where there is none that the viewer may see.',
  })
  async imageByName(
    @Ctx() { images, session }: Context,
    @Arg('namespace', () => String, { description: "The namespace's name, e.g. algo." }) namespace: string,
    @Arg('name', () => String, { description: "The image's name, e.g. posterize." }) name: string,
    @Arg('tag', () => String, { nullable: true, defaultValue: DEFAULT_TAG, description: 'Its tag.' }) tag:
      | string
      | null,
  ): Promise<ImageRow | null> {
    return await images.findByName(session, { namespace, name, tag: tag ?? DEFAULT_TAG });
  }

  @Query(() => ImageConnection, { description: 'The images that the viewer may see.' })
  async images(
    @Ctx() { images, session }: Context,
    @Args(() => ConnectionArgs) args: ConnectionArgs,
    @Arg('filter', () => ImageFilter, { nullable: true, description: 'Which ones; absent: all.' })
    filter?: ImageFilter | null,
    @Arg('orderBy', () => ImageOrder, {
      nullable: true,
      defaultValue: NEWEST_FIRST,
      description: 'In which order; absent: the newest first.',
    })
    orderBy?: ImageOrder | null,
  ): Promise<Connection<ImageRow>> {
    return toConnection(await images.page(session, criteriaOf(filter), orderBy ?? NEWEST_FIRST, args));
  }

  @Mutation(() => RegisterImagePayload, {
    description: 'Puts an image that exists in some registry into the catalogue.',
  })
  async registerImage(
    @Arg('input', () => RegisterImageInput) input: RegisterImageInput,
    @Ctx() { images, session }: Context,
  ) {
    const ids = new InputIds();
    const workspaceUid = ids.optionalUid('Workspace', input.workspaceId, ['workspaceId']);
    const run = async () => ({
      image: await images.register(session, { ...input, workspaceUid }),
      warnings: [],
    });
    const refused = { image: null, warnings: [] };
    return await answer<{ image: ImageRow | null; warnings: string[] }>(input, refused, run, ids);
  }

  @Mutation(() => UpdateImagePayload, { description: 'Changes what is said about an image.' })
  async updateImage(
    @Arg('input', () => UpdateImageInput) input: UpdateImageInput,
    @Ctx() { images, session }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('Image', input.id, ['id']);
    const run = async () => ({ image: await images.update(session, uid, input) });
    return await answer<{ image: ImageRow | null }>(input, { image: null }, run, ids);
  }

  @Mutation(() => DeleteImagePayload, {
    description: 'Takes an image out of the catalogue. What the registry holds stays.',
  })
  async deleteImage(
    @Arg('input', () => DeleteImageInput) input: DeleteImageInput,
    @Ctx() { images, session }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('Image', input.id, ['id']);
    const run = async () => ({ image: await images.delete(session, uid) });
    return await answer<{ image: ImageRow | null }>(input, { image: null }, run, ids);
  }

  @FieldResolver(() => ID, { description: 'Opaque, globally unique, stable.' })
  id(@Root() image: ImageRow): string {
    return toGlobalId('Image', image.id);
  }

  @FieldResolver()
  uid(@Root() image: ImageRow): string {
    return image.id;
  }

  @FieldResolver()
  sourceNotebookId(@Root() image: ImageRow): string | null {
    return image.sourceNotebookId === null ? null : toGlobalId('Notebook', image.sourceNotebookId);
  }

  @FieldResolver(() => NamespaceObject, { description: 'Who owns it.' })
  async namespace(@Root() image: ImageRow, @Ctx() { loaders }: Context) {
    return await loaders.namespace.load(image.namespaceId);
  }

  @FieldResolver(() => WorkspaceObject, { description: 'Where it belongs.' })
  async workspace(@Root() image: ImageRow, @Ctx() { loaders }: Context) {
    return await loaders.workspace.load(image.workspaceId);
  }

  @FieldResolver(() => UserObject, {
    nullable: true,
    description: 'Who made it; null where that user is gone.',
  })
  async createdBy(@Root() image: ImageRow, @Ctx() { loaders }: Context) {
    return image.createdById === null ? null : await loaders.user.load(image.createdById);
  }

  @FieldResolver(() => [ImagePermission], { description: 'What the viewer may do with it.' })
  viewerPermissions(@Root() image: ImageRow, @Ctx() { session }: Context): ImagePermission[] {
    const changeable = image.type !== 'BUILD_IN' && image.status !== 'DELETED';
    return [
      'READ',
      ...(changeable && session.can('image:update', image.namespaceId) ? (['UPDATE'] as const) : []),
      ...(changeable && session.can('image:delete', image.namespaceId) ? (['DELETE'] as const) : []),
    ];
  }
}

@Resolver(() => NamespaceObject)
export class NamespaceImagesResolver {
  @FieldResolver(() => ImageConnection, { description: 'Its images that the viewer may see, newest first.' })
  async images(
    @Root() namespace: Namespace,
    @Ctx() { loaders }: Context,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Arg('filter', () => ImageFilter, { nullable: true, description: 'Which ones; absent: all.' })
    filter?: ImageFilter | null,
  ): Promise<Connection<ImageRow>> {
    return toConnection(await loaders.imagesOf('namespaceId', namespace.id, criteriaOf(filter), args));
  }
}

@Resolver(() => WorkspaceObject)
export class WorkspaceImagesResolver {
  @FieldResolver(() => ImageConnection, { description: 'Its images that the viewer may see, newest first.' })
  async images(
    @Root() workspace: Workspace,
    @Ctx() { loaders }: Context,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Arg('filter', () => ImageFilter, { nullable: true, description: 'Which ones; absent: all.' })
    filter?: ImageFilter | null,
  ): Promise<Connection<ImageRow>> {
    return toConnection(await loaders.imagesOf('workspaceId', workspace.id, criteriaOf(filter), args));
  }
}
