import { needsBuildKit, parseDockerfile } from '../../shared/dockerfile.ts';
import type { ImageBuildKind } from '../../shared/enums.ts';
import type { Problems } from '../../shared/problems.ts';
import { isSameRegistry } from '../../shared/registry-host.ts';
import type { DockerfileSource } from '../build.entity.ts';
import type { GuardedBase } from '../dockerfile/dockerfile-base.rules.ts';
import type { BaseRegistries } from '../dockerfile/dockerfile-host.rules.ts';
import { type DockerfileConfigInput, dockerfileSourceOf } from '../dockerfile/dockerfile-source.rules.ts';
import {
  buildSecretsOf,
  type CredentialInput,
  registryAuthsOf,
  type SecretInput,
} from './build-credentials.rules.ts';
import type { RequestSecrets } from './build-secrets.ts';
import { type PackageBuildInput, packageDockerfileOf } from './package-dockerfile.rules.ts';

export interface BuildConfigInput extends DockerfileConfigInput, PackageBuildInput {
  readonly buildType?: 'CUSTOM_DOCKERFILE' | 'PACKAGE_INSTALLATION' | null | undefined;
  readonly secrets?: readonly SecretInput[] | null | undefined;
  readonly registryAuths?: readonly CredentialInput[] | null | undefined;
  readonly regionId?: string | null | undefined;
}

/** What is built from, whichever way it was described. */
export interface BuildSource {
  readonly kind: ImageBuildKind;
  readonly dockerfile: string;
  readonly source: DockerfileSource;
  /** The bases that take a right. */
  readonly bases: readonly GuardedBase[];
  readonly secrets: RequestSecrets;
  readonly needsBuildKit: boolean;
  readonly warnings: readonly string[];
}

const AT = ['buildConfig'];

/** What each way of describing a build does not take. */
const FOREIGN = {
  CUSTOM_DOCKERFILE: ['baseImage', 'packages'],
  PACKAGE_INSTALLATION: ['dockerfile', 'files', 'buildArgs', 'target', 'secrets'],
} as const satisfies Record<string, readonly (keyof BuildConfigInput)[]>;

/** Checks what a build is made from; everything that is wrong is in `problems`. PURE. */
export function buildSourceOf(
  config: BuildConfigInput,
  registries: BaseRegistries,
  problems: Problems,
): BuildSource {
  const buildType = config.buildType ?? 'CUSTOM_DOCKERFILE';
  for (const name of FOREIGN[buildType]) {
    if (isEmpty(config[name])) continue;
    problems.add(
      'NOT_ALLOWED',
      [...AT, name],
      `${buildType} takes no ${name}; leave it out, or choose the other buildType`,
    );
  }
  const secrets = requestSecretsOf(config, AT, registries.own, problems);
  const made =
    buildType === 'CUSTOM_DOCKERFILE'
      ? { kind: 'DOCKERFILE' as const, ...dockerfileSourceOf(config, registries, problems) }
      : { kind: 'PACKAGES' as const, ...packageSourceOf(config, registries, problems) };
  return withSecrets(made, secrets);
}

/** What is made from a Dockerfile, together with the secrets that come with it: their names are kept, so that a retry can ask for them. */
export function withSecrets<Made extends Pick<BuildSource, 'dockerfile' | 'source'>>(
  made: Made,
  secrets: RequestSecrets,
): Made & Pick<BuildSource, 'secrets' | 'needsBuildKit'> {
  const { dockerfile, source } = made;
  return {
    ...made,
    source: {
      ...source,
      secretIds: [...secrets.secrets.keys()],
      authHosts: [...secrets.registryAuths.keys()],
    },
    secrets,
    needsBuildKit: needsBuildKit(parseDockerfile(dockerfile, source.buildArgs)),
  };
}

/** Checks what is write-only in a request. @param path where the two lists stand in the input */
export function requestSecretsOf(
  input: Pick<BuildConfigInput, 'secrets' | 'registryAuths'>,
  path: readonly string[],
  registryHost: string,
  problems: Problems,
): RequestSecrets {
  const at = [...path, 'registryAuths'];
  const registryAuths = registryAuthsOf(input.registryAuths, at, problems);
  for (const host of registryAuths.keys()) {
    if (!isSameRegistry(host, registryHost)) continue;
    problems.add('NOT_ALLOWED', at, `leave out ${host}: this server signs in at its own registry itself`);
  }
  return { registryAuths, secrets: buildSecretsOf(input.secrets, [...path, 'secrets'], problems) };
}

function packageSourceOf(config: BuildConfigInput, registries: BaseRegistries, problems: Problems) {
  const dockerfile = packageDockerfileOf(config, problems);
  // What is wrong with the lists has been told already; there is no Dockerfile to look at then.
  return dockerfileSourceOf(
    { dockerfile: dockerfile ?? 'FROM scratch', noCache: config.noCache },
    registries,
    problems,
    [...AT, 'baseImage'],
  );
}

const isEmpty = (value: unknown) =>
  value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
