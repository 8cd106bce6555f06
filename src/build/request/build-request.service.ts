import type { Session } from '../../auth/session.ts';
import type { WriteGate } from '../../db/write-gate.ts';
import { type EventBus, hintBuild } from '../../events/event-bus.ts';
import type { Label } from '../../image/content/image-content.ts';
import type { ImageService } from '../../image/image.service.ts';
import type { FindPrivateNames } from '../../registry/private-names.ts';
import type { ImageBuildKind, ImageBuildPriority, Visibility } from '../../shared/enums.ts';
import { Problems } from '../../shared/problems.ts';
import { checkText } from '../../shared/text.rules.ts';
import type {
  Build,
  BuildNetwork,
  BuildResource,
  DockerfileSource,
  TargetRegistry,
} from '../build.entity.ts';
import type { BuildRow } from '../build.reads.ts';
import type { BuildService } from '../build.service.ts';
import type { DockerfileCheckOptions } from '../dockerfile/dockerfile.rules.ts';
import type { GuardedBase } from '../dockerfile/dockerfile-base.rules.ts';
import type { BaseRegistries } from '../dockerfile/dockerfile-host.rules.ts';
import { type DockerfileReport, reportOnDockerfile } from '../dockerfile/dockerfile-report.rules.ts';
import type { AdmissionPaths, BuildAdmission } from './build-admission.ts';
import { checkBaseNames, checkBases } from './build-bases.ts';
import {
  type BuildLimits,
  type BuildNetworkInput,
  type BuildResourceInput,
  resourceOf,
  type TargetRegistryInput,
  targetRegistryOf,
} from './build-resource.rules.ts';
import type { RequestSecrets } from './build-secrets.ts';
import { type BuildConfigInput, buildSourceOf } from './build-source.rules.ts';
import { type BuildTarget, type BuildTargetInput, buildTargetOf } from './build-target.rules.ts';
import { type BuildTokens, checkToken, type TokenClaim } from './build-token.ts';
import { queuedBuild } from './new-build.rules.ts';

const MAX_JOB_NAME = 128;
const MAX_REGION = 64;

export interface BuildRequest {
  readonly clientToken?: string | null | undefined;
  /** `undefined`: the default one; `null` names none that exists. */
  readonly workspaceUid: string | null | undefined;
  readonly image: BuildTargetInput;
  readonly buildConfig: BuildConfigInput;
  readonly resource?: BuildResourceInput | null | undefined;
  readonly network?: BuildNetworkInput | null | undefined;
  readonly targetRegistry?: TargetRegistryInput | null | undefined;
  readonly overwriteTag?: boolean | null | undefined;
  readonly visibility?: Visibility | null | undefined;
  readonly jobName?: string | null | undefined;
  readonly priority?: ImageBuildPriority | null | undefined;
  readonly timeoutSeconds?: number | null | undefined;
  readonly validateOnly?: boolean | null | undefined;
}

export interface BuildAnswer {
  readonly build: BuildRow | null;
  readonly reused: boolean;
  readonly warnings: string[];
}

/** A build of a Dockerfile whose own parts have been checked. */
export interface BuildDraft {
  readonly kind: ImageBuildKind;
  readonly workspaceUid: string | null | undefined;
  /** `null` where it could not be read. */
  readonly target: BuildTarget | null;
  readonly targetDescription: string | null;
  readonly targetLabels: readonly Label[];
  readonly dockerfile: string;
  readonly source: DockerfileSource;
  /** Which take a right. */
  readonly bases: readonly GuardedBase[];
  readonly secrets: RequestSecrets;
  readonly resource: BuildResource | null;
  readonly network: BuildNetwork | null;
  readonly targetRegistry: TargetRegistry | null;
  readonly regionId: string | null;
  readonly visibility: Visibility;
  readonly overwriteTag: boolean;
  readonly priority: ImageBuildPriority;
  readonly timeoutMs: number;
  readonly jobName: string | null;
  readonly retryOfId: string | null;
  /** The tag in the registry may come from the build that this one tries once more. */
  readonly mayHavePushed: boolean;
}

const PATHS: AdmissionPaths = {
  workspace: ['workspaceId'],
  namespace: ['image', 'namespace'],
  name: ['image', 'name'],
};

/** Asking for builds of a Dockerfile or of a list of packages. Row, secrets, token and job commit together. */
export class BuildRequestService {
  constructor(
    private readonly parts: {
      readonly writes: WriteGate;
      readonly builds: BuildService;
      readonly admission: BuildAdmission;
      readonly tokens: BuildTokens;
      readonly events: EventBus;
      readonly images: ImageService;
      readonly builder: 'auto' | 'classic' | 'buildkit';
      /** The platform's own; `null` on a server without one. */
      readonly registryHost: string | null;
      /** Where bases may come from besides. */
      readonly bases: Omit<BaseRegistries, 'own'>;
      readonly findPrivateNames: FindPrivateNames;
    },
  ) {}

  /**
   * Queues a build; the same client token with the same input brings the build that it brought before.
   *
   * @returns `build: null` if only checking was asked for
   * @throws InputRefused with everything that is wrong
   */
  async request(session: Session, input: BuildRequest): Promise<BuildAnswer> {
    const { clientToken, validateOnly } = input;
    const problems = new Problems();
    checkToken(clientToken, problems);
    const { draft, warnings } = this.#draftOf(input, problems);
    const submit = async (claim: TokenClaim | null) =>
      await this.submit(session, draft, problems, { claim, warnings, validateOnly: validateOnly === true });
    // What is refused has never brought a build.
    if (validateOnly === true || problems.any) return (await submit(null)) as BuildAnswer;
    const identity = { build: identityOf(draft) };
    return await this.parts.tokens.once(session, clientToken, identity, submit, this.reuse(session));
  }

