import { Arg, Args, Ctx, Extensions, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import { type Connection, ForwardArgs, toConnection } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import { SafeInt } from '../graphql/scalars.ts';
import type { ImageRow } from '../image/image.reads.ts';
import { liveOrFirst } from '../image/image.rules.ts';
import { ImageConnection, ImageObject } from '../image/image.types.ts';
import { UnavailableError } from '../shared/errors.ts';
import { NO_SUCH_UID, uidOf } from '../shared/global-id.ts';
import { UserObject } from '../user/user.types.ts';
import { WorkspaceObject } from '../workspace/workspace.types.ts';
import type { Notebook } from './notebook.service.ts';
import { NotebookConnection, NotebookObject } from './notebook.types.ts';

const ASKED =
  'The engine counts when this is asked for, and its answer is told for 30 seconds; null where it does not say within 5 seconds, or cannot.';

@Resolver(() => NotebookObject)
export class NotebookResolver {
  @Extensions({ cost: 50 })
  @Query(() => NotebookConnection, {
    description:
      "Notebook instances that the container engine reports: the viewer's own, and for owners all of their workspaces'.",
  })
  async notebooks(
    @Ctx() { notebooks, session, loaders }: Context,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Arg('workspaceId', () => ID, { nullable: true, description: 'Only those of this workspace.' })
    workspaceId?: string | null,
  ): Promise<Connection<Notebook>> {
    const uid =
      typeof workspaceId === 'string'
        ? (uidOf('Workspace', workspaceId, ['workspaceId']) ?? NO_SUCH_UID)
        : null;
    return toConnection(await notebooks.page(session, uid, args, loaders.containers()));
  }

  @Extensions({ cost: 50 })
  @Query(() => NotebookObject, {
    nullable: true,
    description: 'A notebook by id; null where there is none that the viewer may see.',
  })
  async notebook(
    @Arg('id', () => ID, { description: "The notebook's id." }) id: string,
    @Ctx() { loaders }: Context,
  ): Promise<Notebook | null> {
    const uid = uidOf('Notebook', id);
    return uid === null ? null : await loaders.notebook.load(uid);
  }

  @FieldResolver()
  uid(@Root() notebook: Notebook): string {
    return notebook.id;
  }

  @FieldResolver(() => WorkspaceObject, { description: 'Where it runs.' })
  workspace(@Root() notebook: Notebook) {
    return notebook.workspace;
  }

  @FieldResolver(() => UserObject, {
    nullable: true,
    description: 'Whose it is; null where its label names no user.',
  })
  async owner(@Root() notebook: Notebook, @Ctx() { loaders }: Context) {
    return notebook.ownerName === null ? null : await loaders.userByName.load(notebook.ownerName);
  }

  @FieldResolver(() => ImageObject, {
    nullable: true,
    description:
      'The image that it was started from in the catalogue, found by its digest: a live one before deleted ones. Null: it is not there, or the viewer may not see it.',
  })
  async sourceImage(@Root() notebook: Notebook, @Ctx() { loaders }: Context): Promise<ImageRow | null> {
    const { imageReferences } = notebook;
    const images = await Promise.all(imageReferences.map((name) => loaders.imageByReference.load(name)));
    return liveOrFirst(images.filter((image) => image !== null));
  }

  @FieldResolver(() => [String], {
    description:
      'What a save would not capture: where volumes, bind mounts and tmpfs are mounted, as absolute paths.',
  })
  uncapturedMounts(@Root() { uncapturedMounts }: Notebook): readonly string[] {
    if (uncapturedMounts !== null) return uncapturedMounts;
    throw new UnavailableError('The container engine does not say what is mounted; try again in a while.');
  }

  @Extensions({ cost: 40 })
  @FieldResolver(() => SafeInt, {
    nullable: true,
    description: `What it has written since it was started from its image, in bytes before compression: what a save's new layer takes. ${ASKED}`,
  })
  async writtenBytes(@Root() notebook: Notebook, @Ctx() { loaders }: Context): Promise<number | null> {
    return (await loaders.footprint.load(notebook))?.writtenBytes ?? null;
  }

  @Extensions({ cost: 40 })
  @FieldResolver(() => SafeInt, {
    nullable: true,
    description: `All its files, those of its image included, in bytes before compression; what is mounted does not count. ${ASKED}`,
  })
  async sizeBytes(@Root() notebook: Notebook, @Ctx() { loaders }: Context): Promise<number | null> {
    return (await loaders.footprint.load(notebook))?.sizeBytes ?? null;
  }

  @FieldResolver(() => ImageConnection, {
    description:
      'The images of its saves that the viewer may see, newest first; those that could not be made too.',
  })
  async savedImages(
    @Root() notebook: Notebook,
    @Ctx() { loaders }: Context,
    @Args(() => ForwardArgs) args: ForwardArgs,
  ): Promise<Connection<ImageRow>> {
    return toConnection(await loaders.imagesOf('sourceNotebookId', notebook.id, {}, args));
  }
}
