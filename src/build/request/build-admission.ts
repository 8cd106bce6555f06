import type { Session } from '../../auth/session.ts';
import type { EntityManager } from '../../db/orm.ts';
import type { Image } from '../../image/image.entity.ts';
import { findLive } from '../../image/image-access.ts';
import type { Namespace } from '../../namespace/namespace.entity.ts';
import type { NamespaceService } from '../../namespace/namespace.service.ts';
import type { JobQueue } from '../../queue/job-queue.ts';
import type { ImageRegistry } from '../../registry/image-registry.ts';
import type { ImageBuildPriority } from '../../shared/enums.ts';
import { UnavailableError } from '../../shared/errors.ts';
import { parseImageReference } from '../../shared/image-reference.ts';
import { Problems } from '../../shared/problems.ts';
import type { Workspace } from '../../workspace/workspace.entity.ts';
import type { WorkspaceService } from '../../workspace/workspace.service.ts';
import type { Build } from '../build.entity.ts';
import { insertBuild } from '../build.store.ts';
import type { BuildQuotaService, SizedImage } from '../quota/build-quota.service.ts';
import { type TagState, tagStateOf } from '../registry-tag.ts';
import type { BuildSecrets, RequestSecrets } from './build-secrets.ts';
import type { BuildTarget } from './build-target.rules.ts';
import type { BuildTokens, TokenClaim } from './build-token.ts';

/** Where things stand in an input. */
export interface AdmissionPaths {
  readonly workspace: readonly string[];
  readonly namespace: readonly string[];
  readonly name: readonly string[];
}

/** What is asked for, as far as others have a say in it. */
export interface Wanted {
  /** `undefined`: the default one; `null` names none that exists. */
  readonly workspaceUid: string | null | undefined;
  /** `null` where it could not be read, which is a problem already. */
  readonly target: BuildTarget | null;
  readonly overwriteTag: boolean;
  readonly priority: ImageBuildPriority;
  /** The tag in the registry may come from the build that this one tries once more. */
  readonly mayHavePushed: boolean;
  /** An image all of whose layers the new one has too; absent or `null` where none is known. */
  readonly base?: SizedImage | null;
}

/** Where a build may go. */
export interface Place {
  /** `null`: it is made with the build. */
  readonly namespace: Namespace | null;
  readonly workspace: Workspace | null;
  /** The live image that has the name. */
  readonly taken: Image | null;
  readonly warnings: readonly string[];
}

export interface TimeLimits {
  readonly defaultTimeoutMs: number;
  readonly maxTimeoutMs: number;
}

/** What every request for a build has to pass, whatever it builds; and the way into the queue. */
export class BuildAdmission {
  constructor(
    private readonly em: EntityManager,
    private readonly parts: {
      readonly quotas: BuildQuotaService;
      readonly queue: JobQueue;
      readonly namespaces: NamespaceService;
      readonly workspaces: WorkspaceService;
      readonly secrets: BuildSecrets;
      readonly tokens: BuildTokens;
      /** `null` on a server without one, where nothing can be built. */
      readonly registry: ImageRegistry | null;
      readonly limits: TimeLimits;
    },
  ) {}

  /** @throws UnavailableError where there is no registry to push to */
  get registryHost(): string {
    return this.#registry.host;
  }

  /** Rights, names and quotas, as they are now; {@link enter} looks once more. */
  async check(session: Session, wanted: Wanted, paths: AdmissionPaths, problems: Problems): Promise<Place> {
    const { target, workspaceUid } = wanted;
    const { workspaces, quotas } = this.parts;
    if (wanted.priority === 'HIGH' && !session.can('build:prioritise')) {
      problems.add('NOT_ALLOWED', ['priority'], 'only administrators may put a build before the others');
    }
    const workspace = await workspaces.findTarget(session, workspaceUid, paths.workspace, problems);
    const namespace =
      target === null
        ? null
        : await this.parts.namespaces.findTarget(session, target.namespace, paths.namespace, problems);
    const taken =
      namespace === null || target === null || !canBeStored(target)
        ? null
        : await findLive(this.em.fork(), namespace.id, target);
    const warnings: string[] = [];
    if (taken?.type === 'BUILD_IN') {
      problems.add('BUILT_IN', paths.name, TAKEN_BY_BUILT_IN, detailsOf(target));
    } else if (taken !== null && !wanted.overwriteTag) {
      problems.add('TAG_EXISTS', paths.name, TAKEN, detailsOf(target));
    }
    const place = { namespaceId: namespace?.id, workspaceId: workspace?.id };
    await quotas.takeRoom(this.em.fork(), place, taken, problems, paths, wanted.base ?? null);
    // Last, and of what is right otherwise: the registry's answer must not tell of what the viewer may not see.
    if (target !== null && !wanted.overwriteTag && !wanted.mayHavePushed && !problems.any) {
      const state = await this.#tagStateOf(target);
      if (state === 'TAKEN') problems.add('TAG_EXISTS', paths.name, IN_REGISTRY, detailsOf(target));
      if (state === 'UNKNOWN') warnings.push(NOT_ASKED);
    }
    return { namespace, workspace, taken, warnings };
  }

