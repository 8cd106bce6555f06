import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, FieldResolver, ID, Info, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { ScopeAction } from '../auth/session.ts';
import { type Connection, ConnectionArgs, ForwardArgs, toConnection } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import type { Loaders } from '../graphql/loaders.ts';
import { answer, InputIds } from '../graphql/payload.types.ts';
import { selectionOf } from '../graphql/selection.ts';
import type { Namespace } from '../namespace/namespace.entity.ts';
import { NamespaceObject } from '../namespace/namespace.types.ts';
import { toGlobalId, uidOf } from '../shared/global-id.ts';
import { UserObject } from '../user/user.types.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';
import { WorkspaceObject } from '../workspace/workspace.types.ts';
import { ImageFilter, ImageOrder } from './filter/image-filter.inputs.ts';
import { criteriaOf } from './filter/image-filter.rules.ts';
import { ImagePermission } from './image.enums.ts';
import {
  DeleteImageInput,
  PurgeImageInput,
  RegisterImageInput,
  RestoreImageInput,
  UpdateImageInput,
} from './image.inputs.ts';
import type { ImageRow } from './image.reads.ts';
import { canMove, DEFAULT_TAG } from './image.rules.ts';
import { ImageConnection, ImageObject } from './image.types.ts';
import type { Edited } from './image-edit.service.ts';
import {
  DeleteImagePayload,
  PurgeImagePayload,
  RegisterImagePayload,
  RestoreImagePayload,
  UpdateImagePayload,
} from './image-payload.types.ts';

const NEWEST_FIRST: ImageOrder = { field: 'CREATED_AT', direction: 'DESC' };

@Resolver(() => ImageObject)
export class ImageResolver {
  @Query(() => ImageObject, {
    nullable: true,
    description: 'An image by id, deleted ones too; null where there is none that the viewer may see.',
  })
  async image(
    @Arg('id', () => ID, { description: "The image's id." }) id: string,
    @Ctx() { loaders }: Context,
    @Info() info: GraphQLResolveInfo,
  ): Promise<ImageRow | null> {
    const uid = uidOf('Image', id);
    return uid === null ? null : await loaders.imageFor(selectionOf(info), uid);
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
    @Info() info: GraphQLResolveInfo,
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
    const asked = { criteria: criteriaOf(filter), sorting: orderBy ?? NEWEST_FIRST, args };
    return toConnection(await images.page(session, { ...asked, selection: selectionOf(info) }));
  }

  @Mutation(() => RegisterImagePayload, {
    description: 'Puts an image that exists in some registry into the catalogue.',
  })
  async registerImage(
    @Arg('input', () => RegisterImageInput) input: RegisterImageInput,
    @Ctx() { imageEdits, loaders, session }: Context,
  ) {
    const ids = new InputIds();
    const workspaceUid = ids.workspaceUid(input.workspaceId, ['workspaceId']);
    // Its defaults are for what is absent; null is no more than that here.
    const devServices = input.devServices ?? undefined;
    const run = async () =>
      forgetImages(
        loaders,
        await imageEdits.register(session, { ...plain(input), workspaceUid, devServices }),
      );
    return await answer<Edited>(input, { image: null, warnings: [] }, run, ids);
  }

  @Mutation(() => UpdateImagePayload, { description: 'Changes what is said about an image.' })
  async updateImage(
    @Arg('input', () => UpdateImageInput) input: UpdateImageInput,
    @Ctx() { imageEdits, loaders, session }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('Image', input.id, ['id']);
    const isDefault = input.workspaceId === null || input.workspaceId === '0';
    const workspaceUid = isDefault
      ? 'default'
      : ids.optionalUid('Workspace', input.workspaceId, ['workspaceId']);
    const run = async () =>
      forgetImages(loaders, await imageEdits.update(session, uid, { ...plain(input), workspaceUid }));
    return await answer<Edited>(input, { image: null, warnings: [] }, run, ids);
  }

  @Mutation(() => DeleteImagePayload, {
    description:
      'Takes an image out of the catalogue, from where restoreImage brings it back. What the registry holds stays.',
  })
  async deleteImage(
    @Arg('input', () => DeleteImageInput) input: DeleteImageInput,
    @Ctx() { imageLifecycle, loaders, session }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('Image', input.id, ['id']);
    const run = async () =>
      forgetImages(loaders, await imageLifecycle.delete(session, uid, input.force === true));
    return await answer<Edited>(input, { image: null, warnings: [] }, run, ids);
  }

  @Mutation(() => RestoreImagePayload, {
    description: 'Brings a deleted image back, with the status that it had.',
  })
  async restoreImage(
    @Arg('input', () => RestoreImageInput) input: RestoreImageInput,
    @Ctx() { imageLifecycle, loaders, session }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('Image', input.id, ['id']);
    const run = async () => forgetImages(loaders, await imageLifecycle.restore(session, uid));
    return await answer<Edited>(input, { image: null, warnings: [] }, run, ids);
  }

  @Mutation(() => PurgeImagePayload, {
    description: "Removes a deleted image for good, from this server's registry too where that is asked for.",
  })
  async purgeImage(
    @Arg('input', () => PurgeImageInput) input: PurgeImageInput,
    @Ctx() { imageLifecycle, loaders, session }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('Image', input.id, ['id']);
    const run = async () =>
      forgetImages(loaders, await imageLifecycle.purge(session, uid, input.removeFromRegistry === true));
    const refused = { image: null, removedFromRegistry: false, warnings: [] };
    return await answer<Edited & { removedFromRegistry: boolean }>(input, refused, run, ids);
  }

  @FieldResolver()
  uid(@Root() image: ImageRow): string {
    return image.id;
  }

  @FieldResolver()
  sourceNotebookId(@Root() image: ImageRow): string | null {
    return image.sourceNotebookId === null ? null : toGlobalId('Notebook', image.sourceNotebookId);
  }

  @FieldResolver(() => ImageObject, {
    nullable: true,
    description:
      'Of an image that was saved from a notebook: the image that the notebook ran. Null: it was not saved from one, who saved it saw none in the catalogue, it is purged, or the viewer may not see it.',
  })
  async sourceImage(@Root() image: ImageRow, @Ctx() { loaders }: Context): Promise<ImageRow | null> {
    return image.sourceImageId === null ? null : await loaders.image.load(image.sourceImageId);
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
    const may = (action: ScopeAction) => image.type !== 'BUILD_IN' && session.can(action, image.namespaceId);
    const isDeleted = image.status === 'DELETED';
    return [
      'READ',
      ...(!isDeleted && may('image:update') ? (['UPDATE'] as const) : []),
      ...(canMove(image.status, 'DELETED') && may('image:delete') ? (['DELETE'] as const) : []),
      ...(!isDeleted && may('image:share') ? (['SHARE'] as const) : []),
      ...(isDeleted && may('image:delete') ? (['RESTORE'] as const) : []),
      ...(isDeleted && may('image:purge') ? (['PURGE'] as const) : []),
    ];
  }
}

/** An input without its types' classes: plain objects, as the database has them, or the two would never be equal. */
function plain<T>(input: T): T {
  return structuredClone(input);
}

/** What the operation has loaded before a mutation may be different after it. */
function forgetImages<T>({ image, dependencies }: Loaders, result: T): T {
  image.clearAll();
  dependencies.clearAll();
  return result;
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
