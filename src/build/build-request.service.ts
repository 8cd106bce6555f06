import { randomUUID } from 'node:crypto';
import type { Session } from '../auth/session.ts';
import type { EntityManager } from '../db/orm.ts';
import { isTaken } from '../db/violations.ts';
import type { WriteGate } from '../db/write-gate.ts';
import { buildKey, type EventBus } from '../events/event-bus.ts';
import { Image } from '../image/image.entity.ts';
import type { ImageService } from '../image/image.service.ts';
import { findLive } from '../image/image-access.ts';
import type { Namespace } from '../namespace/namespace.entity.ts';
import type { NamespaceService } from '../namespace/namespace.service.ts';
import type { Notebook, NotebookService } from '../notebook/notebook.service.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { QuotaPaths } from '../scope/scope-quota.ts';
import type { Visibility } from '../shared/enums.ts';
import { UnavailableError } from '../shared/errors.ts';
import { toGlobalId } from '../shared/global-id.ts';
import { type Problem, Problems, refuse } from '../shared/problems.ts';
import { checkText } from '../shared/text.rules.ts';
import type { WorkspaceService } from '../workspace/workspace.service.ts';
import type { Build } from './build.entity.ts';
import type { BuildService } from './build.service.ts';
import { insertBuild } from './build.store.ts';
import { checkBases } from './build-bases.ts';
import { newImage } from './build-publish.ts';
import type { BuildQuotaService } from './build-quota.service.ts';
import {
  type BuildTarget,
  type BuildTargetInput,
  buildTargetOf,
  saveTargetOf,
} from './build-target.rules.ts';
import { type BuildConfigInput, dockerfileSourceOf } from './dockerfile-source.rules.ts';

const MAX_JOB_NAME = 128;

export interface BuildRequest {
  /** `undefined`: the default one; `null` names none that exists. */
  readonly workspaceUid: string | null | undefined;
  readonly image: BuildTargetInput;
  readonly buildConfig: BuildConfigInput;
  readonly overwriteTag?: boolean | null | undefined;
  readonly visibility?: Visibility | null | undefined;
  readonly jobName?: string | null | undefined;
  readonly timeoutSeconds?: number | null | undefined;
  readonly validateOnly?: boolean | null | undefined;
}

export interface SaveRequest {
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

export interface BuildLimits {
  readonly defaultTimeoutMs: number;
  readonly maxTimeoutMs: number;
}

/** Asking for builds: of a Dockerfile, and of a running notebook. Row and job commit together. */
export class BuildRequestService {
  constructor(
    private readonly em: EntityManager,
    private readonly parts: {
      readonly writes: WriteGate;
      readonly builds: BuildService;
      readonly quotas: BuildQuotaService;
      readonly queue: JobQueue;
      readonly events: EventBus;
      readonly namespaces: NamespaceService;
      readonly workspaces: WorkspaceService;
      readonly notebooks: NotebookService;
      readonly images: ImageService;
      /** `null` on a server without a registry, where nothing can be built. */
      readonly registryHost: string | null;
      readonly limits: BuildLimits;
    },
  ) {}

