import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from './app.ts';
import { TOKEN_HOURS } from './build/request/build-token.ts';
import { expireBuilds } from './build/retention/build-expiry.ts';
import { deleteOldBuilds, deleteOldLogs, deleteOldTokens } from './build/retention/build-retention.ts';

/** How often each of its tasks is done, in milliseconds. */
export interface HousekeepingPeriods {
  readonly expiryMs: number;
  readonly retentionMs: number;
}

const PERIODS: HousekeepingPeriods = { expiryMs: 30_000, retentionMs: 3_600_000 };

const HOUR_MS = 3_600_000;

/**
 * What has to be done now and then, whatever anybody asks for: ends builds that have waited too long, and takes away what
 * is kept only for so long. Every process does it, so that it is done as long as one runs. Disposing of it stops it.
 */
export function startHousekeeping(
  { config, log, orm, queue, events }: App,
  periods: HousekeepingPeriods = PERIODS,
): AsyncDisposable {
  const { em } = orm;
  const { queueTimeoutMs, logRetentionMs, retentionMs } = config.build;
  const stopping = new AbortController();
  const { signal } = stopping;
  const ago = (ms: number) => new Date(Date.now() - ms);

  const tasks: readonly Task[] = [
    {
      done: 'ended builds that waited too long',
      everyMs: periods.expiryMs,
      run: async () => await expireBuilds({ em, queue, events }, queueTimeoutMs, signal),
    },
    {
      done: 'took old logs away',
      everyMs: periods.retentionMs,
      run: async () => (logRetentionMs === null ? 0 : await deleteOldLogs(em, ago(logRetentionMs), signal)),
    },
    {
      done: 'deleted old builds',
      everyMs: periods.retentionMs,
      run: async () => (retentionMs === null ? 0 : await deleteOldBuilds(em, ago(retentionMs), signal)),
    },
    {
      done: 'forgot old client tokens',
      everyMs: periods.retentionMs,
      run: async () => await deleteOldTokens(em, ago(TOKEN_HOURS * HOUR_MS), signal),
    },
  ];

  const keepDoing = async ({ done, everyMs, run }: Task) => {
    while (!signal.aborted) {
      try {
        const count = await run();
        if (count > 0) log.info({ count }, `housekeeping ${done}`);
      } catch (error) {
        log.warn({ err: error, everyMs }, `housekeeping failed and tries again: it ${done}`);
      }
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  };
  const working = Promise.all(tasks.map(keepDoing));
  return {
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await working;
    },
  };
}

interface Task {
  /** What it did, after "housekeeping". */
  readonly done: string;
  readonly everyMs: number;
  /** @returns how many it was done to */
  readonly run: () => Promise<number>;
}
