import type { Context } from './context.ts';

/** Of a session that a mutation begins with: more than a request takes to come in, so that one mutation costs no look-up more. */
const MAX_AGE_MS = 1000;

/**
 * To be asked before each mutation. A document may hold a hundred, run one after the other, and those before may have waited for a
 * slow registry: so rights are looked up anew, and what is renewed is 1.5 s old at the most.
 *
 * @throws UnauthenticatedError the credential is no longer good
 * @throws ForbiddenError it is for reading alone by now
 * @throws UnavailableError it cannot be told for the moment
 */
export async function renewRights(context: Pick<Context, 'session' | 'continueAs'>): Promise<void> {
  const viewer = await context.session.upToDate(MAX_AGE_MS);
  if (viewer === context.session) return;
  viewer.assertScope('WRITE');
  context.continueAs(viewer);
}
