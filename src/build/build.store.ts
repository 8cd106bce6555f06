import { isDeepStrictEqual } from 'node:util';
import { type EntityManager, kysely } from '../db/orm.ts';
import { whileDatabaseIsAway } from '../db/retry.ts';
import { type EventBus, hintBuild, logKey } from '../events/event-bus.ts';
import type { ImageBuildStatus } from '../shared/enums.ts';
import { Build } from './build.entity.ts';
import { BUILD_COLUMNS } from './build.reads.ts';
import { canMove, isFinal, stateOf } from './build.rules.ts';
import { BuildEvent } from './build-event.entity.ts';

/** The build is no longer this worker's: it was given to another one, or it has ended. Stop at once and write nothing. */
export class BuildLostError extends Error {
  override readonly name = 'BuildLostError';
}

/** Which attempt writes. Every write of a worker holds it against the row, in the same transaction and under its lock. */
export interface Fence {
  readonly buildId: string;
  readonly attempt: number;
  /** Goes along with each write: what must not be lost with one that failed. */
  readonly carry?: (build: Build) => void;
}

/** Writes a new build with its first status event. */
export function insertBuild(tx: EntityManager, build: Omit<Build, 'version'>): Build {
  const inserted = tx.create(Build, { ...build, version: 1 });
  tx.create(BuildEvent, {
    buildId: inserted.id,
    version: 1,
    at: inserted.createdAt,
    state: stateOf(inserted),
  });
  return inserted;
}

/**
 * Keeps the state that a locked build has now as its next version. Call it once for each change, last before the commit: who
 * follows all builds finds changes by their dates, and misses one that waits for locks after it was dated.
 */
export function recordChange(tx: EntityManager, build: Build): void {
  takeVersion(tx, build)();
}

/** Takes the state that a locked build has now as its next version. @returns keeps it, see {@link recordChange} for when */
export function takeVersion(tx: EntityManager, build: Build): () => void {
  build.version += 1;
  const kept = { buildId: build.id, version: build.version, state: stateOf(build) };
  return () => void tx.create(BuildEvent, { ...kept, at: new Date() });
}

/**
 * Moves a build to another status.
 *
 * @throws Error where the life of a build has no such move: a mistake of ours, not of the caller's
 */
export function moveTo(build: Build, status: ImageBuildStatus, now: Date): void {
  if (!canMove(build.status, status)) throw new Error(`a build cannot go from ${build.status} to ${status}`);
  build.status = status;
  if (isFinal(status)) build.finishedAt = now;
}

/** The state to compare; lines that were logged meanwhile are no change of state. */
const changing = (build: Build) => ({ ...stateOf(build), logLineCount: null });

async function lockedRow(tx: EntityManager, id: string): Promise<Build | null> {
  const row: Omit<Build, 'dockerfile' | 'source'> | undefined = await kysely(tx)
    .selectFrom('Build')
    .select([...BUILD_COLUMNS, 'lostWorkers'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  // Without Dockerfile and files: no change of a build needs them, and a Dockerfile alone may have 1 MiB.
  return (row as Build | undefined) ?? null;
}

async function writeChanges(tx: EntityManager, before: Build, build: Build): Promise<void> {
  const names = Object.keys(build) as (keyof Build)[];
  const changed = names.filter((name) => !isDeepStrictEqual(build[name], before[name]));
  if (changed.length === 0) return;
  const values: Partial<Build> = Object.fromEntries(changed.map((name) => [name, build[name]]));
  await kysely(tx).updateTable('Build').set(values).where('id', '=', build.id).execute();
}

/** The builds' writes for the workers: each one is a transaction, fenced, recorded as a version and hinted. */
export class BuildStore {
  constructor(
    private readonly em: EntityManager,
    private readonly events: EventBus,
  ) {}

  /**
   * Locks a build, fenced or not, and runs `change` on it, without its Dockerfile and its files. What changes after its end is no
   * version any more: who follows it has been told of the end.
   *
   * The build is a plain row, which takes half of an entity's time: a worker writes hundreds a second. What `change` sets in it is
   * written after it; what it has given the manager is written at the commit, or when it flushes that.
   */
  async change<T>(
    { buildId, attempt, carry }: Pick<Fence, 'buildId'> & Partial<Fence>,
    change: (build: Build, tx: EntityManager, now: Date) => Promise<T> | T,
  ): Promise<T> {
    let ended = false;
    const run = async (tx: EntityManager) => {
      const build = await lockedRow(tx, buildId);
      if (build === null) throw new BuildLostError(`there is no build ${buildId}`);
      if (attempt !== undefined && (build.attempt !== attempt || build.finishedAt !== null)) {
        throw new BuildLostError(`attempt ${attempt} of build ${buildId} is over`);
      }
      const now = new Date();
      const before = { ...build };
      carry?.(build);
      const answer = await change(build, tx, now);
      const isVersion = before.finishedAt === null && !isDeepStrictEqual(changing(build), changing(before));
      const keep = isVersion ? takeVersion(tx, build) : null;
      await writeChanges(tx, before, build);
      // Dated last: writing may have waited too, as PUSHING does for another build of the reference that is just ending. Versions
      // that `change` keeps itself are dated before that; who misses one of those finds this one, which is newer.
      keep?.();
      ended = build.finishedAt !== null;
      return answer;
    };
    // Each try works on the row as it is then; after an unclear commit the fence or the state tells that it is done.
    const result = await whileDatabaseIsAway(() => this.em.fork().transactional(run));
    hintBuild(this.events, buildId);
    if (ended) this.events.hint(logKey(buildId));
    return result;
  }
}
