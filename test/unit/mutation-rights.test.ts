import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Session } from '../../src/auth/session.ts';
import { type Context, createContexts } from '../../src/graphql/context.ts';
import { renewRights } from '../../src/graphql/mutation-rights.ts';
import type { Services } from '../../src/services.ts';
import { sessionOf } from '../support/sessions.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const create = createContexts({} as Services);

/** A copy, as Apollo makes one for each operation. */
function contextOf(session: Session): Context {
  const context = create(session, 'request', { requestId: 'r', address: null });
  return Object.assign(Object.create(Object.getPrototypeOf(context)), context);
}

it('contexts have one shape: none has getters of its own, which would outlive it', () => {
  const context = create(sessionOf(), 'request', { requestId: 'r', address: null });
  expect(context.loaders).toBe(context.loaders);
  const own = Object.values(Object.getOwnPropertyDescriptors(context));
  expect(own.filter((property) => property.get !== undefined)).toEqual([]);
});

describe('before a mutation', () => {
  it('nothing is asked where the viewer has only just signed in', async () => {
    const renew = vi.fn(async () => null);
    const context = contextOf(sessionOf({ renew }));
    await renewRights(context);
    expect(renew).not.toHaveBeenCalled();
  });

  it('the viewer is looked up again where a second has passed, and all goes on with what is told', async () => {
    const renewed = sessionOf({ user: { id: '1', name: 'dana-by-now' }, isAdmin: true });
    const context = contextOf(sessionOf({ renew: async () => renewed }));
    const { loaders } = context;
    vi.advanceTimersByTime(1001);
    await renewRights(context);
    expect(context.session).toBe(renewed);
    expect(context.loaders).not.toBe(loaders);
  });

  it('what is loaded is kept where no right has changed', async () => {
    const renewed = sessionOf();
    const context = contextOf(sessionOf({ renew: async () => renewed }));
    const { loaders } = context;
    vi.advanceTimersByTime(1001);
    await renewRights(context);
    expect(context.session).toBe(renewed);
    expect(context.loaders).toBe(loaders);
  });

  it('it is refused where the credential has ended, or is for reading alone by now', async () => {
    const [ended, reading] = [
      contextOf(sessionOf()),
      contextOf(sessionOf({ renew: async () => sessionOf({ scopes: ['READ'] }) })),
    ];
    vi.advanceTimersByTime(1001);
    await expect(renewRights(ended)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(renewRights(reading)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      details: { requiredScope: 'WRITE' },
    });
  });
});
