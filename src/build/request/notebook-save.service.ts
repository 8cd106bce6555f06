import { randomUUID } from 'node:crypto';
import type { Session } from '../../auth/session.ts';
import { isTaken } from '../../db/violations.ts';
import type { WriteGate } from '../../db/write-gate.ts';
import { type EventBus, hintBuild } from '../../events/event-bus.ts';
import { Image } from '../../image/image.entity.ts';
import type { ImageRow } from '../../image/image.reads.ts';
import { DEFAULT_TAG, liveOrFirst } from '../../image/image.rules.ts';
import type { ImageService } from '../../image/image.service.ts';
import { findLive } from '../../image/image-access.ts';
import type { Notebook, NotebookService } from '../../notebook/notebook.service.ts';
import type { NotebookContainers } from '../../notebook/notebook-containers.ts';
import { UnavailableError } from '../../shared/errors.ts';
import { toGlobalId } from '../../shared/global-id.ts';
import { Problems, refuse } from '../../shared/problems.ts';
import { isSameRegistry } from '../../shared/registry-host.ts';
import type { Workspace } from '../../workspace/workspace.entity.ts';
import type { BuildRow } from '../build.reads.ts';
import type { BuildService } from '../build.service.ts';
import type { SizedImage } from '../quota/build-quota.service.ts';
import { newImage } from '../run/build-publish.ts';
import { type AdmissionPaths, type BuildAdmission, type Place, TAKEN } from './build-admission.ts';
import { NO_SECRETS } from './build-secrets.ts';
import { type BuildTarget, saveTargetOf } from './build-target.rules.ts';
import { type BuildTokens, checkToken, type TokenClaim } from './build-token.ts';
import { queuedBuild } from './new-build.rules.ts';
import {
  checkLayers,
  checkSize,
  checkState,
  type SaveEstimate,
  type SaveLimits,
  saveWarnings,
} from './notebook-save.rules.ts';

export interface SaveRequest {
  readonly clientToken?: string | null | undefined;
  readonly notebookUid: string | null;
  readonly namespace: string;
  readonly name: string;
  readonly tag?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly workspaceUid?: string | null | undefined;
  readonly overwriteTag?: boolean | null | undefined;
  readonly pause?: boolean | null | undefined;
  readonly validateOnly?: boolean | null | undefined;
}

export interface SaveAnswer {
  readonly build: BuildRow | null;
  readonly image: ImageRow | null;
  readonly reused: boolean;
  readonly warnings: string[];
  /** `null` where the engine did not say in time, or could not, and for a build that was there already. */
  readonly estimate: SaveEstimate | null;
}

/** A notebook that the viewer may see. */
interface Found {
  readonly notebook: Notebook;
  /** The image that it runs in the catalogue; `null` where the viewer may see none. */
  readonly source: ImageRow | null;
  /** That image where it is in the platform's own registry. */
  readonly base: SizedImage | null;
  readonly mounts: readonly string[];
  readonly isBusy: boolean;
}

/** What was asked for, checked. */
interface Asked {
  readonly target: BuildTarget;
  readonly description: string | null | undefined;
  readonly pause: boolean;
  readonly overwriteTag: boolean;
  readonly claim: TokenClaim | null;
  readonly retryOfId: string | null;
}

const PATHS: AdmissionPaths = { workspace: ['workspaceId'], namespace: ['namespace'], name: ['name'] };

/** Asking for running notebooks to be saved as images. */
export class NotebookSaveService {
  constructor(
    private readonly parts: {
      readonly writes: WriteGate;
      readonly builds: BuildService;
      readonly admission: BuildAdmission;
      readonly tokens: BuildTokens;
      readonly events: EventBus;
      readonly notebooks: NotebookService;
      readonly images: ImageService;
      readonly limits: SaveLimits;
      readonly timeoutMs: number;
    },
  ) {}

