import { setTimeout as sleep } from 'node:timers/promises';
import { isPassingDatabaseFault } from '../shared/faults.ts';

/** A restart of PostgreSQL takes seconds, a failover minutes; who waits here has nothing better to do. */
const GIVE_UP_MS = 600_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

/**
 * Runs what can be run twice, again and again while the database is away or gave the work up for another transaction.
 *
 * @throws what it failed with last, after ten minutes or where trying again would not help
 */
export async function whileDatabaseIsAway<T>(run: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + GIVE_UP_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await run();
    } catch (error) {
      if (!isPassingDatabaseFault(error) || Date.now() > deadline) throw error;
      await sleep(pause);
    }
  }
}
