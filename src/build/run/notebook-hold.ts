import type { Build } from '../build.entity.ts';

/**
 * How long a notebook that a lost attempt holds is waited for before it is resumed: the engine may still be at that attempt's
 * commit, and lets the notebook go on at its end, which would come in the middle of the next attempt's. Engines copy some 100 MB
 * a second, so 6 GB are copied by then.
 */
export const HELD_WAIT_MS = 60_000;

/** Ends what a build holds, where it does: its notebook was seen to run, or to have ended. */
export function endHold(build: Pick<Build, 'notebookHeldSince' | 'notebookPausedMs'>, at: Date): void {
  const hold = new NotebookHold(build);
  hold.end(at);
  hold.applyTo(build);
}

/** The longest pause that its column takes: 24 days. */
const MAX_PAUSED_MS = 2 ** 31 - 1;

/** Since when a build may be what keeps its notebook paused, and for how long it has done so by now. */
export class NotebookHold {
  #since: Date | null;
  #pausedMs: number | null;
  /** Was it paused, as far as is known? Otherwise it may have been. */
  #isSure: boolean;

  /**
   * A hold that the build has already is a lost attempt's: it counts.
   *
   * @param changed is told of each change, for it to be written
   */
  constructor(
    build: Pick<Build, 'notebookHeldSince' | 'notebookPausedMs'>,
    private readonly changed: () => void = () => undefined,
  ) {
    this.#since = build.notebookHeldSince;
    this.#pausedMs = build.notebookPausedMs;
    this.#isSure = build.notebookHeldSince !== null;
  }

  /** `null`: the build does not hold it. */
  get since(): Date | null {
    return this.#since;
  }

  /** The notebook may stand still from here on. */
  expect(at: Date): void {
    if (this.#isSure) return;
    this.#since = at;
    this.changed();
  }

  /** The notebook stands still from here on. Where it was not seen to go on since an earlier pause, that one goes on. */
  begin(at: Date): void {
    if (this.#isSure) return;
    this.#since = at;
    this.#isSure = true;
    this.changed();
  }

  /** It was seen to run, or to have ended. @returns how long it was held, in milliseconds; 0 where it was not paused after all */
  end(at: Date): number {
    if (this.#since === null) return 0;
    const ms = this.#isSure ? Math.max(0, at.getTime() - this.#since.getTime()) : 0;
    if (this.#isSure) this.#pausedMs = Math.min(MAX_PAUSED_MS, (this.#pausedMs ?? 0) + ms);
    this.#since = null;
    this.#isSure = false;
    this.changed();
    return ms;
  }

  /** It was not paused; one that was before is held as it was. */
  drop(): void {
    if (this.#isSure) return;
    this.#since = null;
    this.changed();
  }

  applyTo(build: Pick<Build, 'notebookHeldSince' | 'notebookPausedMs'>): void {
    build.notebookHeldSince = this.#since;
    build.notebookPausedMs = this.#pausedMs;
  }
}
