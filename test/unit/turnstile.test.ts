import { describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/shared/errors.ts';
import { Turnstile } from '../../src/shared/turnstile.ts';
import { gate } from '../support/until.ts';

const LONG_MS = 60_000;

/** Something that stays inside until it is let go. */
function visitor(turnstile: Turnstile, name: string, entered: string[]) {
  const held = gate();
  const passed = turnstile.pass(async () => {
    entered.push(name);
    await held.opened;
    return name;
  });
  return { passed, leave: held.open };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a turnstile', () => {
  it('lets as many in as it has places, and the others as places become free, first come, first served', async () => {
    const turnstile = new Turnstile(2, LONG_MS, 'too many');
    const entered: string[] = [];
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => visitor(turnstile, name, entered));
    await settle();
    expect(entered).toEqual(['a', 'b']);
    b?.leave();
    const late = visitor(turnstile, 'late', entered);
    await settle();
    expect(entered).toEqual(['a', 'b', 'c']);
    for (const one of [a, c, d, late]) one?.leave();
    const all = [a, b, c, d, late].map(async (one) => await one?.passed);
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'late']);
    expect(entered).toEqual(['a', 'b', 'c', 'd', 'late']);
  });

  it('has its place again after a failure', async () => {
    const turnstile = new Turnstile(1, LONG_MS, 'too many');
    for (let i = 0; i < 3; i += 1) {
      await expect(turnstile.pass(async () => await Promise.reject(new Error('broken')))).rejects.toThrow(
        'broken',
      );
    }
    expect(await turnstile.pass(async () => 'in')).toBe('in');
  });

  it('sends away who waits too long, and loses no place by it', async () => {
    const turnstile = new Turnstile(1, 1, 'too many');
    const entered: string[] = [];
    const inside = visitor(turnstile, 'inside', entered);
    const late = [visitor(turnstile, 'late', entered), visitor(turnstile, 'later', entered)];
    for (const { passed } of late) await expect(passed).rejects.toThrow(new UnavailableError('too many'));
    inside.leave();
    await inside.passed;
    expect(await turnstile.pass(async () => 'next')).toBe('next');
    expect(entered).toEqual(['inside']);
  });
});
