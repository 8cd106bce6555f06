import type { Build } from '../build.entity.ts';

/**
 * How long a notebook that a lost attempt holds is waited for before it is resumed: the engine may still be at that attempt's
 * commit, and lets the notebook go on at its end, which would come in the middle of the next attempt's. Engines copy some 100 MB
 * a second, so 6 GB are copied by then.
 */
export const HELD_WAIT_MS = 60_000;

/** The longest pause that its column takes: 24 days. */
const MAX_PAUSED_MS = 2 ** 31 - 1;

/** Since when a build may be what keeps its notebook paused, and for how long it has done so by now. */
export class NotebookHold {
  #since: Date | null;
  #pausedMs: number | null;

  /** @param changed is told of each change, for it to be written */
  constructor(
    build: Pick<Build, 'notebookHeldSince' | 'notebookPausedMs'>,
    private readonly changed: () => void = () => undefined,
  ) {
    this.#since = build.notebookHeldSince;
    this.#pausedMs = build.notebookPausedMs;
  }

  /** `null`: the build does not hold it. */
  get since(): Date | null {
    return this.#since;
  }

  /** The notebook stands still from here on, or may from here on. */
  begin(at: Date): void {
    this.#since = at;
    this.changed();
  }

  /** It was seen to run, or to have ended. @returns how long it was held, in milliseconds */
  end(at: Date): number {
    if (this.#since === null) return 0;
    const ms = Math.max(0, at.getTime() - this.#since.getTime());
    this.#pausedMs = Math.min(MAX_PAUSED_MS, (this.#pausedMs ?? 0) + ms);
    this.drop();
    return ms;
  }

  /** It was not paused after all. */
  drop(): void {
    this.#since = null;
    this.changed();
  }

  applyTo(build: Pick<Build, 'notebookHeldSince' | 'notebookPausedMs'>): void {
    build.notebookHeldSince = this.#since;
    build.notebookPausedMs = this.#pausedMs;
  }
}
