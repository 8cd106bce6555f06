import { type Audit, serverAudits } from 'graphql-http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';

let slipway: TestApp;
beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

/**
 * Signs in and, for GET, says that no mere link has sent the request: audits know neither of tokens nor of protection against
 * requests forged by other sites.
 */
function fetchSignedIn(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${slipway.admin.token}`);
  headers.set('apollo-require-preflight', 'yes');
  return fetch(url, { ...init, headers });
}

const audits: readonly Audit[] = serverAudits({
  url: () => `${slipway.url}/graphql`,
  fetchFn: fetchSignedIn,
});

it('is measured by every audit there is', () => expect(audits).toHaveLength(61));

it.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s %s', async (id, name, audit) => {
  // Not only what a server MUST do: a SHOULD or a MAY that it does not do is told here as well.
  expect(await audit.fn()).toEqual({ id, name, status: 'ok' });
});
