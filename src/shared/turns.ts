import { setImmediate as letOthersRun } from 'node:timers/promises';

/** How long others wait at most, in milliseconds. */
const TURN_MS = 20;

/** Does long work, written as a generator that yields after each small step, so that other requests get their turns in between. */
export async function inTurns<T>(work: Iterator<void, T>): Promise<T> {
  for (let since = performance.now(); ; ) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() - since < TURN_MS) continue;
    await letOthersRun();
    since = performance.now();
  }
}
