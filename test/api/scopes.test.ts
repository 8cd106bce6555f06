import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { UserErrorFacts } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { codes, errorCode, fillCatalogue } from '../support/images.ts';
import { whileLocked } from '../support/locks.ts';
import {
  createScope,
  deleteScope,
  makeScope,
  missingId,
  readScope,
  SCOPE_KINDS,
  type ScopeKind,
  scopeMutation,
  setRole,
  updateScope,
} from '../support/scopes.ts';
import { until } from '../support/until.ts';

let slipway: TestApp;
let admin: ApiClient;
let stranger: ApiClient;
const people = new Map<string, ApiClient>();
const ids: Record<ScopeKind, string> = { namespace: '', workspace: '' };
const ROLES = ['VIEWER', 'DEVELOPER', 'OWNER'] as const;

/** The stage: a namespace and a workspace `team`, each with a VIEWER, a DEVELOPER and an OWNER; a stranger without a role. */
beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  stranger = await slipway.user('stranger');
  for (const kind of SCOPE_KINDS) {
    ids[kind] = (await makeScope(admin, kind, { name: 'team' })).id;
    for (const role of ROLES) {
      const name = `${kind}-${role.toLowerCase()}`;
      people.set(name, await slipway.user(name));
      await setRole(admin, kind, ids[kind], name, role);
    }
  }
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const person = (kind: ScopeKind, role: (typeof ROLES)[number]): ApiClient =>
  people.get(`${kind}-${role.toLowerCase()}`) as ApiClient;
const malformed = 'nonsense';
const uidOf = (id: string) => Buffer.from(id, 'base64url').toString().split(':')[1] as string;
const unlimited = { limit: null, used: 0 };
const NO_QUOTA = { images: unlimited, storageBytes: unlimited, concurrentBuilds: unlimited };

describe.each(SCOPE_KINDS)('a %s that is made', (kind) => {
  it('has the limits that it is made with, and no others', async () => {
    expect((await makeScope(admin, kind, { name: 'plain' })).quota).toEqual(NO_QUOTA);
    expect((await makeScope(admin, kind, { name: 'nulls', quota: null })).quota).toEqual(NO_QUOTA);
    const quota = { images: 5, storageBytes: 2 ** 40, concurrentBuilds: 0 };
    const { scope } = await createScope(admin, kind, { name: 'limited', displayName: '名', quota });
    expect(scope).toMatchObject({
      name: 'limited',
      displayName: '名',
      quota: {
        images: { limit: 5, used: 0 },
        storageBytes: { limit: 2 ** 40, used: 0 },
        concurrentBuilds: { limit: 0, used: 0 },
      },
    });
    expect(await readScope(admin, kind, 'limited')).toEqual(scope);
  });

  it('is refused with everything that is wrong', async () => {
    const wrong = { name: 'Wrong', displayName: 'x'.repeat(257), quota: { images: -1, storageBytes: -1 } };
    const { scope, userErrors } = await createScope(admin, kind, wrong);
    expect(scope).toBeNull();
    expect(codes(userErrors)).toEqual([
      'OUT_OF_RANGE quota.images',
      'OUT_OF_RANGE quota.storageBytes',
      'PATTERN name',
      'TOO_LONG displayName',
    ]);
  });
});

