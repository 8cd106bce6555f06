import { describe, expect, it, vi } from 'vitest';
import { createSignIn } from '../../src/http/sign-in.ts';
import { RateLimitedError } from '../../src/shared/errors.ts';
import { stopClock } from '../support/stopped-clock.ts';
import { gate } from '../support/until.ts';

const ATTACKER = '203.0.113.7';
const LIMIT = 300;

/** Tokens beginning with `good` are good. */
function createSignInOfTest() {
  const lookUp = vi.fn(async (token: string | null) => (token?.startsWith('good') ? { token } : null));
  const signIn = createSignIn(lookUp);
  const refuse = async (count: number, address: string | null = ATTACKER) => {
    for (let n = 0; n < count; n += 1) expect(await signIn(`bad-${n}`, address)).toBeNull();
  };
  return { lookUp, signIn, refuse };
}

describe('an address from which 300 tokens were refused within a minute', () => {
  it('is told to wait', async () => {
    const { signIn, refuse } = createSignInOfTest();
    await refuse(LIMIT);
    const refusal = await signIn('bad', ATTACKER).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RateLimitedError);
    const { retryAfter } = (refusal as RateLimitedError).details;
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(60);
  });

  it('may try again when the minute is over', async () => {
    using clock = stopClock();
    const { signIn, refuse } = createSignInOfTest();
    await refuse(LIMIT);
    clock.pass(59_000);
    await expect(signIn('bad', ATTACKER)).rejects.toThrow('Try again in 1 s.');
    clock.pass(2000);
    expect(await signIn('bad', ATTACKER)).toBeNull();
  });

  it('keeps nobody else out, not even with IPv6 from the same /64 in another form', async () => {
    const { signIn, refuse } = createSignInOfTest();
    await refuse(LIMIT);
    await refuse(LIMIT, '2001:db8::1');
    expect(await signIn('bad', '203.0.113.8')).toBeNull();
    expect(await signIn('bad', '2001:db8:0:1::1')).toBeNull();
    await expect(signIn('bad', '2001:db8::2')).rejects.toThrow(RateLimitedError);
  });

  it('still signs in with a good token, one that was seen before and one that was not', async () => {
    const { signIn, refuse } = createSignInOfTest();
    await signIn('good-old', ATTACKER);
    await refuse(LIMIT);
    expect(await signIn('good-old', ATTACKER)).toEqual({ token: 'good-old' });
    expect(await signIn('good-new', ATTACKER)).toEqual({ token: 'good-new' });
  });

  it('has its unknown tokens looked up four at a time, which a known one does not wait for', async () => {
    const { lookUp, signIn, refuse } = createSignInOfTest();
    await signIn('good-old', ATTACKER);
    await refuse(LIMIT);
    const answer = gate();
    lookUp.mockImplementation(async (token) => {
      if (token?.startsWith('good')) return { token };
      await answer.opened;
      return null;
    });
    const before = lookUp.mock.calls.length;
    const flood = Array.from({ length: 50 }, (_, n) => signIn(`worse-${n}`, ATTACKER));
    const refusals = Promise.allSettled(flood);
    await vi.waitFor(() => expect(lookUp.mock.calls.length).toBe(before + 4));
    expect(await signIn('good-old', ATTACKER)).toEqual({ token: 'good-old' });
    expect(lookUp.mock.calls.length - before).toBe(5);
    answer.open();
    for (const refusal of await refusals) expect(refusal.status).toBe('rejected');
  });

  it('is one also where they all came at once', async () => {
    const { lookUp, signIn } = createSignInOfTest();
    const flood = Array.from({ length: 1500 }, (_, n) => signIn(`bad-${n}`, ATTACKER));
    const outcomes = await Promise.allSettled(flood);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(LIMIT);
    expect(lookUp).toHaveBeenCalledTimes(1500);
  });

  it('does not have them all looked up at once before they were refused', async () => {
    const { lookUp, signIn } = createSignInOfTest();
    const answer = gate();
    let atOnce = 0;
    let most = 0;
    lookUp.mockImplementation(async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await answer.opened;
      atOnce -= 1;
      return null;
    });
    const flood = Promise.allSettled(Array.from({ length: 1500 }, (_, n) => signIn(`bad-${n}`, ATTACKER)));
    await vi.waitFor(() => expect(atOnce).toBe(LIMIT + 8));
    answer.open();
    const outcomes = await flood;
    expect(most).toBeLessThanOrEqual(LIMIT + 8 + 4);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(LIMIT);
  });

  it('is none where a thousand good ones come back at once, each taking its time, also after some bad ones', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { lookUp, signIn, refuse } = createSignInOfTest();
      await refuse(LIMIT - 50);
      lookUp.mockImplementation(async (token) => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        return { token: token ?? '' };
      });
      const tokens = Array.from({ length: 1000 }, (_, n) => `good-${n}`);
      const all = Promise.all(tokens.map((token) => signIn(token, ATTACKER)));
      // 950 wait, eight at a time.
      const [sessions] = await Promise.all([all, vi.advanceTimersByTimeAsync(4000)]);
      expect(sessions).toEqual(tokens.map((token) => ({ token })));
    } finally {
      vi.useRealTimers();
    }
  });

  it('is waited for by nobody of another address, not even by a thousand who come at once', async () => {
    const { lookUp, signIn, refuse } = createSignInOfTest();
    await refuse(LIMIT);
    const answer = gate();
    lookUp.mockImplementation(async (token) => {
      if (token?.startsWith('good')) return { token };
      await answer.opened;
      return null;
    });
    const flood = Promise.allSettled(Array.from({ length: 50 }, (_, n) => signIn(`worse-${n}`, ATTACKER)));
    const tokens = Array.from({ length: 1000 }, (_, n) => `good-${n}`);
    const others = await Promise.all(tokens.map((token) => signIn(token, '203.0.113.8')));
    expect(others).toEqual(tokens.map((token) => ({ token })));
    answer.open();
    await flood;
  });

  it('is none where they were good, however many came at once', async () => {
    const { signIn, refuse } = createSignInOfTest();
    const tokens = Array.from({ length: 1000 }, (_, n) => `good-${n}`);
    expect(await Promise.all(tokens.map((token) => signIn(token, ATTACKER)))).toEqual(
      tokens.map((token) => ({ token })),
    );
    await refuse(LIMIT);
  });

  it('is never reached without any token, which costs no look-up', async () => {
    const { lookUp, signIn, refuse } = createSignInOfTest();
    for (let n = 0; n < 1000; n += 1) expect(await signIn(null, ATTACKER)).toBeNull();
    expect(lookUp).not.toHaveBeenCalled();
    await refuse(LIMIT);
    expect(await signIn(null, ATTACKER)).toBeNull();
  });

  it('is never reached by failures of ours', async () => {
    const { lookUp, signIn } = createSignInOfTest();
    lookUp.mockRejectedValue(new Error('the database is away'));
    for (let n = 0; n <= LIMIT; n += 1) await expect(signIn('good', ATTACKER)).rejects.toThrow('away');
    lookUp.mockResolvedValue({ token: 'good' });
    expect(await signIn('good', ATTACKER)).toEqual({ token: 'good' });
  });
});
