import type { Session } from '../../auth/session.ts';
import type { ImageService } from '../../image/image.service.ts';
import { excerpt } from '../../shared/excerpt.ts';
import type { Problems } from '../../shared/problems.ts';
import type { GuardedBase } from '../dockerfile/dockerfile-base.rules.ts';

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
  if (session.isAdmin || bases.length === 0) return;
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
