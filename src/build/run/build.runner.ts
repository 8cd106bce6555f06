import { setTimeout as sleep } from 'node:timers/promises';
import { type EntityManager, kysely } from '../../db/orm.ts';
import {
  type ContainerEngine,
  EngineError,
  type RegistryCredentials,
} from '../../engine/container-engine.ts';
import { cancelKey, type EventBus, logKey, type Waker } from '../../events/event-bus.ts';
import type { ImageRegistry } from '../../registry/image-registry.ts';
import type { ImageBuildKind } from '../../shared/enums.ts';
import { isPassingDatabaseFault } from '../../shared/faults.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Build } from '../build.entity.ts';
import { BuildLostError, BuildStore } from '../build.store.ts';
import { BuildLogWriter } from '../log/build-log.writer.ts';
import type { BuildQuotaService } from '../quota/build-quota.service.ts';
import { BuildAttempt } from './build-attempt.ts';
import { publishImage } from './build-publish.ts';
import { claimBuild, failBuild, releaseBuild, settleCanceled, settleTimedOut } from './build-settle.ts';
import { HeldNotebooks } from './held-notebooks.ts';
import type { Interruption, Recipe } from './recipes/recipe.ts';

/** A running build looks this often whether it was cancelled or given to another worker; the hint of a cancel wakes it sooner. */
const WATCH_MS = 1000;
/** How often a build is tried on an engine that goes away under it, and how often a worker looks for one that is away. */
const ENGINE_ATTEMPTS = 5;
const ENGINE_RETRY_MS = 3000;

export interface RunnerParts {
  readonly em: EntityManager;
  readonly events: EventBus;
  readonly engine: ContainerEngine;
  readonly registry: ImageRegistry;
  readonly registryAuth: RegistryCredentials | null;
  readonly quotas: BuildQuotaService;
  /** How much of a build's log is kept. */
  readonly maxLogBytes: number;
  /** How long a build may wait for its turn. */
  readonly queueTimeoutMs: number;
  readonly recipes: Readonly<Record<ImageBuildKind, Recipe>>;
  readonly log: Logger;
}

/** The queue is to bring the job again: the build has gone back to QUEUED. */
export class BuildReleased extends Error {
  override readonly name = 'BuildReleased';
}

/** WORKER SIDE: takes one build from the queue to its end, or gives it back. */
export class BuildRunner {
  readonly #store: BuildStore;
  readonly #held: HeldNotebooks;
  readonly #closing = new AbortController();
  readonly #shutdown = new AbortController();

  constructor(private readonly parts: RunnerParts) {
    this.#store = new BuildStore(parts.em, parts.events);
    this.#held = new HeldNotebooks(parts);
  }

  /** Takes no build any more; those that run go on. */
  takeNoMore(): void {
    this.#closing.abort();
  }

  /** Gives every running build back to the queue; their {@link run} rejects with {@link BuildReleased}. */
  releaseAll(): void {
    this.#shutdown.abort('shutdown' satisfies Interruption);
  }

