import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../auth/session.ts';
import { DomainError, UnauthenticatedError, UnavailableError } from '../shared/errors.ts';
import type { BuildService } from './build.service.ts';

/** How often it is asked whether a viewer may still see what they follow. */
const RECHECK_MS = 4000;

/** Who follows, and what tells whether they may. */
export interface Follower {
  readonly builds: Pick<BuildService, 'get'>;
  readonly session: Session;
}

/**
 * Events of a build until they end, the follower leaves, or may no longer see the build.
 *
 * @throws UnauthenticatedError or NotFoundError within a few seconds after the follower's rights have changed
 */
export function whileVisible<T>(
  { builds, session }: Follower,
  buildId: string,
  follow: (signal: AbortSignal) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  return whileAllowed(session, async (viewer) => await builds.get(viewer, buildId), follow);
}

/**
 * Events until they end, the viewer leaves, or may no longer see them.
 *
 * A generator that waits for its next event hears of `return` only when that has come, and a quiet build may have none
 * for hours: so leaving aborts the signal that the wait listens to.
 *
 * @param check gets the viewer as they are by now, and throws a DomainError where they may see nothing more
 * @throws UnauthenticatedError, or what `check` throws, within a few seconds after the viewer's rights have changed
 */
export function whileAllowed<T>(
  session: Session,
  check: (viewer: Session) => unknown,
  follow: (signal: AbortSignal) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const stop = new AbortController();
  const events = checked(session, check, follow, stop);
  const end = events.return.bind(events);
  events.return = async (value) => {
    stop.abort();
    return await end(value);
  };
  return events;
}

async function* checked<T>(
  session: Session,
  check: (viewer: Session) => unknown,
  follow: (signal: AbortSignal) => AsyncGenerator<T>,
  stop: AbortController,
): AsyncGenerator<T> {
  const { signal } = stop;
  let refusal: unknown = null;
  const checking = (async () => {
    while (!signal.aborted) {
      await sleep(RECHECK_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        const viewer = await session.renew();
        if (viewer === null) throw new UnauthenticatedError('The access token is no longer good.');
        await check(viewer);
      } catch (error) {
        // A database that is away for a moment takes nobody's rights away.
        if (!(error instanceof DomainError) || error instanceof UnavailableError) continue;
        refusal = error;
        stop.abort();
      }
    }
  })();
  try {
    yield* follow(signal);
    if (refusal !== null) throw refusal;
  } finally {
    stop.abort();
    await checking;
  }
}
