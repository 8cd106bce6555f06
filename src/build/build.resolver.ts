import {
  Arg,
  Args,
  Ctx,
  Extensions,
  FieldResolver,
  ID,
  Int,
  Mutation,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import type { ContainerState } from '../engine/container-engine.ts';
import { type Connection, ConnectionArgs, ForwardArgs, toConnection } from '../graphql/connection.ts';
import type { Context } from '../graphql/context.ts';
import { answer, InputIds } from '../graphql/payload.types.ts';
import { SafeInt } from '../graphql/scalars.ts';
import type { ImageRow } from '../image/image.reads.ts';
import { ImageObject } from '../image/image.types.ts';
import { NamespaceObject } from '../namespace/namespace.types.ts';
import { NotebookPermission } from '../notebook/notebook.enums.ts';
import type { Notebook } from '../notebook/notebook.service.ts';
import { NotebookObject } from '../notebook/notebook.types.ts';
import { UnavailableError } from '../shared/errors.ts';
import { NO_SUCH_UID, toGlobalId, uidOf } from '../shared/global-id.ts';
import { UserObject } from '../user/user.types.ts';
import type { Workspace } from '../workspace/workspace.entity.ts';
import { WorkspaceObject } from '../workspace/workspace.types.ts';
import { ImageBuildPermission, NotebookStatus } from './build.enums.ts';
import {
  BuildImageInput,
  BuildImagePayload,
  CancelImageBuildInput,
  CancelImageBuildPayload,
  ImageBuildFilter,
  ImageBuildOrder,
  RetryImageBuildInput,
  RetryImageBuildPayload,
  SaveImageFromNotebookInput,
  SaveImageFromNotebookPayload,
} from './build.inputs.ts';
import type { BuildCriteria, BuildRow } from './build.reads.ts';
import { completedSteps, isFinal, percentOf, timeOf } from './build.rules.ts';
import { mayCancel } from './build.service.ts';
import {
  BuildConnection,
  BuildNotebookObject,
  BuildObject,
  BuildProgressObject,
  BuildStepObject,
  BuildTargetObject,
  PhaseTimingObject,
  QueuePositionObject,
} from './build.types.ts';
import type { BuildAnswer } from './request/build-request.service.ts';
import type { SaveAnswer } from './request/notebook-save.service.ts';

const REFUSED = { build: null, reused: false, warnings: [] };

const STATUSES = {
  running: 'RUNNING',
  paused: 'PAUSED',
  stopped: 'STOPPED',
} as const satisfies Record<ContainerState, NotebookStatus>;

const NEWEST_FIRST: ImageBuildOrder = { field: 'CREATED_AT', direction: 'DESC' };

/** The filter as the service takes it: ids of other types name nothing. */
function criteriaOf(filter: ImageBuildFilter | null | undefined): BuildCriteria {
  const { workspaceId, imageId, ...rest } = filter ?? {};
  const uid = (type: 'Workspace' | 'Image', id: string | null | undefined, name: string) =>
    typeof id === 'string' ? (uidOf(type, id, ['filter', name]) ?? NO_SUCH_UID) : null;
  return {
    ...rest,
    workspaceUid: uid('Workspace', workspaceId, 'workspaceId'),
    imageUid: uid('Image', imageId, 'imageId'),
  };
}

@Resolver(() => BuildObject)
export class BuildResolver {
  @Query(() => BuildObject, {
    nullable: true,
    description: 'A build by id; null where there is none that the viewer may see.',
  })
  async imageBuild(
    @Arg('id', () => ID, { description: "The build's id." }) id: string,
    @Ctx() { loaders }: Context,
  ): Promise<BuildRow | null> {
    const uid = uidOf('ImageBuild', id);
    return uid === null ? null : await loaders.build.load(uid);
  }

  @Query(() => BuildConnection, { description: 'The builds that the viewer may see.' })
  async imageBuilds(
    @Ctx() { builds, session }: Context,
    @Args(() => ConnectionArgs) args: ConnectionArgs,
    @Arg('filter', () => ImageBuildFilter, { nullable: true, description: 'Which ones; absent: all.' })
    filter?: ImageBuildFilter | null,
    @Arg('orderBy', () => ImageBuildOrder, {
      nullable: true,
      defaultValue: NEWEST_FIRST,
      description: 'In which order; absent: the newest first.',
    })
    orderBy?: ImageBuildOrder | null,
  ): Promise<Connection<BuildRow>> {
    return toConnection(await builds.page(session, criteriaOf(filter), orderBy ?? NEWEST_FIRST, args));
  }

  @Mutation(() => BuildImagePayload, {
    description: 'Queues a build; follow it with `imageBuildStatus` and `imageBuildLogs`.',
  })
  async buildImage(
    @Arg('input', () => BuildImageInput) input: BuildImageInput,
    @Ctx() { buildRequests, session }: Context,
  ) {
    const ids = new InputIds();
    const workspaceUid = ids.workspaceUid(input.workspaceId, ['workspaceId']);
    const { workspaceId: _, clientMutationId: __, ...asked } = input;
    const run = () => buildRequests.request(session, { ...asked, workspaceUid });
    return await answer<BuildAnswer>(input, REFUSED, run, ids);
  }

  @Extensions({ cost: 50 })
  @Mutation(() => SaveImageFromNotebookPayload, {
    description:
      'Saves a running notebook as an image; follow it with `imageBuildStatus` and `imageBuildLogs`.',
  })
  async saveImageFromNotebook(
    @Arg('input', () => SaveImageFromNotebookInput) input: SaveImageFromNotebookInput,
    @Ctx() { loaders, notebookSaves, session }: Context,
  ) {
    const ids = new InputIds();
    const notebookUid = ids.uid('Notebook', input.notebookId, ['notebookId']);
    const workspaceUid = ids.workspaceUid(input.workspaceId, ['workspaceId']);
    const { workspaceId: _, notebookId: __, clientMutationId: ___, ...asked } = input;
    const run = async () => {
      const saved = await notebookSaves.save(session, { ...asked, notebookUid, workspaceUid });
      // The build's image is the one beside it: looked up once more, it might be further on than the build.
      if (saved.image !== null) loaders.image.clear(saved.image.id).prime(saved.image.id, saved.image);
      return saved;
    };
    return await answer<SaveAnswer>(input, { image: null, estimate: null, ...REFUSED }, run, ids);
  }

  @Mutation(() => RetryImageBuildPayload, {
    description:
      'Queues a build that ended without an image once more, as it was asked for then. It is a new build, `retryOf` the other.',
  })
  async retryImageBuild(
    @Arg('input', () => RetryImageBuildInput) input: RetryImageBuildInput,
    @Ctx() { buildRetries, session }: Context,
  ) {
    const ids = new InputIds();
    const buildUid = ids.uid('ImageBuild', input.id, ['id']);
    const { secrets, registryAuths, clientToken } = input;
    const run = () => buildRetries.retry(session, { secrets, registryAuths, clientToken, buildUid });
    return await answer<BuildAnswer>(input, REFUSED, run, ids);
  }

  @Mutation(() => CancelImageBuildPayload, {
    description: 'Cancels a build: a queued one at once, a running one within a few seconds.',
  })
  async cancelImageBuild(
    @Arg('input', () => CancelImageBuildInput) input: CancelImageBuildInput,
    @Ctx() { builds, session }: Context,
  ) {
    const ids = new InputIds();
    const uid = ids.uid('ImageBuild', input.id, ['id']);
    const run = async () => ({ build: await builds.cancel(session, uid, input.reason) });
    return await answer<{ build: BuildRow | null }>(input, { build: null }, run, ids);
  }

  @FieldResolver()
  uid(@Root() build: BuildRow): string {
    return build.id;
  }

  // Of 1 MiB at the most.
  @Extensions({ cost: 100 })
  @FieldResolver(() => String, {
    nullable: true,
    description: 'The Dockerfile as it is built; null for a notebook.',
  })
  async dockerfile(@Root() build: BuildRow, @Ctx() { loaders }: Context): Promise<string | null> {
    return await loaders.dockerfile.load(build.id);
  }

  @FieldResolver(() => [PhaseTimingObject], {
    description: 'The phases of this attempt so far, with their times.',
  })
  phases(@Root() build: BuildRow) {
    return build.phases.map((timing) => ({
      ...timing,
      startedAt: timeOf(timing.startedAt),
      finishedAt: timeOf(timing.finishedAt),
    }));
  }

  @FieldResolver(() => BuildProgressObject, { description: 'How far it is.' })
  progress(@Root() build: BuildRow) {
    return {
      completedSteps: completedSteps(build),
      totalSteps: build.totalSteps,
      percent: percentOf(build),
      pushedBytes: build.push?.pushedBytes ?? null,
      pushTotalBytes: build.push?.totalBytes ?? null,
    };
  }

  @FieldResolver(() => [BuildStepObject], { description: 'The steps of this attempt that have begun.' })
  steps(@Root() build: BuildRow) {
    return build.steps.map((step) => {
      const startedAt = timeOf(step.startedAt);
      const finishedAt = timeOf(step.finishedAt);
      const durationMs =
        startedAt === null || finishedAt === null ? null : finishedAt.getTime() - startedAt.getTime();
      return { ...step, startedAt, finishedAt, durationMs };
    });
  }

  @Extensions({ cost: 5 })
  @FieldResolver(() => QueuePositionObject, {
    nullable: true,
    description: 'Where it waits; null unless it is QUEUED, and while a worker is just taking it.',
  })
  async queue(@Root() build: BuildRow, @Ctx() { loaders }: Context) {
    return build.status === 'QUEUED' ? await loaders.queuePosition.load(build.id) : null;
  }

  @FieldResolver(() => BuildTargetObject, { description: 'What it is to make.' })
  target(@Root() build: BuildRow) {
    return {
      name: build.targetName,
      tag: build.targetTag,
      reference: build.targetReference,
      description: build.targetDescription,
      labels: build.targetLabels,
    };
  }

  @FieldResolver(() => BuildNotebookObject, {
    nullable: true,
    description:
      'The notebook that it saves; null: it is built from something else, or by a version of this server that did not keep this.',
  })
  notebook(@Root() build: BuildRow): BuildNotebookObject | null {
    const { notebook, notebookId, containerId } = build;
    if (notebook === null || notebookId === null || containerId === null) return null;
    return {
      ...notebook,
      id: toGlobalId('Notebook', notebookId),
      uid: notebookId,
      containerId,
      pause: build.pause,
      pausedSince: build.notebookHeldSince,
      pausedMs: build.notebookPausedMs,
    };
  }

  @FieldResolver(() => Int, { description: 'How long it may run, in seconds.' })
  timeoutSeconds(@Root() build: BuildRow): number {
    return Math.ceil(build.timeoutMs / 1000);
  }

  @FieldResolver(() => SafeInt, {
    nullable: true,
    description:
      'From the first start to the end, in milliseconds; null until it has ended, or if it never began.',
  })
  durationMs(@Root() build: BuildRow): number | null {
    return build.startedAt === null || build.finishedAt === null
      ? null
      : build.finishedAt.getTime() - build.startedAt.getTime();
  }

  @FieldResolver(() => WorkspaceObject, { description: 'Where it runs.' })
  async workspace(@Root() build: BuildRow, @Ctx() { loaders }: Context) {
    return await loaders.workspace.load(build.workspaceId);
  }

  @FieldResolver(() => NamespaceObject, { description: 'Who will own the image.' })
  async namespace(@Root() build: BuildRow, @Ctx() { loaders }: Context) {
    return await loaders.namespace.load(build.namespaceId);
  }

  @FieldResolver(() => ImageObject, {
    nullable: true,
    description:
      'The image: of a Dockerfile once the build has succeeded, of a notebook from the start; null before.',
  })
  async image(@Root() build: BuildRow, @Ctx() { loaders }: Context) {
    return build.imageId === null ? null : await loaders.image.load(build.imageId);
  }

  @FieldResolver(() => UserObject, {
    nullable: true,
    description: 'Who asked for it; null where that user is gone.',
  })
  async createdBy(@Root() build: BuildRow, @Ctx() { loaders }: Context) {
    return build.createdById === null ? null : await loaders.user.load(build.createdById);
  }

  @FieldResolver(() => BuildObject, {
    nullable: true,
    description: 'The build that this one tries once more; null: none, or it is gone.',
  })
  async retryOf(@Root() build: BuildRow, @Ctx() { loaders }: Context) {
    return build.retryOfId === null ? null : await loaders.build.load(build.retryOfId);
  }

  @FieldResolver(() => [BuildObject], {
    description: 'The builds that tried this one once more, the newest first; at most 100.',
  })
  async retries(@Root() build: BuildRow, @Ctx() { loaders }: Context) {
    return (await loaders.retries.load(build.id)) ?? [];
  }

  @FieldResolver(() => UserObject, { nullable: true, description: 'Who cancelled it; null: nobody.' })
  async canceledBy(@Root() build: BuildRow, @Ctx() { loaders }: Context) {
    return build.canceledById === null ? null : await loaders.user.load(build.canceledById);
  }

  @FieldResolver(() => [ImageBuildPermission], {
    description:
      'What the viewer may do with it. A save is tried once more by who may see its notebook: without RETRY also where the engine does not answer just now.',
  })
  async viewerPermissions(
    @Root() build: BuildRow,
    @Ctx() { session, loaders, workspaces }: Context,
  ): Promise<ImageBuildPermission[]> {
    if (!isFinal(build.status)) return mayCancel(session, build) ? ['READ', 'CANCEL'] : ['READ'];
    if (build.status === 'SUCCEEDED' || !session.can('image:create', build.namespaceId)) return ['READ'];
    const workspace = await loaders.workspace.load(build.workspaceId);
    if (workspace === null || !workspaces.mayWork(session, workspace)) return ['READ'];
    return build.kind !== 'NOTEBOOK' || (await seesNotebook(build, loaders)) ? ['READ', 'RETRY'] : ['READ'];
  }
}

/** May the viewer see the notebook that a build saves? No, where the engine does not say. */
async function seesNotebook({ notebookId }: BuildRow, loaders: Context['loaders']): Promise<boolean> {
  try {
    return notebookId !== null && (await loaders.notebook.load(notebookId)) !== null;
  } catch (error) {
    if (error instanceof UnavailableError) return false;
    throw error;
  }
}

@Resolver(() => BuildNotebookObject)
export class BuildNotebookResolver {
  @FieldResolver(() => ImageObject, {
    nullable: true,
    description:
      'That image in the catalogue; null: who asked for the save saw none there, it is purged, or the viewer may not see it.',
  })
  async sourceImage(@Root() { sourceImageId }: BuildNotebookObject, @Ctx() { loaders }: Context) {
    return sourceImageId === null ? null : await loaders.image.load(sourceImageId);
  }
}

@Resolver(() => ImageObject)
export class ImageBuildsResolver {
  @FieldResolver(() => BuildObject, {
    nullable: true,
    description: 'The build that made it; null where none did, or where the viewer may not see it.',
  })
  async sourceBuild(@Root() image: ImageRow, @Ctx() { loaders }: Context) {
    return image.sourceBuildId === null ? null : await loaders.build.load(image.sourceBuildId);
  }

  @FieldResolver(() => BuildConnection, {
    description: 'The builds that made it or are making it, newest first.',
  })
  async builds(
    @Root() image: ImageRow,
    @Ctx() { loaders }: Context,
    @Args(() => ForwardArgs) args: ForwardArgs,
  ): Promise<Connection<BuildRow>> {
    return toConnection(await loaders.buildsOf('imageId', image.id, {}, args));
  }
}

@Resolver(() => WorkspaceObject)
export class WorkspaceBuildsResolver {
  @FieldResolver(() => BuildConnection, { description: 'Its builds that the viewer may see, newest first.' })
  async builds(
    @Root() workspace: Workspace,
    @Ctx() { loaders }: Context,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Arg('filter', () => ImageBuildFilter, { nullable: true, description: 'Which ones; absent: all.' })
    filter?: ImageBuildFilter | null,
  ): Promise<Connection<BuildRow>> {
    return toConnection(await loaders.buildsOf('workspaceId', workspace.id, criteriaOf(filter), args));
  }
}

@Resolver(() => NotebookObject)
export class NotebookSavesResolver {
  @FieldResolver(() => NotebookStatus, { description: 'What it is doing.' })
  async status(@Root() notebook: Notebook, @Ctx() { loaders }: Context): Promise<NotebookStatus> {
    if ((await loaders.notebookSave.load(notebook.id)) !== null) return 'SAVING';
    return STATUSES[notebook.state];
  }

  @FieldResolver(() => [NotebookPermission], { description: 'What the viewer may do with it.' })
  async viewerPermissions(
    @Root() notebook: Notebook,
    @Ctx() { notebooks, session, loaders }: Context,
  ): Promise<NotebookPermission[]> {
    if (!notebooks.maySave(session, notebook)) return ['READ'];
    return (await loaders.notebookSave.load(notebook.id)) === null ? ['READ', 'SAVE'] : ['READ'];
  }
}
