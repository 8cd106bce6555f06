import type { Session } from '../../auth/session.ts';
import type { EntityManager } from '../../db/orm.ts';
import type { NamespaceService } from '../../namespace/namespace.service.ts';
import { InputRefused, type Problem, Problems, refuse } from '../../shared/problems.ts';
import { Build } from '../build.entity.ts';
import { isFinal } from '../build.rules.ts';
import type { BuildService } from '../build.service.ts';
import { guardedBases } from '../dockerfile/dockerfile-base.rules.ts';
import type { BuildAdmission } from './build-admission.ts';
import type { BuildAnswer, BuildDraft, BuildRequestService } from './build-request.service.ts';
import { type BuildConfigInput, requestSecretsOf } from './build-source.rules.ts';
import type { BuildTokens, TokenClaim } from './build-token.ts';
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
   * Queues a build that ended without an image once more, as it was asked for then, with the rights of who asks now.
   *
   * @throws InputRefused with everything that is wrong; what is wrong with the earlier build has the path `id`
   */
  async retry(session: Session, input: RetryRequest): Promise<BuildAnswer> {
    const earlier = await this.#retryable(session, input.buildUid);
    const { clientToken, ...asked } = input;
    const reuse = async (buildId: string) => {
      const build = await this.parts.builds.find(session, buildId);
      return build && { build, reused: true, warnings: [] };
    };
    try {
      if (earlier.kind === 'NOTEBOOK') return await this.#saveAgain(session, earlier, clientToken);
      return await this.parts.tokens.once(
        session,
        clientToken,
        { retry: asked },
        async (claim) => await this.#buildAgain(session, earlier, input, claim),
        reuse,
      );
    } catch (error) {
      if (error instanceof InputRefused) throw new InputRefused(error.problems.map(ofThisInput), error.more);
      throw error;
    }
  }

  async #retryable(session: Session, uid: string | null): Promise<Build> {
    const seen = uid === null ? null : await this.parts.builds.find(session, uid);
    if (seen === null) return refuse('NOT_FOUND', ['id'], 'there is no such build');
    const { status } = seen;
    if (!isFinal(status)) {
      refuse('BUILD_NOT_FINISHED', ['id'], `the build is ${status}; cancel it first, or wait for its end`, {
        status,
      });
    }
    if (status === 'SUCCEEDED') {
      refuse('NOT_ALLOWED', ['id'], 'the build has succeeded; ask for a new one with buildImage', { status });
    }
    return await this.em.fork().findOneOrFail(Build, { id: seen.id });
  }

  async #buildAgain(
    session: Session,
    earlier: Build,
    input: RetryRequest,
    claim: TokenClaim | null,
  ): Promise<BuildAnswer | null> {
    const { dockerfile, source } = earlier;
    if (dockerfile === null || source === null) throw new Error(`build ${earlier.id} has no Dockerfile`);
    const problems = new Problems();
    const { registryHost } = this.parts.admission;
    const secrets = requestSecretsOf(input, [], registryHost, problems);
    const gone = [
      { path: 'secrets', wanted: source.secretIds ?? [], given: secrets.secrets },
      { path: 'registryAuths', wanted: source.authHosts ?? [], given: secrets.registryAuths },
    ];
    for (const { path, wanted, given } of gone) {
      const missing = wanted.filter((name) => !given.has(name));
      if (missing.length === 0) continue;
      const message = `secrets are not kept when a build has ended; send these again: ${missing.join(', ')}`;
      problems.add('REQUIRED', [path], message, { missing });
    }
    const [namespace] = await this.parts.namespaces.byIds([earlier.namespaceId]);
    const draft: BuildDraft = {
      ...earlier,
      dockerfile,
      source: {
        ...source,
        secretIds: [...secrets.secrets.keys()],
        authHosts: [...secrets.registryAuths.keys()],
      },
      secrets,
      bases: guardedBases(dockerfile, source.buildArgs, registryHost),
      workspaceUid: earlier.workspaceId,
      target: {
        namespace: namespace?.name ?? '',
        name: earlier.targetName,
        tag: earlier.targetTag,
        reference: earlier.targetReference,
      },
      retryOfId: earlier.id,
    };
    const options = { claim, warnings: [], validateOnly: false };
    return await this.parts.requests.submit(session, draft, problems, options);
  }

  async #saveAgain(
    session: Session,
    earlier: Build,
    clientToken: string | null | undefined,
  ): Promise<BuildAnswer> {
    const [namespace] = await this.parts.namespaces.byIds([earlier.namespaceId]);
    return await this.parts.saves.save(
      session,
      {
        clientToken,
        notebookUid: earlier.notebookId,
        namespace: namespace?.name ?? '',
        name: earlier.targetName,
        tag: earlier.targetTag,
        description: earlier.targetDescription,
        workspaceUid: earlier.workspaceId,
        overwriteTag: earlier.overwriteTag,
        pause: earlier.pause,
      },
      earlier.id,
    );
  }
}

/** What is wrong with the earlier build is wrong with its id: the rest of its input does not stand in this one. */
function ofThisInput(problem: Problem): Problem {
  const isOwn = ['secrets', 'registryAuths', 'clientToken'].includes(problem.path[0] ?? '');
  return isOwn ? problem : { ...problem, path: ['id'] };
}