  /**
   * Queues a build of a Dockerfile: its row and its job commit together.
   *
   * @returns the build, `null` if only checking was asked for
   * @throws InputRefused with everything that is wrong
   */
  async request(session: Session, input: BuildRequest): Promise<{ build: Build | null; warnings: string[] }> {
    const registryHost = this.#registryHost();
    const problems = new Problems();
    const target = buildTargetOf(input.image, registryHost, problems);
    const { dockerfile, source, bases, warnings } = dockerfileSourceOf(
      input.buildConfig,
      registryHost,
      problems,
    );
    await checkBases(session, this.parts.images, bases, problems);
    checkText(problems, ['jobName'], input.jobName, MAX_JOB_NAME);
    const timeoutMs = this.#timeoutOf(input.timeoutSeconds, problems);
    const { workspaces } = this.parts;
    const workspace = await workspaces.findTarget(session, input.workspaceUid, ['workspaceId'], problems);
    const paths = { namespace: ['image', 'namespace'], workspace: ['workspaceId'] };
    const { namespace, taken } = await this.#namespaceOf(
      session,
      target,
      paths.namespace,
      input.overwriteTag,
      problems,
      ['image', 'name'],
    );
    const place = { namespaceId: namespace?.id, workspaceId: workspace?.id };
    await this.parts.quotas.takeRoom(this.em.fork(), place, taken, problems, paths);
    problems.refuseIfAny();
    if (target === null || workspace === null || input.validateOnly === true)
      return { build: null, warnings };
    const build = await this.parts.writes.run(async (tx) => {
      const { id: namespaceId } = namespace ?? (await this.parts.namespaces.ensure(tx, target.namespace));
      await this.#takeRoom(tx, { namespaceId, workspaceId: workspace.id }, taken, paths);
      return await this.#queue(tx, {
        ...queuedBuild(session, target),
        kind: 'DOCKERFILE',
        workspaceId: workspace.id,
        namespaceId,
        targetDescription: input.image.description ?? null,
        targetLabels: input.image.labels ?? [],
        dockerfile,
        buildType: 'CUSTOM_DOCKERFILE',
        source,
        visibility: input.visibility ?? 'PRIVATE',
        overwriteTag: input.overwriteTag ?? false,
        timeoutMs,
        jobName: input.jobName ?? null,
      });
    });
    this.parts.events.hint(buildKey(build.id));
    return { build, warnings };
  }

  /**
   * Queues the saving of a running notebook as an image. The image is in the catalogue at once, INIT.
   *
   * @throws InputRefused with everything that is wrong
   */
  async saveNotebook(
    session: Session,
    input: SaveRequest,
  ): Promise<{ build: Build | null; image: Image | null; warnings: string[] }> {
    const problems = new Problems();
    const target = saveTargetOf(input, this.#registryHost(), problems);
    const notebook = await this.#notebookOf(session, input.notebookUid, problems);
    const { workspaces } = this.parts;
    const workspace = await workspaces.findTarget(session, input.workspaceUid, ['workspaceId'], problems);
    const paths = { namespace: ['namespace'], workspace: ['workspaceId'] };
    const { namespace, taken } = await this.#namespaceOf(
      session,
      target,
      paths.namespace,
      input.overwriteTag,
      problems,
      ['name'],
    );
    const place = { namespaceId: namespace?.id, workspaceId: workspace?.id };
    await this.parts.quotas.takeRoom(this.em.fork(), place, taken, problems, paths);
    problems.refuseIfAny();
    const warnings = (notebook?.uncapturedMounts ?? []).map(
      (mount) => `${mount} is a volume or a mount: it will not be in the image`,
    );
    if (notebook === null || workspace === null || input.validateOnly === true) {
      return { build: null, image: null, warnings };
    }
    try {
      const saved = await this.parts.writes.run(async (tx) => {
        const namespaceId = (namespace ?? (await this.parts.namespaces.ensure(tx, target.namespace))).id;
        const build = {
          ...queuedBuild(session, target),
          kind: 'NOTEBOOK' as const,
          workspaceId: workspace.id,
          namespaceId,
          targetDescription: input.description ?? null,
          notebookId: notebook.id,
          containerId: notebook.containerId,
          pause: input.pause ?? true,
          overwriteTag: input.overwriteTag ?? false,
          timeoutMs: this.parts.limits.defaultTimeoutMs,
        };
        const replaced = build.overwriteTag ? await findLive(tx, namespaceId, target) : null;
        await this.#takeRoom(tx, build, replaced, paths);
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
        return { build: await this.#queue(tx, { ...build, imageId: image.id }), image };
      });
      this.parts.events.hint(buildKey(saved.build.id));
      return { ...saved, warnings };
    } catch (error) {
      if (isTaken(error, 'image_build_notebook_lock')) {
        const saving = (await this.parts.builds.savesOf([notebook.id])).get(notebook.id);
        const details = saving === undefined ? null : { buildId: toGlobalId('ImageBuild', saving) };
        refuse('NOTEBOOK_BUSY', ['notebookId'], BUSY, details);
      }
      if (isTaken(error, 'image_catalogue_name')) refuse('TAG_EXISTS', ['name'], TAKEN);
      throw error;
    }
  }

  /** Looks once more for room, now that nobody else can take it. @throws InputRefused where there is none */
  async #takeRoom(
    tx: EntityManager,
    place: Pick<Build, 'namespaceId' | 'workspaceId'>,
    replaced: Image | null,
    paths: QuotaPaths,
  ): Promise<void> {
    const problems = new Problems();
    await this.parts.quotas.takeRoom(tx, place, replaced, problems, paths);
    problems.refuseIfAny();
  }

  /** Writes a build and its job, for one transaction to commit. */
  async #queue(tx: EntityManager, build: Omit<Build, 'version'>): Promise<Build> {
    const inserted = insertBuild(tx, build);
    await tx.flush();
    await this.parts.queue.enqueue(tx, {
      jobId: inserted.jobId,
      buildId: inserted.id,
      group: inserted.namespaceId,
      priority: 0,
    });
    return inserted;
  }

  #registryHost(): string {
    if (this.parts.registryHost !== null) return this.parts.registryHost;
    throw new UnavailableError(
      'This server has no registry to push images to; its operator has to set SLIPWAY_REGISTRY.',
    );
  }

  #timeoutOf(seconds: number | null | undefined, problems: Problems): number {
    const { defaultTimeoutMs, maxTimeoutMs } = this.parts.limits;
    if (seconds === null || seconds === undefined) return defaultTimeoutMs;
    const max = maxTimeoutMs / 1000;
    if (seconds < 1 || seconds > max) {
      problems.add('OUT_OF_RANGE', ['timeoutSeconds'], `from 1 to ${max} seconds`, {
        min: 1,
        max,
        current: seconds,
      });
    }
    return seconds * 1000;
  }

  /** The target's namespace, `null` for one that is made with the build; and the live image that has its name, if one has. */
  async #namespaceOf(
    session: Session,
    target: BuildTarget | null,
    path: readonly string[],
    overwriteTag: boolean | null | undefined,
    problems: Problems,
    namePath: readonly string[],
  ): Promise<{ namespace: Namespace | null; taken: Image | null }> {
    if (target === null) return { namespace: null, taken: null };
    const namespace = await this.parts.namespaces.findTarget(session, target.namespace, path, problems);
    const taken = namespace === null ? null : await findLive(this.em.fork(), namespace.id, target);
    if (taken !== null && overwriteTag !== true) {
      problems.add('TAG_EXISTS', namePath, TAKEN, { name: target.name, tag: target.tag });
    }
    return { namespace, taken };
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
    else if (!notebook.running)
      add('NOTEBOOK_NOT_RUNNING', 'start the notebook first', { status: 'STOPPED' });
    return notebook;
  }
}

