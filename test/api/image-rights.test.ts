import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { UserErrorFacts } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import {
  codes,
  DELETE_IMAGE,
  deleteImage,
  globalId,
  makeImage,
  PURGE_IMAGE,
  REGISTER_IMAGE,
  RESTORE_IMAGE,
  readImage,
  UPDATE_IMAGE,
} from '../support/images.ts';
import { whileLocked } from '../support/locks.ts';
import { makeScope, setRole } from '../support/scopes.ts';

/** The stage: a namespace `space` and a workspace `work`, and somebody for each role on one of them. */
let slipway: TestApp;
let people: Record<string, ApiClient>;
let workspaceId: string;
let serial = 0;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  const { admin } = slipway;
  const space = await makeScope(admin, 'namespace', { name: 'space' });
  workspaceId = (await makeScope(admin, 'workspace', { name: 'work' })).id;
  people = { admin };
  for (const role of ['STRANGER', 'VIEWER', 'DEVELOPER', 'OWNER']) {
    const name = role.toLowerCase();
    people[name] = await slipway.user(name);
    if (role !== 'STRANGER') await setRole(admin, 'namespace', space.id, name, role);
  }
  // Who sees the image by its workspace, and owns that, has no right to it all the same.
  people['workspace-owner'] = await slipway.user('workspace-owner');
  await setRole(admin, 'workspace', workspaceId, 'workspace-owner', 'OWNER');
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

interface Outcome {
  readonly done: boolean;
  readonly userErrors: readonly string[];
  readonly error: Record<string, unknown> | null;
}

async function outcomeOf(who: string, query: string, input: Record<string, unknown>): Promise<Outcome> {
  const { data, errors } = await (people[who] as ApiClient).ask<
    Record<string, { image: unknown; userErrors: UserErrorFacts[] }>
  >(query, { input });
  const [answer] = Object.values(data ?? {});
  return {
    done: Boolean(answer?.image),
    userErrors: codes(answer?.userErrors ?? []),
    error: errors?.[0]?.extensions ?? null,
  };
}

const DONE = { done: true, userErrors: [], error: null };
const MISSING = { done: false, userErrors: ['NOT_FOUND id'], error: null };
const forbidden = (action: string, requiredRole: string) => ({
  done: false,
  userErrors: [],
  error: { code: 'FORBIDDEN', details: { action, requiredRole } },
});

const MUTATIONS = {
  updateImage: {
    query: UPDATE_IMAGE,
    more: { description: 'x' },
    action: 'image:update',
    role: 'DEVELOPER',
    of: 'live',
  },
  sharing: {
    query: UPDATE_IMAGE,
    more: { visibility: 'PUBLIC' },
    action: 'image:update',
    role: 'DEVELOPER',
    of: 'live',
  },
  deleteImage: { query: DELETE_IMAGE, more: {}, action: 'image:delete', role: 'DEVELOPER', of: 'live' },
  restoreImage: { query: RESTORE_IMAGE, more: {}, action: 'image:delete', role: 'DEVELOPER', of: 'deleted' },
  purgeImage: { query: PURGE_IMAGE, more: {}, action: 'image:purge', role: 'OWNER', of: 'deleted' },
} as const;

async function make(of: 'live' | 'deleted', visibility: 'PRIVATE' | 'PUBLIC'): Promise<string> {
  serial += 1;
  const reference = `space/rights-${serial}:1`;
  const { id } = await makeImage(slipway.admin, { reference, visibility, workspaceId });
  if (of === 'deleted') await deleteImage(slipway.admin, { id });
  return id;
}