  /**
   * Queues the saving of a running notebook. The image is in the catalogue at once, INIT.
   *
   * @throws InputRefused with everything that is wrong
   */
  async save(session: Session, input: SaveRequest): Promise<SaveAnswer> {
    const { clientToken, validateOnly, ...asked } = input;
    const problems = new Problems();
    checkToken(clientToken, problems);
    const submit = async (claim: TokenClaim | null) => await this.submit(session, input, problems, { claim });
    if (validateOnly === true || problems.any) return (await submit(null)) as SaveAnswer;
    const { pause, overwriteTag, tag } = asked;
    const identity = {
      save: { ...asked, pause: pause ?? true, overwriteTag: overwriteTag ?? false, tag: tag || DEFAULT_TAG },
    };
    return await this.parts.tokens.once(session, clientToken, identity, submit, async (buildId) => {
      const build = await this.parts.builds.find(session, buildId);
      if (build === null) return null;
      const [image = null] =
        build.imageId === null ? [] : await this.parts.images.byIds(session, [build.imageId]);
      return { build, image, reused: true, warnings: [], estimate: null };
    });
  }

  /**
   * Checks what is asked for, and queues it.
   *
   * @returns `null` where another request with the claim's token has made the build meanwhile
   * @throws InputRefused with everything that is wrong, what `problems` had before too
   */
  async submit(
    session: Session,
    input: SaveRequest,
    problems: Problems,
    {
      claim,
      retryOfId = null,
      mayHavePushed = false,
    }: {
      readonly claim: TokenClaim | null;
      readonly retryOfId?: string | null;
      readonly mayHavePushed?: boolean;
    },
  ): Promise<SaveAnswer | null> {
    const { admission, notebooks } = this.parts;
    const { notebookUid, workspaceUid, description } = input;
    const target = saveTargetOf(input, admission.registryHost, problems);
    const [pause, overwriteTag] = [input.pause ?? true, input.overwriteTag ?? false];
    const containers = notebooks.containers();
    const { deadline } = containers;
    // What the engine does not answer must not hide what is wrong with the rest.
    const [finding] = await Promise.allSettled([this.#find(session, notebookUid, problems, containers)]);
    const found = finding.status === 'fulfilled' ? finding.value : null;
    const wanted = {
      workspaceUid,
      target,
      overwriteTag,
      priority: 'NORMAL' as const,
      mayHavePushed,
      base: found?.base ?? null,
    };
    const [checking, measuring] = await Promise.allSettled([
      admission.check(session, wanted, PATHS, problems),
      found === null || found.isBusy ? null : this.#measure(found.notebook, problems, deadline),
    ]);
    const place = settled(checking);
    problems.refuseIfAny();
    settled(finding);
    const estimate = settled(measuring);
    const { workspace } = place;
    if (found === null || workspace === null) throw new Error('refused without a reason');
    const { notebook, mounts } = found;
    // The engine's longest work, and only for warnings: not for what is refused.
    const credentials = await notebooks.credentialFiles(notebook, deadline);
    const warnings = [
      ...saveWarnings({ mounts, pause, estimate, credentials }),
      ...(await this.#roomWarnings(place, found, estimate)),
      ...place.warnings,
    ];
    if (input.validateOnly === true) {
      return { build: null, image: null, reused: false, warnings, estimate };
    }
    const asked = { target, description, pause, overwriteTag, claim, retryOfId };
    const queued = await this.#queue(session, asked, { ...place, workspace }, found);
    return queued && { ...queued, reused: false, warnings, estimate };
  }

  /** The notebook, if the viewer may see it, and whether it can be saved as it is now. */
  async #find(
    session: Session,
    uid: string | null,
    problems: Problems,
    containers: NotebookContainers,
  ): Promise<Found | null> {
    const { notebooks, builds, images, admission, limits } = this.parts;
    const notebook = uid === null ? null : await notebooks.find(session, uid, containers);
    if (notebook === null) {
      problems.add('NOT_FOUND', ['notebookId'], 'there is no such notebook');
      return null;
    }
    const { uncapturedMounts: mounts } = notebook;
    if (mounts === null) throw new UnavailableError(UNDESCRIBED);
    const [saves, byReference] = await Promise.all([
      builds.savesOf([notebook.id]),
      images.byReferences(session, notebook.imageReferences),
    ]);
    const saving = saves.get(notebook.id);
    // A save pauses it.
    if (saving === undefined) checkState(notebook, problems);
    else problems.add(...(await this.#busyWith(session, saving)));
    checkLayers(notebook, limits, problems);
    const sources = notebook.imageReferences.flatMap((reference) => byReference.get(reference) ?? []);
    const { registryHost } = admission;
    const base = sources.find((image) => isSameRegistry(image.registryHost, registryHost));
    return {
      notebook,
      source: liveOrFirst(sources),
      // By the name that the new image will have it under too.
      base: base ? { registryHost, sizeBytes: base.sizeBytes } : null,
      mounts,
      isBusy: saving !== undefined,
    };
  }

  /** What only the engine knows, and has to count. */
  async #measure(
    notebook: Notebook,
    problems: Problems,
    deadline: AbortSignal,
  ): Promise<SaveEstimate | null> {
    const { notebooks, limits } = this.parts;
    const footprint = await notebooks.footprint(notebook, deadline);
    if (footprint === null) return null;
    checkSize(footprint, limits, problems);
    // One that is not known is refused.
    return { ...footprint, layerCount: (notebook.layerCount ?? 0) + 1 };
  }

  /** That there is room for the least it can take has been checked; for the most, compression may make some. */
  async #roomWarnings(place: Place, { base }: Found, estimate: SaveEstimate | null): Promise<string[]> {
    if (estimate === null) return [];
    const { registryHost } = this.parts.admission;
    const { sizeBytes, writtenBytes } = estimate;
    const most = base?.sizeBytes ? base.sizeBytes + writtenBytes : sizeBytes;
    if (await this.parts.admission.hasRoom(place, { registryHost, sizeBytes: most })) return [];
    return [
      `the image may take up to ${most} bytes in the registry, for which a storage quota has no room: the save fails in the end unless compression makes it small enough; purge images, or ask an administrator for a higher limit`,
    ];
  }

  /** `null`: another request with the claim's token has made the build meanwhile. */
  async #queue(
    session: Session,
    asked: Asked,
    place: Place & { readonly workspace: Workspace },
    { notebook, source, base }: Found,
  ): Promise<Pick<SaveAnswer, 'build' | 'image'> | null> {
    const { admission, tokens, events, builds, writes, timeoutMs } = this.parts;
    const { target, description, pause, overwriteTag, claim, retryOfId } = asked;
    try {
      const saved = await writes.run(async (tx) => {
        if (await tokens.isMade(tx, claim)) return null;
        // Looked up again, now that it counts.
        const replaced =
          overwriteTag && place.namespace !== null ? await findLive(tx, place.namespace.id, target) : null;
        const ids = await admission.enter(tx, target, place, replaced, PATHS, base);
        const build = {
          ...queuedBuild(session, target),
          ...ids,
          kind: 'NOTEBOOK' as const,
          targetDescription: description ?? null,
          notebookId: notebook.id,
          notebook: { name: notebook.name, image: notebook.image, sourceImageId: source?.id ?? null },
          containerId: notebook.containerId,
          pause,
          overwriteTag,
          timeoutMs,
          retryOfId,
        };
        const image = tx.create(
          Image,
          newImage(build, {
            id: randomUUID(),
            reference: target.reference,
            origin: 'IMAGE_SAVE',
            status: 'INIT',
            createdAt: build.createdAt,
            updatedAt: build.createdAt,
            replacesId: replaced?.id ?? null,
          }),
        );
        await tx.flush();
        return {
          build: await admission.queue(tx, { ...build, imageId: image.id }, NO_SECRETS, claim),
          image,
        };
      });
      if (saved !== null) hintBuild(events, saved.build.id);
      return saved;
    } catch (error) {
      if (isTaken(error, 'image_build_notebook_lock')) {
        const saving = (await builds.savesOf([notebook.id])).get(notebook.id);
        refuse(...(await this.#busyWith(session, saving)));
      }
      if (isTaken(error, 'image_catalogue_name')) {
        refuse('TAG_EXISTS', PATHS.name, TAKEN, { name: target.name, tag: target.tag });
      }
      throw error;
    }
  }

  /** The problem that a notebook is being saved already, with the build that does it for who may see that one. */
  async #busyWith(session: Session, buildId: string | undefined): Promise<Parameters<Problems['add']>> {
    const build = buildId === undefined ? null : await this.parts.builds.find(session, buildId);
    const path = ['notebookId'];
    if (build === null) {
      return ['NOTEBOOK_BUSY', path, 'the notebook is being saved already; wait for that save', null];
    }
    const message = 'the notebook is being saved already; wait for that save or cancel it';
    return ['NOTEBOOK_BUSY', path, message, { buildId: toGlobalId('ImageBuild', build.id) }];
  }
}

const UNDESCRIBED = 'The container engine does not describe the notebook; try again in a while.';

/** What was waited for, or its failure. */
function settled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}
