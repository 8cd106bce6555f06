import type { Session } from '../../auth/session.ts';
import { type EntityManager, kysely } from '../../db/orm.ts';
import type { NamespaceService } from '../../namespace/namespace.service.ts';
import type { ImageBuildKind } from '../../shared/enums.ts';
import { parseImageReference } from '../../shared/image-reference.ts';
import { InputRefused, type Problem, Problems } from '../../shared/problems.ts';
import { Build, type DockerfileSource } from '../build.entity.ts';
import { isFinal } from '../build.rules.ts';
import type { BuildService } from '../build.service.ts';
import { dockerfileSourceOf } from '../dockerfile/dockerfile-source.rules.ts';
import { mayHavePushed } from '../registry-tag.ts';
import type { BuildAdmission } from './build-admission.ts';
import type { BuildAnswer, BuildDraft, BuildRequestService } from './build-request.service.ts';
import { limitsOf } from './build-resource.rules.ts';
import type { RequestSecrets } from './build-secrets.ts';
import { type BuildConfigInput, requestSecretsOf, withSecrets } from './build-source.rules.ts';
import type { BuildTarget } from './build-target.rules.ts';
import { type BuildTokens, checkToken, type TokenClaim } from './build-token.ts';
import type { NotebookSaveService } from './notebook-save.service.ts';

export interface RetryRequest extends Pick<BuildConfigInput, 'secrets' | 'registryAuths'> {
  readonly clientToken?: string | null | undefined;
  readonly buildUid: string | null;
}

/** Trying builds once more that did not succeed: a new build each time, that knows which one it repeats. */
export class BuildRetryService {
  constructor(
    private readonly em: EntityManager,
    private readonly parts: {
      readonly builds: BuildService;
      readonly admission: BuildAdmission;
      readonly tokens: BuildTokens;
      readonly requests: BuildRequestService;
      readonly saves: NotebookSaveService;
      readonly namespaces: NamespaceService;
    },
  ) {}

  /**
   * Queues a build that ended without an image once more, as it was asked for then, with the rights and the rules of now.
   *
   * @throws InputRefused with everything that is wrong; what is wrong with the earlier build has the path `id`
   */
  async retry(session: Session, input: RetryRequest): Promise<BuildAnswer> {
    const { clientToken, ...asked } = input;
    const problems = new Problems();
    checkToken(clientToken, problems);
    const earlier = await this.#retryable(session, input.buildUid, problems);
    const again = async (claim: TokenClaim | null) =>
      earlier.kind === 'NOTEBOOK'
        ? await this.#saveAgain(session, earlier, input, problems, claim)
        : await this.#buildAgain(session, earlier, input, problems, claim);
    try {
      if (problems.any) return (await again(null)) as BuildAnswer;
      const reuse = this.parts.requests.reuse(session);
      return await this.parts.tokens.once(session, clientToken, { retry: asked }, again, reuse);
    } catch (error) {
      if (error instanceof InputRefused) throw new InputRefused(error.problems.map(ofThisInput), error.more);
      throw error;
    }
  }

