import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../shared/logger.ts';
import { EngineError } from '../container-engine.ts';
import { type CommitListener, watchCommits } from './commit-watch.ts';
import { inspectContainer, resumeContainer } from './docker-container.ts';
import type { EngineConnection } from './engine-connection.ts';

/** How often the container is looked at while the engine tells nothing: not every one tells of a commit's pause, and a busy one late. */
const LOOK_EVERY_MS = 1_000;
/** Podman does not tell how a container is before it has committed it. */
const LOOK_MS = 1_000;
/** The last look may have been answered when the commit was over; one before that saw the container run in the middle of it. */
const LOOKS = 2;
/** Between an answer and an event that came before it, over another connection. */
const EVENT_DELAY_MS = 1_000;
/** How long one who gives a commit up waits for the container to go on; Podman lets it go on when it has copied all. */
const GIVE_UP_MS = 5_000;

/**
 * - `ahead`: not paused as far as is known;
 * - `assumed`: paused as far as can be told without the engine's events;
 * - `on`: paused, by the engine's events;
 * - `over`: nothing of the commit's keeps it paused, nor will.
 */
type State = 'ahead' | 'assumed' | 'on' | 'over';

/**
 * What one commit's pause does to a container, of which an engine's commit makes one at the most. Told by the engine's events where
 * there are any, and found out otherwise; ended by the engine, or by us where it does not. All times are by this process's clock,
 * those of events by when they arrive: an engine's clock may be minutes off.
 */
export class CommitPause implements CommitListener {
  readonly #begun = Promise.withResolvers<Date | null>();
  readonly #ended = Promise.withResolvers<Date>();
  /** Of each copy that came out of a commit by now: did the container stand still then? An earlier commit's may come first. */
  readonly #copies = new Map<string | null, boolean>();
  #state: State = 'ahead';
  /** How many looks, one after the other, saw the container run. */
  #seenRunning = 0;
  #isDeaf = false;
  #watch: Disposable | null = null;
  #givenUp: Promise<void> | null = null;
  #eventCame: () => void = () => undefined;

  /** Returns when the engine's events are watched; the commit is to be started then, and followed. */
  static async watch(
    engine: EngineConnection,
    containerId: string,
    log: Logger,
    signal?: AbortSignal,
  ): Promise<CommitPause> {
    const pause = new CommitPause(engine, containerId, log);
    pause.#watch = await watchCommits(engine, containerId, pause, signal);
    return pause;
  }

  private constructor(
    private readonly engine: EngineConnection,
    private readonly containerId: string,
    private readonly log: Logger,
  ) {
    this.#ended.promise.catch(() => undefined);
  }

  /** Since when the container stands still, as soon as that is known; `null` where it does not, or where nobody knows in time. */
  get begun(): Promise<Date | null> {
    return this.#begun.promise;
  }

  /** When a container that stood still went on, as soon as it does; rejects where that could not be seen to. */
  get ended(): Promise<Date> {
    return this.#ended.promise;
  }