const BUSY = 'the notebook is being saved already; wait for that save or cancel it';
const TAKEN = 'a live image has this name and tag; choose another tag or set overwriteTag';

/** A build as it is when it is queued. */
function queuedBuild(session: Session, target: BuildTarget) {
  const now = new Date();
  return {
    id: randomUUID(),
    status: 'QUEUED',
    phase: null,
    phases: [],
    failure: null,
    steps: [],
    totalSteps: null,
    attempt: 0,
    lostWorkers: 0,
    imageId: null,
    targetName: target.name,
    targetTag: target.tag,
    targetReference: target.reference,
    targetDescription: null,
    targetLabels: [],
    dockerfile: null,
    buildType: null,
    source: null,
    notebookId: null,
    containerId: null,
    pause: true,
    visibility: 'PRIVATE',
    jobName: null,
    jobId: randomUUID(),
    priority: 'NORMAL',
    resource: null,
    network: null,
    targetRegistry: null,
    regionId: null,
    retryOfId: null,
    builder: null,
    push: null,
    logLineCount: 0,
    logBytes: 0,
    logTextBytes: 0,
    logDeletedAt: null,
    createdById: session.user.id,
    createdAt: now,
    queuedAt: now,
    startedAt: null,
    finishedAt: null,
    canceledById: null,
    cancelReason: null,
  } as const satisfies Partial<Build>;
}
