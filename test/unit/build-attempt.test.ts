import { expect, it, vi } from 'vitest';
import type { BuildStore } from '../../src/build/build.store.ts';
import { BuildAttempt } from '../../src/build/run/build-attempt.ts';

it('writes nothing once it has stopped, not even what it could not write then', async () => {
  const change = vi.fn().mockRejectedValue(new Error('the database is away'));
  const store = { change } as unknown as BuildStore;
  const attempt = new BuildAttempt(store, {
    id: 'b',
    attempt: 1,
    notebookHeldSince: null,
    notebookPausedMs: null,
  });
  attempt.pass('REGISTERING');
  await attempt.stop();
  expect(change).toHaveBeenCalledOnce();
  change.mockResolvedValue(undefined);
  await attempt.stop();
  expect(change).toHaveBeenCalledOnce();
});
