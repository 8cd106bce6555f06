import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { giveBackMemory } from '../../src/shared/give-back-memory.ts';

it('takes away what nothing holds any more', async () => {
  const unheld = new WeakRef({ some: 'thing' });
  // The language keeps it for the rest of this turn.
  await nextTurn();
  await giveBackMemory();
  expect(unheld.deref()).toBeUndefined();
});