describe.each(SCOPE_KINDS)('a %s that is changed', (kind) => {
  it('keeps what is absent and loses what is null', async () => {
    const owner = person(kind, 'OWNER');
    const id = ids[kind];
    const first = await updateScope(owner, kind, { id, displayName: 'Team', description: '抽帧' });
    expect(first).toMatchObject({
      scope: { id, name: 'team', displayName: 'Team', description: '抽帧' },
      userErrors: [],
    });
    const before = Date.parse(first.scope?.updatedAt ?? '');
    const second = await updateScope(owner, kind, { id, displayName: null });
    expect(second.scope).toMatchObject({ displayName: null, description: '抽帧' });
    expect(Date.parse(second.scope?.updatedAt ?? '')).toBeGreaterThanOrEqual(before);
    expect((await updateScope(owner, kind, { id })).scope).toMatchObject({
      displayName: null,
      description: '抽帧',
    });
    expect(await readScope(owner, kind, 'team')).toMatchObject({ displayName: null, description: '抽帧' });
  });

  it('keeps the limits that are absent and loses those that are null, one by one or all', async () => {
    const { id } = await makeScope(admin, kind, {
      name: 'limits',
      quota: { images: 1, storageBytes: 2, concurrentBuilds: 3 },
    });
    const limits = async (input: Record<string, unknown>) => {
      const { scope } = await updateScope(admin, kind, { id, ...input });
      const { images, storageBytes, concurrentBuilds } = scope?.quota ?? NO_QUOTA;
      return [images.limit, storageBytes.limit, concurrentBuilds.limit];
    };
    expect(await limits({ displayName: 'Limits' })).toEqual([1, 2, 3]);
    expect(await limits({ quota: {} })).toEqual([1, 2, 3]);
    expect(await limits({ quota: { images: 7, storageBytes: null } })).toEqual([7, null, 3]);
    expect(await limits({ quota: { storageBytes: Number.MAX_SAFE_INTEGER } })).toEqual([
      7,
      Number.MAX_SAFE_INTEGER,
      3,
    ]);
    expect(await limits({ quota: { images: 0, concurrentBuilds: 2 ** 31 - 1 } })).toEqual([
      0,
      Number.MAX_SAFE_INTEGER,
      2 ** 31 - 1,
    ]);
    expect(await limits({ quota: null })).toEqual([null, null, null]);
  });

  it('is refused with everything that is wrong, and stays as it was', async () => {
    const { id } = await makeScope(admin, kind, { name: 'unharmed' });
    const before = await readScope(admin, kind, 'unharmed');
    const wrong = {
      displayName: 'x'.repeat(257),
      description: 'x'.repeat(513),
      quota: { images: 2 ** 31, storageBytes: -1, concurrentBuilds: -1 },
    };
    const found = [
      'OUT_OF_RANGE quota.concurrentBuilds',
      'OUT_OF_RANGE quota.images',
      'OUT_OF_RANGE quota.storageBytes',
      'TOO_LONG description',
      'TOO_LONG displayName',
    ];
    const { userErrors } = await updateScope(admin, kind, { id, ...wrong });
    expect(codes(userErrors)).toEqual(found);
    expect(userErrors.find(({ path }) => path.at(-1) === 'images')?.details).toEqual({
      min: 0,
      max: 2 ** 31 - 1,
      current: 2 ** 31,
    });
    expect(codes((await updateScope(admin, kind, { id: malformed, ...wrong })).userErrors)).toEqual([
      'INVALID id',
      ...found,
    ]);
    expect(await readScope(admin, kind, 'unharmed')).toEqual(before);
    for (const images of [1.5, '3']) {
      const query = scopeMutation('update', kind);
      expect(await errorCode(admin, query, { input: { id, quota: { images } } })).toBe('BAD_USER_INPUT');
    }
  });

  it('is changed by OWNERs and administrators, its limits by administrators alone', async () => {
    const id = ids[kind];
    const query = scopeMutation('update', kind);
    for (const role of ['VIEWER', 'DEVELOPER'] as const) {
      expect(await errorCode(person(kind, role), query, { input: { id, displayName: 'Mine' } })).toBe(
        'FORBIDDEN',
      );
    }
    for (const quota of [{}, { images: 1 }, null]) {
      expect(await errorCode(person(kind, 'OWNER'), query, { input: { id, quota } })).toBe('FORBIDDEN');
    }
    expect((await updateScope(admin, kind, { id, quota: { images: null } })).userErrors).toEqual([]);
  });
});

describe.each(SCOPE_KINDS)('a %s that the viewer may not see', (kind) => {
  it.each(['update', 'delete'] as const)('is not there for them: %s', async (verb) => {
    const query = scopeMutation(verb, kind);
    const extra = verb === 'update' ? { displayName: 'Mine', quota: { images: 1 } } : {};
    const answer = async (id: string) => await stranger.ask(query, { input: { id, ...extra } });
    const hidden = await answer(ids[kind]);
    expect(hidden).toMatchObject({
      data: { done: { scope: null, userErrors: [{ code: 'NOT_FOUND', path: ['id'] }] } },
    });
    expect(await answer(missingId(kind))).toEqual(hidden);
    const other = kind === 'namespace' ? ids.workspace : ids.namespace;
    expect(await answer(other)).toEqual(hidden);
  });
});

