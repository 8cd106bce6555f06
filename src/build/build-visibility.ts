import type { Session } from '../auth/session.ts';
import { isOfReadableScope } from '../scope/readable-scopes.ts';
import {
  AccessEndedError,
  DomainError,
  ForbiddenError,
  NotFoundError,
  UnauthenticatedError,
  UnavailableError,
} from '../shared/errors.ts';
import { Rounds } from '../shared/rounds.ts';
import type { BuildRow } from './build.reads.ts';

/** How often it is asked whether a viewer may still see what they follow. What it is told is 1.5 s old at the most. */
const RECHECK_MS = 2500;
const rechecks = new Rounds(RECHECK_MS);

/** Who follows. */
export interface Follower {
  /** As they were when they began. */
  readonly session: Session;
  /** Told who they are by now, for whatever else is read for them. */
  continueAs?(viewer: Session): void;
}

/**
 * Events of a build until they end, the follower leaves, or may no longer see the build. A build stays in its namespace and its
 * workspace, so it is the viewer's roles alone that are asked for again.
 *
 * @throws AccessEndedError within 5 s after the follower's rights have ended
 */
export function whileVisible<T>(
  follower: Follower,
  build: Pick<BuildRow, 'namespaceId' | 'workspaceId'>,
  follow: (signal: AbortSignal) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const check = (viewer: Session) => {
    if (!isOfReadableScope(viewer, build)) throw new NotFoundError('There is no such build.');
  };
  return whileAllowed(follower, check, follow);
}

/**
 * Events of whatever a viewer may see, until the viewer leaves or may see less of it. Who may see more by now goes on.
 *
 * @throws AccessEndedError within 5 s after a role of the follower's has been taken away
 */
export function whileNoRoleEnds<T>(
  follower: Follower,
  follow: (signal: AbortSignal) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  let before = follower.session;
  const check = (viewer: Session) => {
    if (seesLess(viewer, before))
      throw new ForbiddenError('A role of yours was taken away; subscribe again to what is left to you.');
    before = viewer;
  };
  return whileAllowed(follower, check, follow);
}

const READING = ['namespace:read', 'workspace:read'] as const;

/** Is there a namespace or a workspace that the viewer saw before and does not see now? */
function seesLess(now: Session, before: Session): boolean {
  return READING.some((action) => {
    const [left, had] = [now.allowedOn(action), before.allowedOn(action)];
    if (left === null) return false;
    return had === null || had.some((id) => !left.includes(id));
  });
}

/**
 * A generator that waits for its next event hears of `return` only when that has come, and a quiet build may have none
 * for hours: so leaving aborts the signal that the wait listens to.
 *
 * @param check gets the viewer as they are by now, and throws a DomainError where they may see nothing more
 */
function whileAllowed<T>(
  follower: Follower,
  check: (viewer: Session) => void,
  follow: (signal: AbortSignal) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const stop = new AbortController();
  const events = checked(follower, check, follow, stop);
  const end = events.return.bind(events);
  events.return = async (value) => {
    stop.abort();
    return await end(value);
  };
  return events;
}

async function* checked<T>(
  follower: Follower,
  check: (viewer: Session) => void,
  follow: (signal: AbortSignal) => AsyncGenerator<T>,
  stop: AbortController,
): AsyncGenerator<T> {
  const { signal } = stop;
  const recheck = async () => {
    const viewer = await follower.session.renew();
    if (signal.aborted) return;
    if (viewer === null) throw new UnauthenticatedError('The access token is no longer good.');
    check(viewer);
    follower.continueAs?.(viewer);
  };
  let refusal: AccessEndedError | null = null;
  using _joined = rechecks.join(
    async () =>
      await recheck().catch((error: unknown) => {
        // A database that is away for a moment takes nobody's rights away.
        if (!(error instanceof DomainError) || error instanceof UnavailableError) return;
        refusal ??= new AccessEndedError(error);
        stop.abort();
      }),
  );
  try {
    yield* follow(signal);
    if (refusal !== null) throw refusal;
  } finally {
    stop.abort();
  }
}
