import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRenewals } from '../../src/auth/renewals.ts';
import type { Session } from '../../src/auth/session.ts';
import { sessionOf } from '../support/sessions.ts';

describe('renewals', () => {
  let now: number;
  const pass = (ms: number) => {
    now += ms;
    vi.advanceTimersByTime(ms);
  };
  beforeEach(() => {
    now = 1;
    // On the object itself, which the cache has taken hold of before.
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    vi.useFakeTimers({ toFake: ['setTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('look a token up once for all who ask within a second and a half, and then again', async () => {
    const session: Session | null = sessionOf();
    const authenticate = vi.fn(async (token: string | null) => (token === 'good' ? session : null));
    const renew = createRenewals(authenticate);
    expect(await Promise.all([renew('good'), renew('good'), renew('ended')])).toEqual([
      session,
      session,
      null,
    ]);
    pass(1400);
    expect(await renew('good')).toBe(session);
    expect(authenticate).toHaveBeenCalledTimes(2);
    pass(200);
    await renew('good');
    expect(authenticate).toHaveBeenCalledTimes(3);
  });

  it('tell all who asked of a look-up that failed, and try again later', async () => {
    const authenticate = vi.fn(async () => await Promise.reject<Session>(new Error('away')));
    const renew = createRenewals(authenticate);
    await expect(Promise.all([renew('good'), renew('good')])).rejects.toThrow('away');
    await expect(renew('good')).rejects.toThrow('away');
    expect(authenticate).toHaveBeenCalledTimes(1);
    pass(2000);
    await expect(renew('good')).rejects.toThrow('away');
    expect(authenticate).toHaveBeenCalledTimes(2);
  });
});
