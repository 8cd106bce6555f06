/** What has to be ended when somebody ends the benchmark: what is started last comes first. */
const open = new Set<() => Promise<unknown>>();

/**
 * Has this done when somebody ends the benchmark, as long as it has not been done.
 *
 * @returns the same, to be done in the usual course
 */
export function onInterrupt(end: () => Promise<unknown>): () => Promise<void> {
  open.add(end);
  return async () => {
    open.delete(end);
    await end();
  };
}

/** Ends the process at SIGINT and SIGTERM, and before that what it has started. */
export function endOnInterrupt(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void endAll().finally(() => process.exit(130));
    });
  }
}

async function endAll(): Promise<void> {
  for (const end of [...open].reverse()) await end().catch(() => {});
}
