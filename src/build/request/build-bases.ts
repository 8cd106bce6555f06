import type { Session } from '../../auth/session.ts';
import type { ImageService } from '../../image/image.service.ts';
import type { FindPrivateNames } from '../../registry/private-names.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { Problems } from '../../shared/problems.ts';
import type { DockerfileSource } from '../build.entity.ts';
import type { GuardedBase } from '../dockerfile/dockerfile-base.rules.ts';
import {
  type BaseRegistries,
  basesByName,
  MAX_NAMES,
  notPublic,
} from '../dockerfile/dockerfile-host.rules.ts';

/**
 * Refuses the bases that the viewer may not use; an image that is hidden from them and one that is not there get the same
 * answer. The engine pulls with the platform's rights, so this has to be asked before a build is queued.
 */
export async function checkBases(
  session: Session,
  images: ImageService,
  bases: readonly GuardedBase[],
  problems: Problems,
  at: readonly string[],
): Promise<void> {
  if (session.can('registry:use-any') || bases.length === 0) return;
  const repositories = bases.flatMap(({ repository }) => (repository === null ? [] : [repository]));
  const usable = await images.usableRepositories(session, repositories);
  for (const { written, range, repository } of bases) {
    if (repository !== null && usable.has(repository)) continue;
    const advice = repository === null ? '; name its registry, as in docker.io/library/…' : '';
    problems.add(
      'DOCKERFILE_INVALID',
      at,
      `line ${range.line}: there is no image ${excerpt(written)} that you may use${advice}`,
      { ...range, rule: 'BASE_NOT_FOUND' },
    );
  }
}

/**
 * Refuses the bases in registries whose names lead to an address that is not on the public internet, see `hostProblems`.
 * A name that is not found is left to the engine, which will not find it either.
 */
export async function checkBaseNames(
  findPrivateNames: FindPrivateNames,
  { dockerfile, source }: { readonly dockerfile: string; readonly source: DockerfileSource },
  registries: BaseRegistries,
  problems: Problems,
  at: readonly string[],
): Promise<void> {
  const bases = basesByName(dockerfile, source.buildArgs, registries);
  // More than that have been refused already.
  if (bases.size === 0 || bases.size > MAX_NAMES) return;
  for (const name of await findPrivateNames(new Set(bases.keys()))) {
    for (const { host, range } of bases.get(name) ?? []) {
      problems.add('REGISTRY_NOT_ALLOWED', at, `line ${range.line}: ${notPublic(host)}`, {
        ...range,
        rule: 'REGISTRY_NOT_ALLOWED',
      });
    }
  }
}