describe.each(SCOPE_KINDS)('a %s that is deleted', (kind) => {
  const column = `${kind}_id`;
  /** Gives it this image, which the default one of the other kind has too. */
  const own = async (table: 'image' | 'image_build', name: string, scope: string) =>
    await slipway.database.query(
      `update ${table} set ${column} = $1 where ${table === 'image' ? 'name' : 'target_name'} = $2`,
      [uidOf(scope), name],
    );

  it('takes an administrator', async () => {
    const query = scopeMutation('delete', kind);
    for (const role of ROLES) {
      expect(await errorCode(person(kind, role), query, { input: { id: ids[kind] } })).toBe('FORBIDDEN');
    }
    const codesFor = async (id: string) => codes((await deleteScope(admin, kind, { id })).userErrors);
    expect(await codesFor(missingId(kind))).toEqual(['NOT_FOUND id']);
    expect(await codesFor(malformed)).toEqual(['INVALID id']);
  });

  it('is gone with the roles on it, and its name is free', async () => {
    const { id } = await makeScope(admin, kind, {
      name: 'brief',
      displayName: 'Brief',
      quota: { images: 3 },
    });
    const member = await slipway.user(`${kind}-of-brief`);
    await setRole(admin, kind, id, `${kind}-of-brief`, 'OWNER');
    const { scope, userErrors } = await deleteScope(admin, kind, { id });
    expect(userErrors).toEqual([]);
    expect(scope).toMatchObject({
      id,
      name: 'brief',
      displayName: 'Brief',
      quota: { images: { limit: 3, used: 0 } },
    });
    expect(await readScope(admin, kind, 'brief')).toBeNull();
    expect(await admin.run('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual({ node: null });
    expect(codes((await deleteScope(admin, kind, { id })).userErrors)).toEqual(['NOT_FOUND id']);
    await makeScope(admin, kind, { name: 'brief' });
    expect(await readScope(member, kind, 'brief')).toBeNull();
  });

  it('takes the roles of its members in one order, so that two deletions never wait for each other', async () => {
    const { id } = await makeScope(admin, kind, { name: 'shared' });
    const names = ['one', 'other'].map((name) => `${kind}-${name}-of-shared`);
    for (const name of names) await slipway.user(name);
    const rows = await slipway.database.query<{ id: string }>(
      'select id from user_account where name = any($1) order by id',
      [names],
    );
    const [first, last] = rows.map((row) => row.id);
    // So that it is the last one that PostgreSQL meets first, once it knows that there are so few that it need not use an index.
    for (const userId of [last, first])
      await slipway.database.query(`insert into ${kind}_member values ($1, $2, 'VIEWER')`, [
        uidOf(id),
        userId,
      ]);
    await slipway.database.query(`analyze ${kind}_member`);
    const version = 'select from role_version where user_id = $1 for update';
    const { userErrors } = await whileLocked(
      slipway.database,
      [version, [first]],
      async () => await deleteScope(admin, kind, { id }),
      [`${version} nowait`, [last]],
    );
    expect(userErrors).toEqual([]);
  });

  it('is never the default one', async () => {
    const standard = await readScope(admin, kind, 'default');
    const { userErrors } = await deleteScope(admin, kind, { id: standard?.id });
    expect(codes(userErrors)).toEqual(['NOT_ALLOWED id']);
    expect(await readScope(admin, kind, 'default')).toEqual(standard);
  });

  it('holds no image, also no deleted one that is not purged', async () => {
    const { id } = await makeScope(admin, kind, { name: 'full' });
    await fillCatalogue(slipway.database, `${kind}-held-`, 2);
    await own('image', `${kind}-held-0001`, id);
    await own('image', `${kind}-held-0002`, id);
    const refusal = async () => (await deleteScope(admin, kind, { id })).userErrors;
    const facts = (images: number, deletedImages: number) => [
      { code: 'IN_USE', path: ['id'], details: { images, deletedImages, unfinishedBuilds: 0 } },
    ];
    expect(await refusal()).toMatchObject(facts(2, 0));
    await slipway.database.query(`update image set status = 'DELETED' where name = '${kind}-held-0001'`);
    await slipway.database.query(
      `update image set status = 'CREATE_FAILED' where name = '${kind}-held-0002'`,
    );
    expect(await refusal()).toMatchObject(facts(1, 1));
    await slipway.database.query(`delete from image where name = '${kind}-held-0002'`);
    const [told] = await refusal();
    expect(told).toMatchObject(facts(0, 1)[0] as object);
    expect(told?.message).toContain('images: 0, deleted but not purged: 1, unfinished builds: 0');
    await slipway.database.query(`delete from image where name = '${kind}-held-0001'`);
    expect(await refusal()).toEqual([]);
  });

  it('has no unfinished build; what is known of finished ones goes with it', async () => {
    const { id } = await makeScope(admin, kind, { name: 'busy' });
    const build = await queueBuild(`${kind}-build`);
    await own('image_build', `${kind}-build`, id);
    const { userErrors } = await deleteScope(admin, kind, { id });
    expect(userErrors).toMatchObject([
      { code: 'IN_USE', details: { images: 0, deletedImages: 0, unfinishedBuilds: 1 } },
    ]);
    await admin.run('mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { id } } }', {
      id: build,
    });
    const [logged] = await slipway.database.query<{ count: number }>(
      'select count(*)::int from image_build_event where build_id = $1',
      [uidOf(build)],
    );
    expect(logged?.count).toBeGreaterThan(1);
    expect((await deleteScope(admin, kind, { id })).userErrors).toEqual([]);
    expect(await admin.run('query ($id: ID!) { imageBuild(id: $id) { id } }', { id: build })).toEqual({
      imageBuild: null,
    });
    const left = await slipway.database.query('select 1 from image_build_event where build_id = $1', [
      uidOf(build),
    ]);
    expect(left).toEqual([]);
  });

  it('waits for who is putting something into it, and then stays', async () => {
    const { id } = await makeScope(admin, kind, { name: 'contested' });
    await fillCatalogue(slipway.database, `${kind}-late-`, 1);
    const writer = new pg.Client({ connectionString: slipway.database.url });
    await writer.connect();
    try {
      await writer.query('begin');
      await writer.query(`update image set ${column} = $1 where name = $2`, [uidOf(id), `${kind}-late-0001`]);
      const deleting = deleteScope(admin, kind, { id });
      await until('the deletion to wait', async () => (await waiting()) > 0);
      await writer.query('commit');
      expect((await deleting).userErrors).toMatchObject([{ code: 'IN_USE', details: { images: 1 } }]);
    } finally {
      await writer.end();
    }
    expect(await readScope(admin, kind, 'contested')).not.toBeNull();
  });

  it('has no members any more, whoever was giving a role on it', async () => {
    const { id } = await makeScope(admin, kind, { name: 'leaving' });
    const deleter = new pg.Client({ connectionString: slipway.database.url });
    await deleter.connect();
    try {
      await deleter.query('begin');
      await deleter.query(`delete from ${kind} where id = $1`, [uidOf(id)]);
      const noun = kind === 'namespace' ? 'Namespace' : 'Workspace';
      const giving = admin.run<{ done: { userErrors: UserErrorFacts[] } }>(
        `mutation ($input: Set${noun}MemberInput!) {
          done: set${noun}Member(input: $input) { userErrors { code path message details } }
        }`,
        { input: { [`${kind}Id`]: id, userName: 'late', role: 'VIEWER' } },
      );
      await until('the role to wait', async () => (await waiting()) > 0);
      await deleter.query('commit');
      expect(codes((await giving).done.userErrors)).toEqual([`NOT_FOUND ${kind}Id`]);
    } finally {
      await deleter.end();
    }
  });

  it('is kept by whatever else refers to it', async () => {
    const { id } = await makeScope(admin, kind, { name: 'referred' });
    await slipway.database.query(`create table reference_${kind} (${column} uuid references ${kind} (id))`);
    await slipway.database.query(`insert into reference_${kind} values ($1)`, [uidOf(id)]);
    const { userErrors } = await deleteScope(admin, kind, { id });
    expect(userErrors).toMatchObject([
      { code: 'IN_USE', path: ['id'], details: { images: 0, deletedImages: 0, unfinishedBuilds: 0 } },
    ]);
    expect(userErrors[0]?.message).not.toContain('foreign key');
    await slipway.database.query(`drop table reference_${kind}`);
    expect((await deleteScope(admin, kind, { id })).userErrors).toEqual([]);
  });
});

/** A build of the default namespace and workspace that waits; its id. */
async function queueBuild(name: string): Promise<string> {
  const id = randomUUID();
  await slipway.database.query(
    `insert into image_build (id, kind, status, version, phases, steps, attempt, lost_workers, workspace_id, namespace_id,
        target_name, target_tag, target_reference, target_labels, pause, visibility, overwrite_tag, timeout_ms, job_id,
        log_line_count, created_at, queued_at)
      select $1, 'DOCKERFILE', 'QUEUED', 1, '[]', '[]', 0, 0, w.id, n.id,
        $2, '1', 'registry.test:5000/default/' || $2 || ':1', '[]', true, 'PRIVATE', false, 1000, gen_random_uuid(),
        0, now(), now()
      from namespace n, workspace w where n.name = 'default' and w.name = 'default'`,
    [id, name],
  );
  await slipway.database.query(
    "insert into image_build_event (build_id, version, at, state) values ($1, 1, now(), '{}')",
    [id],
  );
  return Buffer.from(`ImageBuild:${id}`).toString('base64url');
}

async function waiting(): Promise<number> {
  const [row] = await slipway.database.query<{ count: number }>(
    "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return row?.count ?? 0;
}