  /** The answer for a client token that brought a build before; `null` where the viewer may not see it any more. */
  reuse(session: Session): (buildId: string) => Promise<BuildAnswer | null> {
    return async (buildId) => {
      const build = await this.parts.builds.find(session, buildId);
      return build && { build, reused: true, warnings: [] };
    };
  }

  /** Where bases may come from. */
  get registries(): BaseRegistries {
    return { own: this.parts.admission.registryHost, ...this.parts.bases };
  }

  /** Looks at a Dockerfile without building it, by this server's rules. */
  checkDockerfile(text: string, options: Omit<DockerfileCheckOptions, 'registries'>): DockerfileReport {
    const { registryHost, bases } = this.parts;
    return reportOnDockerfile(text, { ...options, registries: { own: registryHost ?? '', ...bases } });
  }

  /**
   * Checks what others have a say in, and queues the build.
   *
   * @returns `null` where another request with the claim's token has made the build meanwhile
   * @throws InputRefused with everything that is wrong, what `problems` had before too
   */
  async submit(
    session: Session,
    draft: BuildDraft,
    problems: Problems,
    options: {
      readonly claim: TokenClaim | null;
      readonly warnings: readonly string[];
      readonly validateOnly: boolean;
    },
  ): Promise<BuildAnswer | null> {
    const { admission, images, tokens, events, findPrivateNames } = this.parts;
    const at = draft.kind === 'PACKAGES' ? ['buildConfig', 'baseImage'] : ['buildConfig', 'dockerfile'];
    await checkBases(session, images, draft.bases, problems, at);
    await checkBaseNames(findPrivateNames, draft, this.registries, problems, at);
    const place = await admission.check(session, draft, PATHS, problems);
    problems.refuseIfAny();
    const warnings = [...options.warnings, ...place.warnings];
    const { target } = draft;
    const { workspace } = place;
    if (target === null || workspace === null || options.validateOnly)
      return { build: null, reused: false, warnings };
    const build = await this.parts.writes.run(async (tx) => {
      if (await tokens.isMade(tx, options.claim)) return null;
      const ids = await admission.enter(tx, target, { ...place, workspace }, place.taken, PATHS);
      const row = { ...queuedBuild(session, target), ...fieldsOf(draft), ...ids };
      return await admission.queue(tx, row, draft.secrets, options.claim);
    });
    if (build === null) return null;
    hintBuild(events, build.id);
    return { build, reused: false, warnings };
  }

  /** What is worth knowing of limits that the builder will not hold to. */
  limitWarnings(limits: BuildLimits, needsBuildKit: boolean): string[] {
    const { builder } = this.parts;
    const isLimited = limits.cpus !== null || limits.memoryBytes !== null;
    return isLimited && (builder === 'buildkit' || (builder === 'auto' && needsBuildKit)) ? [UNLIMITED] : [];
  }

  #draftOf(input: BuildRequest, problems: Problems): { draft: BuildDraft; warnings: string[] } {
    const { admission } = this.parts;
    const { buildConfig, image } = input;
    const target = buildTargetOf(image, admission.registryHost, problems);
    const { warnings, ...built } = buildSourceOf(buildConfig, this.registries, problems);
    const asked = resourceOf(input.resource, input.network, problems);
    const pushed = targetRegistryOf(input.targetRegistry, problems);
    checkText(problems, ['jobName'], input.jobName, MAX_JOB_NAME);
    checkText(problems, ['buildConfig', 'regionId'], buildConfig.regionId, MAX_REGION);
    return {
      draft: {
        ...built,
        workspaceUid: input.workspaceUid,
        target,
        targetDescription: image.description ?? null,
        targetLabels: image.labels ?? [],
        resource: asked.resource,
        network: asked.network,
        targetRegistry: pushed.targetRegistry,
        regionId: buildConfig.regionId ?? null,
        visibility: input.visibility ?? 'PRIVATE',
        overwriteTag: input.overwriteTag ?? false,
        priority: input.priority ?? 'NORMAL',
        timeoutMs: admission.timeoutOf(input.timeoutSeconds, problems),
        jobName: input.jobName ?? null,
        retryOfId: null,
        mayHavePushed: false,
      },
      warnings: [
        ...warnings,
        ...asked.recordedOnly,
        ...pushed.recordedOnly,
        ...(buildConfig.regionId ? ['regionId is only recorded: this server has one region'] : []),
        ...this.limitWarnings(asked.limits, built.needsBuildKit),
      ],
    };
  }
}

const UNLIMITED =
  'resource.config is only recorded: this build needs BuildKit, which holds no step to limits of CPU and memory';

/** What a draft says about the build's row. */
function fieldsOf({ kind, source, dockerfile, ...draft }: BuildDraft) {
  return {
    kind,
    source,
    dockerfile,
    buildType: kind === 'PACKAGES' ? ('PACKAGE_INSTALLATION' as const) : ('CUSTOM_DOCKERFILE' as const),
    targetDescription: draft.targetDescription,
    targetLabels: draft.targetLabels,
    resource: draft.resource,
    network: draft.network,
    targetRegistry: draft.targetRegistry,
    regionId: draft.regionId,
    visibility: draft.visibility,
    overwriteTag: draft.overwriteTag,
    priority: draft.priority,
    timeoutMs: draft.timeoutMs,
    jobName: draft.jobName,
    retryOfId: draft.retryOfId,
  } satisfies Partial<Build>;
}

/** What makes two drafts the same request. */
function identityOf({ bases: _, secrets: { secrets, registryAuths }, ...draft }: BuildDraft): object {
  return {
    ...draft,
    secrets: Object.fromEntries(secrets),
    registryAuths: Object.fromEntries(registryAuths),
  };
}
