import type { EntityManager } from '../../db/orm.ts';
import type { BuildStep } from '../../engine/container-engine.ts';
import { Image } from '../../image/image.entity.ts';
import type { Builder, ImageBuildPhase } from '../../shared/enums.ts';
import type { Build, PushProgress, StepState } from '../build.entity.ts';
import { movePhase } from '../build.rules.ts';
import { BuildLostError, type BuildStore, type Fence, takeVersion } from '../build.store.ts';
import { NotebookHold } from './notebook-hold.ts';

/** Steps are written at most this often, so that a build of a hundred cached steps costs a few versions, not hundreds. */
const GATHER_MS = 200;
/** A push of ten minutes is told in so many versions, not in thousands. */
const PUSH_GATHER_MS = 1000;

type Change = (build: Build, tx: EntityManager, now: Date) => Promise<void> | void;

interface PassedPhase {
  readonly phase: ImageBuildPhase;
  readonly at: Date;
}

/** The live state of one attempt: its phase, its steps, its push and its hold on a notebook, written as the engine tells of them. */
export class BuildAttempt {
  /** Carries the hold, so that whatever ends the attempt writes it too. */
  readonly fence: Fence;
  /** A change of it is written with the next write of the attempt, or soon. */
  readonly hold: NotebookHold;
  readonly #steps = new Map<number, StepState>();
  #total: number | null = null;
  #builder: Builder | null = null;
  #push: PushProgress | null = null;
  /** Phases that the build has come to and that are not written yet. */
  readonly #passed: PassedPhase[] = [];
  #dirty = false;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #isStopped = false;

  /** @param build as it was when the attempt began */
  constructor(
    private readonly store: BuildStore,
    build: Pick<Build, 'id' | 'attempt' | 'notebookHeldSince' | 'notebookPausedMs'>,
  ) {
    const hold = new NotebookHold(build, () => this.#changed());
    this.hold = hold;
    this.fence = { buildId: build.id, attempt: build.attempt, carry: (row) => hold.applyTo(row) };
  }

  /**
   * Moves the build to a phase that nothing rests on: written with the attempt's next write, or soon, as a version of its own.
   */
  pass(phase: ImageBuildPhase): void {
    this.#passed.push({ phase, at: new Date() });
    this.#changed();
  }

  /**
   * Moves the build to another phase; what waits to be written goes with it.
   *
   * @param before what has to be done in the same transaction first
   */
  async enter(phase: ImageBuildPhase, before?: (tx: EntityManager) => Promise<void>): Promise<void> {
    await this.change(async (build, tx, now) => {
      await before?.(tx);
      movePhase(build, phase, now);
      if (phase === 'COMMITTING' && build.imageId !== null) {
        await tx.nativeUpdate(
          Image,
          { id: build.imageId, status: 'INIT' },
          { status: 'CREATING', updatedAt: now },
        );
      }
    });
  }

  /** Writes what waits to be written, phases as versions of their own, and then changes the build. */
  async change(change?: Change): Promise<void> {
    const next = this.#writing.then(async () => {
      this.#dirty = false;
      const passed = [...this.#passed];
      try {
        await this.store.change(this.fence, async (build, tx, now) => {
          build.steps = [...this.#steps.values()].sort((a, b) => a.number - b.number);
          build.totalSteps = this.#total;
          build.builder = this.#builder;
          build.push = this.#push;
          // After a commit whose answer was lost they are there already.
          const missing = passed.filter((one) => !hasBegun(build, one));
          const versions = missing.map(({ phase, at }, index) => {
            movePhase(build, phase, at);
            const isLast = change === undefined && index === missing.length - 1;
            return isLast ? null : takeVersion(tx, build);
          });
          await change?.(build, tx, now);
          // Dated now, since the change may have waited for a lock on images or on a repository.
          for (const keep of versions) keep?.();
        });
        this.#passed.splice(0, passed.length);
      } catch (error) {
        // It waits on: what was to be changed may have been refused, for a push that another build is making.
        if (!(error instanceof BuildLostError)) this.#changed();
        throw error;
      }
    });
    this.#writing = next.catch(() => undefined);
    await next;
  }

  step(step: BuildStep): void {
    this.#steps.set(step.number, {
      ...step,
      startedAt: step.startedAt?.toISOString() ?? null,
      finishedAt: step.finishedAt?.toISOString() ?? null,
    });
    this.#changed();
  }

  totalSteps(total: number): void {
    this.#total = total;
    this.#changed();
  }

  builder(builder: Builder): void {
    this.#builder = builder;
    this.#changed();
  }

  pushed(progress: PushProgress): void {
    this.#push = progress;
    this.#changed(PUSH_GATHER_MS);
  }

  /**
   * Writes what waits to be written; nothing is written afterwards. A lost build is told by the next fenced write, which also takes the
   * hold along where it could not be written here.
   */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#dirty) await this.change().catch(() => undefined);
    await this.#writing.catch(() => undefined);
  }

  #changed(gatherMs = GATHER_MS): void {
    this.#dirty = true;
    if (this.#isStopped) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.#dirty) this.change().catch(() => undefined);
    }, gatherMs);
  }
}

const hasBegun = ({ phases }: Build, { phase, at }: PassedPhase): boolean =>
  phases.some((timing) => timing.phase === phase && timing.startedAt === at.toISOString());