  /** Is there room for an image of this size, as things stand? */
  async hasRoom({ namespace, workspace, taken }: Place, image: SizedImage): Promise<boolean> {
    const problems = new Problems();
    const place = { namespaceId: namespace?.id, workspaceId: workspace?.id };
    const paths = { namespace: [], workspace: [] };
    await this.parts.quotas.takeRoom(this.em.fork(), place, taken, problems, paths, image);
    return !problems.any;
  }

  /** How long it may run, in milliseconds. */
  timeoutOf(seconds: number | null | undefined, problems: Problems): number {
    const { defaultTimeoutMs, maxTimeoutMs } = this.parts.limits;
    if (seconds === null || seconds === undefined) return defaultTimeoutMs;
    const max = maxTimeoutMs / 1000;
    if (seconds < 1 || seconds > max) {
      const details = { min: 1, max, current: seconds };
      problems.add('OUT_OF_RANGE', ['timeoutSeconds'], `from 1 to ${max} seconds`, details);
    }
    return seconds * 1000;
  }

  /**
   * Takes the room that there was, now that nobody else can, and makes the namespace if there is none.
   *
   * @throws InputRefused where the room is gone, or where a built-in image has the name by now
   */
  async enter(
    tx: EntityManager,
    target: BuildTarget,
    { namespace, workspace }: Pick<Place, 'namespace'> & { readonly workspace: Workspace },
    replaced: Image | null,
    paths: AdmissionPaths,
    base: SizedImage | null = null,
  ): Promise<{ namespaceId: string; workspaceId: string }> {
    const { id: namespaceId } = namespace ?? (await this.parts.namespaces.ensure(tx, target.namespace));
    const problems = new Problems();
    if (replaced?.type === 'BUILD_IN') {
      problems.add('BUILT_IN', paths.name, TAKEN_BY_BUILT_IN, detailsOf(target));
    }
    const place = { namespaceId, workspaceId: workspace.id };
    await this.parts.quotas.takeRoom(tx, place, replaced, problems, paths, base);
    problems.refuseIfAny();
    return place;
  }

  /** Writes a build, its secrets, its token and its job, for one transaction to commit. */
  async queue(
    tx: EntityManager,
    build: Omit<Build, 'version'>,
    secrets: RequestSecrets,
    claim: TokenClaim | null,
  ): Promise<Build> {
    const inserted = insertBuild(tx, build);
    await tx.flush();
    await this.parts.secrets.keep(tx, inserted.id, secrets);
    await this.parts.tokens.keep(tx, claim, inserted.id);
    await this.parts.queue.enqueue(tx, {
      jobId: inserted.jobId,
      buildId: inserted.id,
      group: inserted.namespaceId,
      priority: inserted.priority,
    });
    return inserted;
  }

  get #registry(): ImageRegistry {
    if (this.parts.registry !== null) return this.parts.registry;
    throw new UnavailableError(
      'This server has no registry to push images to; its operator has to set SLIPWAY_REGISTRY.',
    );
  }

  async #tagStateOf({ reference, tag }: BuildTarget): Promise<TagState> {
    const parsed = parseImageReference(reference);
    if ('problem' in parsed) throw new Error(parsed.problem);
    return await tagStateOf(this.#registry, parsed.path, tag);
  }
}

/** PostgreSQL has no U+0000; the rules for names and tags have said so by now. */
const canBeStored = ({ name, tag }: BuildTarget) => !`${name}${tag}`.includes('\0');

const detailsOf = (target: BuildTarget | null) => target && { name: target.name, tag: target.tag };

export const TAKEN = 'a live image has this name and tag; choose another tag or set overwriteTag';
const TAKEN_BY_BUILT_IN =
  'a built-in image has this name and tag, and those are read-only, overwriteTag or not; choose another name or tag';
const IN_REGISTRY =
  'the registry has this tag, though no live image of the catalogue does; choose another tag or set overwriteTag';
const NOT_ASKED =
  'the registry did not say whether it has this tag already; the build fails before it pushes if it has';
