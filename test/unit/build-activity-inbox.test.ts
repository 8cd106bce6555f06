import { describe, expect, it } from 'vitest';
import { ActivityInbox } from '../../src/build/activity/build-activity.inbox.ts';
import type { ChangeNotice } from '../../src/build/activity/build-activity.reads.ts';

const change = (buildId: string, version: number): ChangeNotice => ({
  buildId,
  version,
  at: new Date(0),
  namespaceId: 'namespace',
  workspaceId: 'workspace',
  namespaceName: 'default',
});

/** Takes everything that waits. */
async function takeAll(inbox: ActivityInbox): Promise<string[]> {
  const leave = new AbortController();
  const taken: string[] = [];
  const taking = (async () => {
    for await (const batch of inbox.batches(50, leave.signal)) {
      expect(batch.length).toBeLessThanOrEqual(50);
      taken.push(...batch.map(({ buildId, version }) => `${buildId} ${version}`));
    }
  })();
  await new Promise((resolve) => setImmediate(resolve));
  leave.abort();
  await taking;
  return taken;
}

describe("a subscriber's inbox", () => {
  it('keeps every change in order for a client that keeps up', async () => {
    const inbox = new ActivityInbox(() => true);
    for (const [id, version] of [
      ['a', 1],
      ['b', 1],
      ['a', 2],
      ['a', 3],
    ] as const)
      inbox.put(change(id, version));
    expect(await takeAll(inbox)).toEqual(['a 1', 'b 1', 'a 2', 'a 3']);
  });

  it('keeps the newest of each build where more than 1,000 wait', async () => {
    const inbox = new ActivityInbox(() => true);
    inbox.put(change('b', 1));
    for (let version = 1; version <= 100_000; version += 1) inbox.put(change('a', version));
    const taken = await takeAll(inbox);
    expect(taken[0]).toBe('b 1');
    expect(taken.at(-1)).toBe('a 100000');
    expect(taken.length).toBeLessThanOrEqual(1000);
  });

  it('sends a client away that lets more than 500 builds wait', async () => {
    const inbox = new ActivityInbox(() => true);
    for (let n = 0; n <= 1000; n += 1) inbox.put(change(`build ${n}`, 1));
    await expect(inbox.batches(50, new AbortController().signal).next()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('Subscribe again'),
    });
  });
});