  async #retryable(session: Session, uid: string | null, problems: Problems): Promise<Build> {
    const seen = uid === null ? null : await this.parts.builds.find(session, uid);
    if (seen === null) return problems.refuse('NOT_FOUND', ['id'], 'there is no such build');
    const { status, kind } = seen;
    if (!isFinal(status)) {
      const message = `the build is ${status}; cancel it first, or wait for its end`;
      problems.refuse('BUILD_NOT_FINISHED', ['id'], message, { status });
    }
    if (status === 'SUCCEEDED') {
      const message = `the build has succeeded; ask for a new one with ${MUTATION[kind]}`;
      problems.refuse('NOT_ALLOWED', ['id'], message, { status });
    }
    return await this.em.fork().findOneOrFail(Build, { id: seen.id }, { populate: ['dockerfile', 'source'] });
  }

  async #buildAgain(
    session: Session,
    earlier: Build,
    input: RetryRequest,
    problems: Problems,
    claim: TokenClaim | null,
  ): Promise<BuildAnswer | null> {
    const { dockerfile, source } = earlier;
    if (dockerfile === null || source === null) throw new Error(`build ${earlier.id} has no Dockerfile`);
    const { registries } = this.parts.requests;
    const secrets = requestSecretsOf(input, [], registries.own, problems);
    assertComplete(secrets, source, problems);
    const built = withSecrets(
      dockerfileSourceOf(configOf(dockerfile, source), registries, problems),
      secrets,
    );
    const target = await this.#targetOf(earlier);
    checkHost(earlier, registries.own, problems);
    const isTooHigh = earlier.priority === 'HIGH' && !session.can('build:prioritise');
    const priority = isTooHigh ? 'NORMAL' : earlier.priority;
    const draft: BuildDraft = {
      ...earlier,
      ...built,
      workspaceUid: earlier.workspaceId,
      target,
      priority,
      timeoutMs: this.parts.admission.timeoutOf(earlier.timeoutMs / 1000, problems),
      retryOfId: earlier.id,
      mayHavePushed: await this.#mayHavePushed(earlier),
    };
    const warnings = [
      ...built.warnings,
      ...this.parts.requests.limitWarnings(limitsOf(earlier.resource), built.needsBuildKit),
      ...(isTooHigh
        ? ['the priority is NORMAL now: only administrators may put a build before the others']
        : []),
    ];
    const options = { claim, warnings, validateOnly: false };
    return await this.parts.requests.submit(session, draft, problems, options);
  }

  async #saveAgain(
    session: Session,
    earlier: Build,
    { secrets, registryAuths }: RetryRequest,
    problems: Problems,
    claim: TokenClaim | null,
  ): Promise<BuildAnswer | null> {
    const unwanted = Object.entries({ secrets, registryAuths }).filter(([, given]) => given?.length);
    for (const [name] of unwanted) {
      problems.add('NOT_ALLOWED', [name], 'saving a notebook takes none; leave this out');
    }
    const { namespace, name, tag } = await this.#targetOf(earlier);
    checkHost(earlier, this.parts.requests.registries.own, problems);
    const answer = await this.parts.saves.submit(
      session,
      {
        notebookUid: earlier.notebookId,
        namespace,
        name,
        tag,
        description: earlier.targetDescription,
        workspaceUid: earlier.workspaceId,
        overwriteTag: earlier.overwriteTag,
        pause: earlier.pause,
      },
      problems,
      { claim, retryOfId: earlier.id, mayHavePushed: await this.#mayHavePushed(earlier) },
    );
    if (answer?.build?.containerId === earlier.containerId) return answer;
    return answer && { ...answer, warnings: [STARTED_ANEW, ...answer.warnings] };
  }

  async #targetOf(build: Build): Promise<BuildTarget> {
    const [namespace] = await this.parts.namespaces.byIds([build.namespaceId]);
    if (namespace === undefined) throw new Error(`build ${build.id} has no namespace`);
    const { targetName: name, targetTag: tag, targetReference: reference } = build;
    return { namespace: namespace.name, name, tag, reference };
  }

  async #mayHavePushed(build: Build): Promise<boolean> {
    return await mayHavePushed(kysely(this.em.fork()), build, build.attempt + 1);
  }
}

/** What asks for such a build in the first place. */
const MUTATION: Readonly<Record<ImageBuildKind, string>> = {
  DOCKERFILE: 'buildImage',
  PACKAGES: 'buildImage',
  NOTEBOOK: 'saveImageFromNotebook',
};

const STARTED_ANEW =
  'the notebook has been started anew since: what it holds now is saved, and nothing that was only in its old container';

/** What was forgotten has to be there again. */
function assertComplete(
  { secrets, registryAuths }: RequestSecrets,
  { secretIds = [], authHosts = [] }: DockerfileSource,
  problems: Problems,
): void {
  const lists = [
    { path: 'secrets', wanted: secretIds, given: secrets },
    { path: 'registryAuths', wanted: authHosts, given: registryAuths },
  ];
  for (const { path, wanted, given } of lists) {
    const missing = wanted.filter((name) => !given.has(name));
    if (missing.length === 0) continue;
    const message = `these were forgotten when the build ended; send them again: ${missing.join(', ')}`;
    problems.add('REQUIRED', [path], message, { missing });
  }
}

/** The platform's registry may have moved since. */
function checkHost({ kind, targetReference }: Build, registryHost: string, problems: Problems): void {
  const parsed = parseImageReference(targetReference);
  if (!('problem' in parsed) && parsed.host === registryHost) return;
  const message = `it was to be pushed elsewhere; images go to ${registryHost} now: ask for a new build with ${MUTATION[kind]}`;
  problems.add('REGISTRY_NOT_ALLOWED', ['id'], message, { allowed: [registryHost] });
}

/** A kept source as a request would give it. */
function configOf(dockerfile: string, { buildArgs, files, target, noCache }: DockerfileSource) {
  return {
    dockerfile,
    buildArgs: Object.entries(buildArgs).map(([name, value]) => ({ name, value })),
    files: files.map((file) => ({ ...file, encoding: 'BASE64' as const })),
    target,
    noCache,
  };
}

/** What is wrong with the earlier build is wrong with its id: the rest of its input does not stand in this one. */
function ofThisInput(problem: Problem): Problem {
  const isOwn = ['secrets', 'registryAuths', 'clientToken'].includes(problem.path[0] ?? '');
  return isOwn ? problem : { ...problem, path: ['id'] };
}