  /**
   * Sees to it that the container goes on when the commit is over, however it ends.
   *
   * @returns whether the container stood still until its files were copied; never rejects
   */
  async follow(commit: Promise<string>): Promise<boolean> {
    const calledAt = new Date();
    const answered = new AbortController();
    void this.#look(calledAt, answered.signal);
    const imageId = await commit.catch(() => null);
    const answeredAt = new Date();
    answered.abort();
    const wentOnBefore = this.#state === 'over';
    if (imageId !== null) await this.#hear(imageId);
    const told = imageId === null ? undefined : this.#copies.get(imageId);
    // None of the commit's pause is left, if there was one: a container that is paused now was paused by somebody else.
    if (told === false) this.#end(answeredAt);
    else if (imageId !== null && this.#state === 'ahead' && this.#seenRunning < LOOKS) this.#assume(calledAt);
    const stoodStill = told ?? (!wentOnBefore && this.#state !== 'ahead');
    if (this.#state !== 'over') await this.#letGoAtLast(answeredAt);
    this.#begun.resolve(null);
    this.#state = 'over';
    this.#watch?.[Symbol.dispose]();
    return stoodStill;
  }

  /** The commit goes on without a pause. */
  skip(): void {
    this.#state = 'over';
    this.#isDeaf = true;
    this.#begun.resolve(null);
  }

  /**
   * Lets the container go on although the commit has not ended, now and whenever the commit should pause it later.
   *
   * @returns when it goes on, or after some seconds at the latest; never rejects
   */
  giveUp(): Promise<void> {
    this.#givenUp ??= this.#stop();
    return this.#givenUp;
  }

  paused(): void {
    if (this.#state === 'over') return;
    this.#state = 'on';
    this.#begun.resolve(new Date());
    if (this.#givenUp !== null) void this.#letGo();
    this.#eventCame();
  }

  wentOn(): void {
    if (this.#state === 'on' || this.#state === 'assumed') this.#end(new Date());
    this.#eventCame();
  }

  copied(imageId: string | null): void {
    this.#copies.set(imageId, this.#state === 'on');
    this.#eventCame();
  }

  deaf(): void {
    this.#isDeaf = true;
    this.#eventCame();
  }

  #assume(calledAt: Date): void {
    this.#state = 'assumed';
    this.#begun.resolve(calledAt);
  }

  #end(at: Date): void {
    this.#state = 'over';
    this.#ended.resolve(at);
  }

  /** Looks at the container again and again until the engine has told of its pause, or has answered. */
  async #look(calledAt: Date, answered: AbortSignal): Promise<void> {
    const next = async () => {
      await sleep(LOOK_EVERY_MS, undefined, { signal: answered }).catch(() => undefined);
      return this.#state === 'ahead' && !answered.aborted;
    };
    while (await next()) {
      const signal = AbortSignal.timeout(LOOK_MS);
      const found = await inspectContainer(this.engine, this.containerId, signal).catch(() => undefined);
      if (this.#state !== 'ahead' || answered.aborted) return;
      if (found === undefined || found?.State.Paused === true) {
        this.#assume(calledAt);
        if (this.#givenUp !== null) void this.#letGo();
      } else this.#seenRunning += 1;
    }
  }

  /** Waits for the events that came before the answer. */
  async #hear(imageId: string): Promise<void> {
    const all = Promise.withResolvers<void>();
    this.#eventCame = () => {
      const stoodStill = this.#copies.get(imageId);
      const isAllTold = stoodStill === false || (stoodStill === true && this.#state !== 'on');
      if (isAllTold || this.#copies.has(null) || this.#isDeaf) all.resolve();
    };
    this.#eventCame();
    await within(EVENT_DELAY_MS, all.promise);
  }

  async #stop(): Promise<void> {
    if (this.#state === 'over') return;
    const letGo = async () => {
      await this.#letGo();
      this.#begun.resolve(null);
      // It was paused while it was looked at.
      if (this.#state === 'on') await this.#letGo();
    };
    await within(GIVE_UP_MS, letGo());
    this.#begun.resolve(null);
    const message = 'The container engine has not let the notebook go on.';
    this.#ended.reject(new EngineError('ENGINE_UNAVAILABLE', message));
  }

  async #letGo(): Promise<void> {
    try {
      await resumeContainer(this.engine, this.containerId);
      // Ahead of its pause it will be let go on once more.
      if (this.#state !== 'ahead') this.#end(new Date());
    } catch (error) {
      const about = { err: error, container: this.containerId };
      this.log.warn(about, 'a container may stand still until the engine has ended its commit');
    }
  }

  async #letGoAtLast(answeredAt: Date): Promise<void> {
    try {
      const wasPaused = await resumeContainer(this.engine, this.containerId);
      this.#end(wasPaused ? new Date() : answeredAt);
    } catch (error) {
      this.log.error({ err: error, container: this.containerId }, 'a container may be left paused');
      this.#ended.reject(error);
    }
  }
}

/** Resolves with `promise`, or after `ms`. */
async function within(ms: number, promise: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  try {
    await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
