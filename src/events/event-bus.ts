/**
 * PORT: wakes readers when something changed. A hint may be late, doubled or lost, and it carries only a key: readers
 * must be right if no hint ever arrives (they also look by themselves every few seconds), merely slower.
 */
export interface EventBus {
  /** Says that what `key` names has changed. Returns at once; hints go out at once after a silence, else gathered, ten times a second. */
  hint(key: string): void;
  /** Starts to listen: a hint given from now on wakes the next {@link Waker.wait}, also if it comes between two waits. */
  listen(key: string): Waker;
}

export interface Waker extends Disposable {
  /** Resolves at a hint, after `timeoutMs` at the latest, or when `signal` aborts (without an error). */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<void>;
}

/** The hint that a build's state has changed. */
export const buildKey = (buildId: string) => `build:${buildId}`;
/** The hint that the state of some build has changed, for whoever follows all of them. */
export const BUILDS_KEY = 'builds';
/** Says that a build's state has changed, to all who follow it. */
export function hintBuild(events: EventBus, buildId: string): void {
  events.hint(buildKey(buildId));
  events.hint(BUILDS_KEY);
}
/** The hint that a build is to be cancelled, for the worker that runs it. */
export const cancelKey = (buildId: string) => `cancel:${buildId}`;
/** The hint that a build's log has grown, or will grow no more. */
export const logKey = (buildId: string) => `log:${buildId}`;
