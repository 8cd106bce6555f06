import { randomUUID } from 'node:crypto';
import type { Session } from '../../auth/session.ts';
import { isTaken } from '../../db/violations.ts';
import type { WriteGate } from '../../db/write-gate.ts';
import { type EventBus, hintBuild } from '../../events/event-bus.ts';
import { Image } from '../../image/image.entity.ts';
import type { ImageRow } from '../../image/image.reads.ts';
import { DEFAULT_TAG } from '../../image/image.rules.ts';
import type { ImageService } from '../../image/image.service.ts';
import { findLive } from '../../image/image-access.ts';
import type { Notebook, NotebookService } from '../../notebook/notebook.service.ts';
import { toGlobalId } from '../../shared/global-id.ts';
import { type Problem, Problems, refuse } from '../../shared/problems.ts';
import type { BuildRow } from '../build.reads.ts';
import type { BuildService } from '../build.service.ts';
import { newImage } from '../run/build-publish.ts';
import { type AdmissionPaths, type BuildAdmission, TAKEN } from './build-admission.ts';
import { NO_SECRETS } from './build-secrets.ts';
import { saveTargetOf } from './build-target.rules.ts';
import { type BuildTokens, checkToken, type TokenClaim } from './build-token.ts';
import { queuedBuild } from './new-build.rules.ts';

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
      return { build, image, reused: true, warnings: [] };
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
    const { admission, tokens, events } = this.parts;
    const target = saveTargetOf(input, admission.registryHost, problems);
    const notebook = await this.#notebookOf(session, input.notebookUid, problems);
    const overwriteTag = input.overwriteTag ?? false;
    const wanted = {
      workspaceUid: input.workspaceUid,
      target,
      overwriteTag,
      priority: 'NORMAL' as const,
      mayHavePushed,
    };
    const place = await admission.check(session, wanted, PATHS, problems);
    problems.refuseIfAny();
    const warnings = [
      ...(notebook?.uncapturedMounts ?? []).map(
        (mount) => `${mount} is a volume or a mount: it will not be in the image`,
      ),
      ...place.warnings,
    ];
    const { workspace } = place;
    if (notebook === null || workspace === null || input.validateOnly === true) {
      return { build: null, image: null, reused: false, warnings };
    }
    try {
      const saved = await this.parts.writes.run(async (tx) => {
        if (await tokens.isMade(tx, claim)) return null;
        // Looked up again, now that it counts.
        const replaced =
          overwriteTag && place.namespace !== null ? await findLive(tx, place.namespace.id, target) : null;
        const ids = await admission.enter(tx, target, { ...place, workspace }, replaced, PATHS);
        const build = {
          ...queuedBuild(session, target),
          ...ids,
          kind: 'NOTEBOOK' as const,
          targetDescription: input.description ?? null,
          notebookId: notebook.id,
          notebook: { name: notebook.name, image: notebook.image, sourceImageId: null },
          containerId: notebook.containerId,
          pause: input.pause ?? true,
          overwriteTag,
          timeoutMs: this.parts.timeoutMs,
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
      if (saved === null) return null;
      hintBuild(events, saved.build.id);
      return { ...saved, reused: false, warnings };
    } catch (error) {
      if (isTaken(error, 'image_build_notebook_lock')) {
        const saving = (await this.parts.builds.savesOf([notebook.id])).get(notebook.id);
        const details = saving === undefined ? null : { buildId: toGlobalId('ImageBuild', saving) };
        refuse('NOTEBOOK_BUSY', ['notebookId'], BUSY, details);
      }
      if (isTaken(error, 'image_catalogue_name')) refuse('TAG_EXISTS', PATHS.name, TAKEN);
      throw error;
    }
  }

  async #notebookOf(session: Session, uid: string | null, problems: Problems): Promise<Notebook | null> {
    const notebook = uid === null ? null : await this.parts.notebooks.find(session, uid);
    const add = (code: Problem['code'], message: string, details: Problem['details'] = null) =>
      problems.add(code, ['notebookId'], message, details);
    if (notebook === null) {
      add('NOT_FOUND', 'there is no such notebook');
      return null;
    }
    const saving = (await this.parts.builds.savesOf([notebook.id])).get(notebook.id);
    if (saving !== undefined) add('NOTEBOOK_BUSY', BUSY, { buildId: toGlobalId('ImageBuild', saving) });
    else if (notebook.state === 'stopped')
      add('NOTEBOOK_NOT_RUNNING', 'start the notebook first', { status: 'STOPPED' });
    return notebook;
  }
}

const BUSY = 'the notebook is being saved already; wait for that save or cancel it';
