import { setTimeout as sleep } from 'node:timers/promises';
import { type EntityManager, kysely } from '../db/orm.ts';
import { type ContainerEngine, EngineError, type RegistryCredentials } from '../engine/container-engine.ts';
import { buildKey, type EventBus } from '../events/event-bus.ts';
import type { ImageRegistry } from '../registry/image-registry.ts';
import type { ImageBuildKind } from '../shared/enums.ts';
import type { Logger } from '../shared/logger.ts';
import type { Build } from './build.entity.ts';
import { BuildLostError, BuildStore } from './build.store.ts';
import { BuildAttempt } from './build-attempt.ts';
import { BuildLogWriter } from './build-log.writer.ts';
import { publishImage } from './build-publish.ts';
import { claimBuild, failBuild, releaseBuild, settleCanceled, settleTimedOut } from './build-settle.ts';
import type { Recipe } from './recipes/recipe.ts';

/** A running build looks this often whether it was cancelled or given to another worker; a hint wakes it sooner. */
const WATCH_MS = 1000;
/** How often a build is tried on an engine that does not answer, and how long it waits between. */
const ENGINE_ATTEMPTS = 5;
const ENGINE_RETRY_MS = 3000;

/** Why a running build was interrupted. */
type Interruption = 'canceled' | 'timed-out' | 'lost' | 'shutdown';

export interface RunnerParts {
  readonly em: EntityManager;
  readonly events: EventBus;
  readonly engine: ContainerEngine;
  readonly registry: ImageRegistry;
  readonly registryAuth: RegistryCredentials | null;
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
  readonly #shutdown = new AbortController();

  constructor(private readonly parts: RunnerParts) {
    this.#store = new BuildStore(parts.em, parts.events);
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
    const build = await claimBuild(this.#store, buildId);
    if (build === null) return;
    const log = this.parts.log.child({ build: { id: build.id, attempt: build.attempt } });
    log.info('build started');
    try {
      await this.#attempt(build, jobSignal, log);
    } catch (error) {
      if (!(error instanceof BuildLostError)) throw error;
      log.warn('another worker has the build, or it has ended; stopping');
    }
  }

  async #attempt(build: Build, jobSignal: AbortSignal, log: Logger): Promise<void> {
    const { engine, events, em } = this.parts;
    const fence = { buildId: build.id, attempt: build.attempt };
    const interrupt = new AbortController();
    const ended = new AbortController();
    const signal = AbortSignal.any([interrupt.signal, this.#shutdown.signal]);
    const lines = new BuildLogWriter(kysely(em.fork()), events, fence);
    const attempt = new BuildAttempt(this.#store, fence);
    const watching = this.#watch(fence, interrupt, jobSignal, ended.signal);
    const timer = setTimeout(() => interrupt.abort('timed-out' satisfies Interruption), build.timeoutMs);
    try {
      if (build.attempt > 1) await lines.say(`Attempt ${build.attempt}.`);
      const { imageId } = await this.parts.recipes[build.kind](build, {
        engine,
        log: lines,
        signal,
        enter: (phase) => attempt.enter(phase),
        step: (step) => attempt.step(step),
        totalSteps: (total) => attempt.totalSteps(total),
      });
      try {
        await publishImage(build, imageId, { ...this.parts, store: this.#store, attempt, lines, signal });
      } finally {
        await engine
          .removeImage(imageId)
          .catch((error: unknown) => log.debug({ err: error }, 'image not removed'));
      }
      log.info('build succeeded');
    } catch (error) {
      await this.#end(error, signal, { build, lines, attempt, log });
    } finally {
      clearTimeout(timer);
      ended.abort();
      lines.discard();
      await attempt.stop();
      await watching;
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
    if (
      error instanceof EngineError &&
      error.reason === 'ENGINE_UNAVAILABLE' &&
      build.attempt < ENGINE_ATTEMPTS
    ) {
      await lines.say(`The engine does not answer (${error.message}); trying again.`);
      await lines.finish();
      await releaseBuild(this.#store, attempt.fence);
      await sleep(ENGINE_RETRY_MS, undefined, { signal: this.#shutdown.signal }).catch(() => undefined);
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
    ended: AbortSignal,
  ): Promise<void> {
    using news = this.parts.events.listen(buildKey(buildId));
    while (!ended.aborted) {
      await news.wait(WATCH_MS, ended);
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
