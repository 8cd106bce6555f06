import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRenewals } from '../../src/auth/renewals.ts';
import type { Session } from '../../src/auth/session.ts';
import { sessionOf } from '../support/sessions.ts';

describe('renewals', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('look a token up once for all who ask within a second and a half, and then again', async () => {
    const session: Session | null = sessionOf();
    const authenticate = vi.fn(async (token: string | null) => (token === 'good' ? session : null));
    const renew = createRenewals(authenticate);
    expect(await Promise.all([renew('good'), renew('good'), renew('ended')])).toEqual([
      session,
      session,
      null,
    ]);
    vi.advanceTimersByTime(1400);
    expect(await renew('good')).toBe(session);
    expect(authenticate).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(200);
    await renew('good');
    expect(authenticate).toHaveBeenCalledTimes(3);
  });

  it('tell all who asked of a look-up that failed, and try again later', async () => {
    const authenticate = vi.fn(async () => await Promise.reject<Session>(new Error('away')));
    const renew = createRenewals(authenticate);
    await expect(Promise.all([renew('good'), renew('good')])).rejects.toThrow('away');
    await expect(renew('good')).rejects.toThrow('away');
    expect(authenticate).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(2000);
    await expect(renew('good')).rejects.toThrow('away');
    expect(authenticate).toHaveBeenCalledTimes(2);
  });
});