  /**
   * Runs a build's job. Resolves when nothing is left to do for it: it has ended, now or before, or is another worker's.
   *
   * @param jobSignal aborts when the queue took the job away
   * @throws BuildReleased when the build went back to QUEUED
   */
  async run(buildId: string, jobSignal: AbortSignal): Promise<void> {
    await this.#engineAnswers(jobSignal);
    try {
      // Before it is claimed: it may end there, and nothing is told of it afterwards.
      await this.#held
        .look(buildId)
        .catch((err: unknown) => this.parts.log.debug({ err }, 'could not look at a held notebook'));
      // From before it is claimed: who cancels it afterwards is heard.
      using cancels = this.parts.events.listen(cancelKey(buildId));
      const build = await claimBuild(this.#store, buildId, this.parts.queueTimeoutMs);
      if (build === null) return;
      const log = this.parts.log.child({ build: { id: build.id, attempt: build.attempt } });
      log.info('build started');
      await this.#attempt(build, jobSignal, cancels, log);
    } catch (error) {
      if (!(error instanceof BuildLostError)) throw error;
      this.parts.log.warn(
        { build: { id: buildId }, reason: error.message },
        'this build is not ours; leaving it alone',
      );
    }
  }

  /** Waits for the engine before a build is taken, so that an engine that is away costs time and no build. */
  async #engineAnswers(jobSignal: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([jobSignal, this.#closing.signal]);
    for (let told = false; !signal.aborted; told = true) {
      try {
        await this.parts.engine.info({ signal });
        if (!signal.aborted) return;
      } catch (error) {
        if (signal.aborted) break;
        if (!told) this.parts.log.warn({ err: error }, 'the engine does not answer; builds wait');
        await sleep(ENGINE_RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    throw new BuildReleased();
  }

  async #attempt(build: Build, jobSignal: AbortSignal, cancels: Waker, log: Logger): Promise<void> {
    const { engine, events, em } = this.parts;
    const interrupt = new AbortController();
    const ended = new AbortController();
    const signal = AbortSignal.any([interrupt.signal, this.#shutdown.signal]);
    const attempt = new BuildAttempt(this.#store, build);
    const { fence } = attempt;
    const lines = new BuildLogWriter(kysely(em.fork()), events, fence, build, this.parts.maxLogBytes);
    const watching = this.#watch(fence, interrupt, jobSignal, cancels, ended.signal);
    const timer = setTimeout(() => interrupt.abort('timed-out' satisfies Interruption), build.timeoutMs);
    let imageId: string | null = null;
    const release = async (within?: AbortSignal) => {
      if (imageId !== null) await engine.removeImage(imageId, { ...(within && { signal: within }) });
      imageId = null;
    };
    try {
      // Always, and at once: whoever follows the log sees that the build is no longer waiting.
      await lines.say(`Attempt ${build.attempt} has begun.`);
      const made = await this.parts.recipes[build.kind](build, {
        engine,
        log: lines,
        signal,
        enter: (phase) => attempt.enter(phase),
        pass: (phase) => attempt.pass(phase),
        step: (step) => attempt.step(step),
        totalSteps: (total) => attempt.totalSteps(total),
        builder: (builder) => attempt.builder(builder),
        hold: attempt.hold,
      });
      imageId = made.imageId;
      await publishImage(build, imageId, {
        ...this.parts,
        store: this.#store,
        attempt,
        lines,
        signal,
        release,
      });
      log.info('build succeeded');
    } catch (error) {
      await this.#end(error, signal, { build, lines, attempt, log });
    } finally {
      clearTimeout(timer);
      ended.abort();
      lines.discard();
      await attempt.stop();
      await watching;
      // Last, because an engine that is slow to answer must not keep the build from ending.
      await release().catch((error: unknown) => log.debug({ err: error }, 'image not removed'));
    }
  }

  /** Ends an attempt that did not succeed, by why it was interrupted or by what went wrong. */
  async #end(
    error: unknown,
    signal: AbortSignal,
    {
      build,
      lines,
      attempt,
      log,
    }: { build: Build; lines: BuildLogWriter; attempt: BuildAttempt; log: Logger },
  ): Promise<void> {
    if (error instanceof BuildLostError) throw error;
    await attempt.stop();
    if (signal.aborted) {
      switch (signal.reason as Interruption) {
        case 'lost':
          throw new BuildLostError(`attempt ${build.attempt} of build ${build.id} was taken away`);
        case 'shutdown':
          await lines.say('The worker is stopping; the build goes back to the queue.');
          await lines.finish();
          await releaseBuild(this.#store, attempt.fence);
          throw new BuildReleased();
        case 'timed-out':
          await lines.say(`Timed out after ${build.timeoutMs / 1000} s.`);
          await lines.finish();
          await settleTimedOut(this.#store, attempt.fence, build.timeoutMs);
          return;
        case 'canceled':
          await lines.say('Canceled.');
          await lines.finish();
          await settleCanceled(this.#store, attempt.fence);
          return;
      }
    }
    // A connection that the engine or a registry lost has the same codes, and is the engine's to tell of.
    if (!(error instanceof EngineError) && isPassingDatabaseFault(error)) {
      log.warn({ err: error }, 'the database was away for too long; the build goes back to the queue');
      await releaseBuild(this.#store, attempt.fence);
      // Lines may have been stored in silence, for an end that was to tell of them.
      this.parts.events.hint(logKey(build.id));
      throw new BuildReleased();
    }
    if (isEngineAway(error) && build.attempt < ENGINE_ATTEMPTS) {
      await lines.say(`The engine does not answer (${error.message}); trying again.`);
      await lines.finish();
      await releaseBuild(this.#store, attempt.fence);
      throw new BuildReleased();
    }
    const failure = await failBuild(this.#store, attempt.fence, error, async (message) => {
      await lines.say(message);
      await lines.finish();
    });
    if (failure.reason === 'INTERNAL') log.error({ err: error }, 'build failed by a fault of ours');
    else log.info({ failure }, 'build failed');
  }

  /** Looks whether the attempt still holds the build, and interrupts it when it does not or when it was cancelled. */
  async #watch(
    { buildId, attempt }: { buildId: string; attempt: number },
    interrupt: AbortController,
    jobSignal: AbortSignal,
    cancels: Waker,
    ended: AbortSignal,
  ): Promise<void> {
    while (!ended.aborted) {
      await cancels.wait(WATCH_MS, ended);
      if (ended.aborted) return;
      const row = await kysely(this.parts.em.fork())
        .selectFrom('Build')
        .select(['status', 'attempt', 'finishedAt'])
        .where('id', '=', buildId)
        .executeTakeFirst()
        .catch(() => null);
      if (row === null) continue;
      if (
        row === undefined ||
        row.attempt !== attempt ||
        row.finishedAt !== null ||
        row.status === 'QUEUED'
      ) {
        interrupt.abort('lost' satisfies Interruption);
        return;
      }
      if (row.status === 'CANCELING') {
        interrupt.abort('canceled' satisfies Interruption);
        return;
      }
      if (jobSignal.aborted) {
        interrupt.abort('lost' satisfies Interruption);
        return;
      }
    }
  }
}

function isEngineAway(error: unknown): error is EngineError {
  return error instanceof EngineError && error.reason === 'ENGINE_UNAVAILABLE';
}