describe.each(Object.entries(MUTATIONS))('%s', (_, { query, more, action, role, of }) => {
  const no = forbidden(action, role);
  const developer = role === 'DEVELOPER' ? DONE : no;
  it.each([
    ['PRIVATE', 'stranger', MISSING],
    ['PRIVATE', 'workspace-owner', no],
    ['PRIVATE', 'viewer', no],
    ['PRIVATE', 'developer', developer],
    ['PRIVATE', 'owner', DONE],
    ['PRIVATE', 'admin', DONE],
    ['PUBLIC', 'stranger', no],
    ['PUBLIC', 'viewer', no],
    ['PUBLIC', 'developer', developer],
    ['PUBLIC', 'owner', DONE],
  ] as const)('of a %s image by %s', async (visibility, who, expected) => {
    const id = await make(of, visibility);
    const before = await readImage(slipway.admin, id, 'version status updatedAt');
    // A change to what it is already needs the right as well.
    expect(await outcomeOf(who, query, { id, ...more })).toEqual(expected);
    if (expected !== DONE) {
      expect(await readImage(slipway.admin, id, 'version status updatedAt')).toEqual(before);
    }
  });

  it('is answered by who may not see the image word for word as where there is none', async () => {
    const ask = async (id: string) => await people['stranger']?.ask(query, { input: { id, ...more } });
    expect(await ask(await make(of, 'PRIVATE'))).toEqual(await ask(globalId('Image')));
  });
});

describe('an image that is moved away between a look and a change', () => {
  it.each(Object.entries(MUTATIONS))(
    'is not for %s by those who had the right before',
    async (_, mutation) => {
      const { query, more, action, role, of } = mutation;
      const id = await make(of, 'PRIVATE');
      const { uid } = await readImage<{ uid: string }>(slipway.admin, id, 'uid');
      const outcome = await whileLocked(
        slipway.database,
        [
          "update image set namespace_id = (select id from namespace where name = 'default') where id = $1",
          [uid],
        ],
        async () => await outcomeOf('owner', query, { id, ...more }),
      );
      expect(outcome).toEqual(forbidden(action, role));
    },
  );
});

describe('registerImage', () => {
  it.each([
    ['stranger', { done: false, userErrors: ['NOT_FOUND namespace'], error: null }],
    ['workspace-owner', { done: false, userErrors: ['NOT_FOUND namespace'], error: null }],
    ['viewer', forbidden('image:create', 'DEVELOPER')],
    ['developer', DONE],
    ['owner', DONE],
    ['admin', DONE],
  ] as const)('into a namespace by %s', async (who, expected) => {
    expect(await outcomeOf(who, REGISTER_IMAGE, { reference: `space/by-${who}:1` })).toEqual(expected);
  });

  it('into a workspace takes DEVELOPER there, and says so only to who may know of it', async () => {
    const input = { reference: 'space/into-work:1', workspaceId };
    expect(await outcomeOf('developer', REGISTER_IMAGE, input)).toEqual({
      done: false,
      userErrors: ['NOT_FOUND workspaceId'],
      error: null,
    });
    await setRole(slipway.admin, 'workspace', workspaceId, 'developer', 'VIEWER');
    expect(await outcomeOf('developer', REGISTER_IMAGE, input)).toEqual(
      forbidden('workspace:work', 'DEVELOPER'),
    );
    await setRole(slipway.admin, 'workspace', workspaceId, 'developer', 'DEVELOPER');
    expect(await outcomeOf('developer', REGISTER_IMAGE, input)).toEqual(DONE);
    await setRole(slipway.admin, 'workspace', workspaceId, 'developer', null);
  });
});

describe('viewerPermissions', () => {
  it.each([
    ['viewer', ['READ'], ['READ']],
    ['workspace-owner', ['READ'], ['READ']],
    ['developer', ['READ', 'UPDATE', 'DELETE', 'SHARE'], ['READ', 'RESTORE']],
    ['owner', ['READ', 'UPDATE', 'DELETE', 'SHARE'], ['READ', 'RESTORE', 'PURGE']],
    ['admin', ['READ', 'UPDATE', 'DELETE', 'SHARE'], ['READ', 'RESTORE', 'PURGE']],
  ])('of %s say what can be done with a live and with a deleted image', async (who, live, deleted) => {
    const client = people[who] as ApiClient;
    const permissions = async (of: 'live' | 'deleted') =>
      await readImage(client, await make(of, 'PRIVATE'), 'viewerPermissions');
    expect(await permissions('live')).toEqual({ viewerPermissions: live });
    expect(await permissions('deleted')).toEqual({ viewerPermissions: deleted });
  });
});
