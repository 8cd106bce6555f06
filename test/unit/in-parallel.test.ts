import { describe, expect, it } from 'vitest';
import { inParallel } from '../../src/shared/in-parallel.ts';

describe('work for many items', () => {
  it('is answered in their order, and done for some at a time', async () => {
    let running = 0;
    let most = 0;
    const answers = await inParallel([3, 1, 2, 0, 4], 2, async (turns) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      running -= 1;
      return turns * 10;
    });
    expect(answers).toEqual([30, 10, 20, 0, 40]);
    expect(most).toBe(2);
    expect(await inParallel([], 2, async () => 1)).toEqual([]);
  });

  it('is not begun any more after a failure', async () => {
    const begun: number[] = [];
    const work = inParallel([1, 2, 3, 4, 5, 6], 2, async (item) => {
      begun.push(item);
      if (item === 2) throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(begun).not.toContain(6);
  });
});
