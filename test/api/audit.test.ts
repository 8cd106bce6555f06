import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditService } from '../../src/audit/audit.service.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import {
  DELETE_IMAGE,
  deleteImage,
  errorCode,
  globalId,
  makeImage,
  REGISTER_IMAGE,
  registerImage,
  updateImage,
} from '../support/images.ts';
import { countsOf, importImages, record } from '../support/imports.ts';
import { holding, waiting } from '../support/locks.ts';
import { planStepsOf } from '../support/query-plan.ts';
import { readScope } from '../support/scopes.ts';
import { sessionOf } from '../support/sessions.ts';
import { until } from '../support/until.ts';

interface EventFacts {
  readonly id: string;
  readonly at: string;
  readonly finishedAt: string | null;
  readonly user: { readonly name: string } | null;
  readonly userName: string;
  readonly credential: string;
  readonly accessTokenId: string | null;
  readonly action: string;
  readonly inputIds: readonly string[];
  readonly grants: Record<string, unknown> | null;
  readonly objectIds: readonly string[];
  readonly facts: Record<string, unknown> | null;
  readonly result: string | null;
  readonly codes: readonly string[];
  readonly address: string | null;
  readonly requestId: string;
}

const EVENT = `id at finishedAt user { name } userName credential accessTokenId action inputIds grants objectIds facts result codes
  address requestId`;
const EVENTS = `query ($filter: AuditEventFilter, $first: Int, $after: String) {
  auditEvents(filter: $filter, first: $first, after: $after) { nodes { ${EVENT} } totalCount pageInfo { endCursor hasNextPage } }
}`;

interface EventsPage {
  readonly nodes: readonly EventFacts[];
  readonly totalCount: number;
  readonly pageInfo: { readonly endCursor: string | null; readonly hasNextPage: boolean };
}

let slipway: TestApp;
let admin: ApiClient;
/** Reads the default namespace. */
let mia: ApiClient;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  admin = slipway.admin;
  mia = await slipway.user('mia', { namespace: 'VIEWER' });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

async function page(variables: Record<string, unknown>): Promise<EventsPage> {
  return (await admin.run<{ auditEvents: EventsPage }>(EVENTS, variables)).auditEvents;
}
const events = async (filter: Record<string, unknown>) => (await page({ filter })).nodes;

/** The newest event. */
async function newest(): Promise<EventFacts> {
  const [event] = (await page({ first: 1 })).nodes;
  if (event === undefined) throw new Error('there is no event');
  return event;
}

/** The names of the images of these ids. */
async function namesOf(ids: readonly string[]): Promise<string[]> {
  const { nodes } = await admin.run<{ nodes: { name: string }[] }>(
    'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Image { name } } }',
    { ids },
  );
  return nodes.map(({ name }) => name);
}

describe('a mutation', () => {
  it('is written down with who asked, with what, from where, for what, and what came of it', async () => {
    const image = await makeImage(admin, { reference: 'default/seen:1' });
    expect(await newest()).toEqual({
      id: expect.any(String),
      at: expect.any(String),
      finishedAt: expect.any(String),
      user: { name: 'admin' },
      userName: 'admin',
      credential: 'OPERATOR_TOKEN',
      accessTokenId: null,
      action: 'registerImage',
      inputIds: [],
      grants: { visibility: 'PRIVATE' },
      objectIds: [image.id],
      facts: null,
      result: 'DONE',
      codes: [],
      address: expect.stringContaining('127.0.0.1'),
      requestId: expect.any(String),
    });
    await deleteImage(admin, { id: image.id });
    expect(await newest()).toMatchObject({
      action: 'deleteImage',
      inputIds: [image.id],
      objectIds: [image.id],
      result: 'DONE',
    });
  });

  it('tells who was given which rights, whatever was sent as a name', async () => {
    const { namespace } = await admin.run<{ namespace: { id: string } }>(
      '{ namespace(name: "default") { id } }',
    );
    const give = async (userName: string, role: string) =>
      await admin.run(
        'mutation ($input: SetNamespaceMemberInput!) { setNamespaceMember(input: $input) { userErrors { code } } }',
        { input: { namespaceId: namespace.id, userName, role } },
      );
    await give('olga', 'OWNER');
    expect(await newest()).toMatchObject({
      action: 'setNamespaceMember',
      inputIds: [namespace.id],
      grants: { userName: 'olga', role: 'OWNER' },
      result: 'DONE',
    });
    await give('\0\ud800 '.repeat(1000), 'OWNER');
    const { grants, result } = await newest();
    expect(result).toBe('REFUSED');
    expect(grants?.['userName']).toMatch(/^(\uFFFD\uFFFD ){33}\uFFFD…$/);
  });

  it('is found by the request id that its answer had', async () => {
    const response = await fetch(`${slipway.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${mia.token}`,
        'x-request-id': 'ci/4711',
      },
      body: JSON.stringify({
        query: 'mutation { createAccessToken(input: { name: "CI" }) { accessToken { id } } }',
      }),
    });
    const { data } = (await response.json()) as {
      data: { createAccessToken: { accessToken: { id: string } } };
    };
    const [made] = await events({ requestId: 'ci/4711' });
    expect(response.headers.get('x-request-id')).toBe('ci/4711');
    expect(made).toMatchObject({
      userName: 'mia',
      credential: 'ACCESS_TOKEN',
      accessTokenId: expect.any(String),
      objectIds: [data.createAccessToken.accessToken.id, expect.any(String)],
    });
  });

  it('is written down over a socket, too', async () => {
    const mutation = 'mutation { createAccessToken(input: { name: "by socket" }) { accessToken { id } } }';
    for await (const _answer of mia.subscribe(mutation)) {
      // One answer, and the end.
    }
    expect(await newest()).toMatchObject({
      action: 'createAccessToken',
      userName: 'mia',
      result: 'DONE',
      address: expect.stringContaining('127.0.0.1'),
    });
  });

  it('is refused with codes, forbidden, or fails with the code of its error', async () => {
    const refused = await registerImage(admin, {
      reference: 'default/UPPER:1',
      labels: [{ key: '', value: '' }],
    });
    expect(await newest()).toMatchObject({
      result: 'REFUSED',
      codes: expect.arrayContaining(refused.userErrors.map(({ code }) => code)),
      objectIds: [],
    });

    const image = await makeImage(admin, { reference: 'default/kept:1' });
    expect(await errorCode(mia, DELETE_IMAGE, { input: { id: image.id } })).toBe('FORBIDDEN');
    expect(await newest()).toMatchObject({
      userName: 'mia',
      inputIds: [image.id],
      result: 'FORBIDDEN',
      codes: ['FORBIDDEN'],
      objectIds: [],
    });

    await slipway.database.query(
      `create function fall() returns trigger language plpgsql as $$ begin raise exception 'fall'; end $$;
       create trigger fall before insert on image for each statement execute function fall()`,
    );
    const input = { reference: 'default/falls:1' };
    expect(await errorCode(admin, REGISTER_IMAGE, { input })).toBe('INTERNAL_SERVER_ERROR');
    await slipway.database.query('drop trigger fall on image');
    expect(await newest()).toMatchObject({ result: 'FAILED', codes: ['INTERNAL_SERVER_ERROR'] });
  });

  it('that was only checked is told from one that was done', async () => {
    await registerImage(admin, { reference: 'default/checked:1', validateOnly: true });
    expect(await newest()).toMatchObject({ action: 'registerImage', result: 'CHECKED', objectIds: [] });
    const image = await makeImage(admin, { reference: 'default/edited:1' });
    await updateImage(admin, { id: image.id, description: 'new', validateOnly: true });
    expect(await newest()).toMatchObject({ result: 'CHECKED', inputIds: [image.id], objectIds: [] });
    await updateImage(admin, { id: image.id, description: 'new' });
    expect(await newest()).toMatchObject({ result: 'DONE', objectIds: [image.id] });
  });

  it('that imports is refused where no row was written', async () => {
    const document = [record('imported'), record('UPPER')];
    expect(countsOf(await importImages(admin, document))).toEqual([0, 0, 0, 1]);
    expect(await newest()).toMatchObject({ action: 'importImages', result: 'REFUSED' });
    expect(countsOf(await importImages(admin, document, { mode: 'PARTIAL' }))).toEqual([1, 0, 0, 1]);
    expect(await newest()).toMatchObject({ action: 'importImages', result: 'DONE', codes: [] });
  });

  it('that imports tells which images it has made and changed, and how many others see now', async () => {
    await importImages(
      admin,
      ['a', 'b', 'c'].map((name) => record(`told/${name}`)),
    );
    const made = await newest();
    expect(await namesOf(made.objectIds)).toEqual(['a', 'b', 'c']);
    expect(made.facts).toEqual({ created: 3, updated: 0, madePublic: 0, madePrivate: 0 });

    const changes = [
      record('told/a', { description: 'new' }),
      record('told/b'),
      record('told/c', { visibility: 'PUBLIC' }),
      record('told/d', { visibility: 'PUBLIC' }),
    ];
    await importImages(admin, changes, { validateOnly: true });
    expect(await newest()).toMatchObject({ result: 'CHECKED', objectIds: [], facts: null });
    expect(countsOf(await importImages(admin, changes))).toEqual([1, 2, 1, 0]);
    const changed = await newest();
    expect(await namesOf(changed.objectIds)).toEqual(['d', 'c', 'a']);
    expect(changed.facts).toEqual({ created: 1, updated: 2, madePublic: 2, madePrivate: 0 });

    await importImages(admin, [record('told/c', { visibility: 'PRIVATE' })]);
    expect((await newest()).facts).toEqual({ created: 0, updated: 1, madePublic: 0, madePrivate: 1 });
  });

  it('that imports many tells first of those that others see now, and how many are left out', async () => {
    const rows = Array.from({ length: 150 }, (_, i) =>
      record(`many/row-${i}`, i === 149 ? { visibility: 'PUBLIC' } : {}),
    );
    await importImages(admin, rows);
    const { objectIds, facts } = await newest();
    expect(objectIds).toHaveLength(100);
    expect((await namesOf(objectIds)).slice(0, 2)).toEqual(['row-149', 'row-0']);
    expect(facts).toEqual({ created: 150, updated: 0, madePublic: 1, madePrivate: 0, omittedIds: 50 });
  });

  it('that makes or ends a token tells whose it is', async () => {
    const { user } = await admin.run<{ user: { id: string } }>('{ user(name: "mia") { id } }');
    const { createAccessToken } = await admin.run<{ createAccessToken: { accessToken: { id: string } } }>(
      'mutation { createAccessToken(input: { name: "hers", userName: "mia" }) { accessToken { id } } }',
    );
    const tokenId = createAccessToken.accessToken.id;
    expect(await newest()).toMatchObject({ objectIds: [tokenId, user.id], grants: { userName: 'mia' } });
    await admin.run('mutation ($id: ID!) { revokeAccessToken(input: { id: $id }) { userErrors { code } } }', {
      id: tokenId,
    });
    expect(await newest()).toMatchObject({
      action: 'revokeAccessToken',
      inputIds: [tokenId],
      objectIds: [tokenId, user.id],
    });
    expect((await events({ objectId: user.id })).length).toBeGreaterThanOrEqual(2);
  });

  it('leaves no value of its input behind but ids', async () => {
    const secret = `secret-${randomUUID()}`;
    const none = Buffer.from('nothing').toString('base64');
    const mutation = `mutation ($input: UpdateImageInput!, $token: CreateAccessTokenInput!) {
      updateImage(input: $input) { userErrors { code } } createAccessToken(input: $token) { token } }`;
    const { createAccessToken } = await admin.run<{ createAccessToken: { token: string } }>(mutation, {
      input: { id: none, description: secret, clientMutationId: secret },
      token: { name: secret, userName: 'mia' },
    });
    const rows = await slipway.database.query<{ text: string }>(
      'select event::text || outcome::text as text from audit_event event join audit_outcome outcome on event_id = id',
    );
    const trail = rows.map(({ text }) => text).join('\n');
    expect(trail).toContain('updateImage');
    for (const value of [secret, none, createAccessToken.token]) expect(trail).not.toContain(value);
  });

  it('is one of several in a request, told in their order under their own names', async () => {
    const many = Array.from(
      { length: 20 },
      (
        _,
        i,
      ) => `m${i}: ${i % 2 === 0 ? 'revokeAccessToken' : 'deleteImage'}(input: { id: "${globalId('Image')}" }) {
        userErrors { code } }`,
    );
    await mia.run(`mutation { ${many.join(' ')} }`);
    const { nodes: newestOnes } = await page({ filter: { userName: 'mia' }, first: 20 });
    expect(newestOnes.map(({ action }) => action)).toEqual(
      many.map((_, i) => (i % 2 === 0 ? 'deleteImage' : 'revokeAccessToken')),
    );
    const times = newestOnes.map(({ at }) => at);
    expect(times).toEqual([...new Set(times)].sort().reverse());
    expect(new Set(newestOnes.map(({ requestId }) => requestId)).size).toBe(1);
    for (const { at, finishedAt } of newestOnes) expect(finishedAt === null || finishedAt >= at).toBe(true);
  });

  it('that never began is none: nobody signed in, an input of another type', async () => {
    const { totalCount } = await page({});
    expect(await errorCode(admin, DELETE_IMAGE, { input: { id: [] } })).toBe('BAD_USER_INPUT');
    const response = await fetch(`${slipway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: DELETE_IMAGE, variables: { input: { id: '1' } } }),
    });
    expect(response.status).toBe(401);
    expect((await page({})).totalCount).toBe(totalCount);
  });
});

describe('what is written', () => {
  const DEPENDENCIES = "select pg_advisory_xact_lock(hashtext('slipway image dependencies'))";

  it('is there before the mutation runs, and its result before the answer', async () => {
    const image = await makeImage(admin, { reference: 'default/slow:1' });
    const answer = await holding(slipway.database, [DEPENDENCIES], async () => {
      const running = deleteImage(admin, { id: image.id });
      await until('the deletion to wait', async () => (await waiting(slipway.database)) === 1);
      expect(await newest()).toMatchObject({
        action: 'deleteImage',
        inputIds: [image.id],
        result: null,
        finishedAt: null,
        codes: [],
        objectIds: [],
      });
      return { running };
    });
    await answer.running;
    expect(await newest()).toMatchObject({ action: 'deleteImage', result: 'DONE' });
  });

  it('has to be, or the mutation is not run', async () => {
    await refuseInserts('audit_event', async () => {
      expect(await errorCode(admin, REGISTER_IMAGE, { input: { reference: 'default/unseen:1' } })).toBe(
        'UNAVAILABLE',
      );
    });
    const { images } = await admin.run<{ images: { totalCount: number } }>(
      '{ images(filter: { search: "unseen" }) { totalCount } }',
    );
    expect(images.totalCount).toBe(0);
  });

  it('says nothing else than what happened where the result cannot be written', async () => {
    const image = await refuseInserts(
      'audit_outcome',
      async () => await makeImage(admin, { reference: 'default/half:1' }),
    );
    expect(image.name).toBe('half');
    expect(await newest()).toMatchObject({ action: 'registerImage', result: null, finishedAt: null });
  });

  it('is told to the log where the result cannot be written', async () => {
    const lines: string[] = [];
    const output = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const audit = new AuditService(slipway.app.orm.em, pino(output));
    const event = await audit.begin({
      session: sessionOf(),
      request: { requestId: 'r-1', address: null },
      action: 'deleteImage',
      inputIds: [],
      grants: null,
    });
    const outcome = { result: 'DONE', codes: [], objectIds: [], facts: null } as const;
    await refuseInserts('audit_outcome', async () => await audit.finish(event, outcome));
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: 50, eventId: event.id, result: 'DONE' }),
    ]);
  });

  it('leaves connections for those who read, however many mutations begin', async () => {
    const nothing = globalId('Image');
    const flood = await holding(slipway.database, ['lock table audit_event in share mode'], async () => {
      const running = Array.from({ length: 200 }, () => deleteImage(mia, { id: nothing }));
      await until('the trail to wait', async () => (await waiting(slipway.database)) === 3);
      expect(await readScope(admin, 'namespace', 'default')).not.toBeNull();
      expect(await waiting(slipway.database)).toBe(3);
      return { running };
    });
    await Promise.all(flood.running);
    const { nodes } = await page({ filter: { userName: 'mia', result: ['REFUSED'] }, first: 100 });
    expect(new Set(nodes.map(({ at }) => at)).size).toBe(100);
  });

  it('is never changed nor taken away, whoever asks', async () => {
    const attempts = ['audit_event', 'audit_outcome'].flatMap((table) => [
      `update ${table} set at = now()`,
      `update ${table} set at = now() where false`,
      `delete from ${table}`,
      `truncate ${table}`,
      `truncate ${table} cascade`,
      `merge into ${table} using (select 1) one on true when matched then delete`,
    ]);
    const asked = slipway.app.orm.em.getConnection();
    for (const attempt of [
      ...attempts,
      `insert into audit_event select * from audit_event limit 1 on conflict (id) do update set action = 'none'`,
    ]) {
      await expect(asked.execute(attempt), attempt).rejects.toThrow('the audit trail only grows');
    }
  });
});

/** While `run` runs, no row gets into this table. */
async function refuseInserts<T>(table: string, run: () => Promise<T>): Promise<T> {
  await slipway.database.query(
    `create or replace function full_disk() returns trigger language plpgsql as
       $$ begin raise exception 'no space left' using errcode = 'disk_full'; end $$;
     create trigger full_disk before insert on ${table} for each statement execute function full_disk()`,
  );
  try {
    return await run();
  } finally {
    await slipway.database.query(`drop trigger full_disk on ${table}`);
  }
}

describe('the trail', () => {
  it('is for administrators, by list and by id', async () => {
    expect(await errorCode(mia, EVENTS, {})).toBe('FORBIDDEN');
    const { id } = await newest();
    const NODE = `query ($id: ID!) { node(id: $id) { id ... on AuditEvent { action } } }`;
    expect(await admin.run(NODE, { id })).toMatchObject({ node: { id, action: expect.any(String) } });
    expect(await mia.run(NODE, { id })).toEqual({ node: null });
  });

  it('is paged, newest first', async () => {
    const all = (await page({ first: 100 })).nodes;
    const times = all.map(({ at }) => at);
    expect(times).toEqual([...times].sort().reverse());
    const first = await page({ first: 3 });
    const second = await page({ first: 3, after: first.pageInfo.endCursor });
    expect([...first.nodes, ...second.nodes]).toEqual(all.slice(0, 6));
    expect(first.totalCount).toBeGreaterThan(6);
  });

  it('is narrowed by user, action, result, object, request, address and time', async () => {
    const image = await makeImage(admin, { reference: 'default/found:1' });
    const made = await newest();
    expect(await errorCode(mia, DELETE_IMAGE, { input: { id: image.id } })).toBe('FORBIDDEN');
    const forbidden = await newest();
    await deleteImage(admin, { id: image.id });
    const deleted = await newest();

    const objectId = image.id;
    expect(await events({ objectId })).toEqual([deleted, forbidden, made]);
    // The same id, as some libraries print it.
    expect(await events({ objectId: `${objectId}==` })).toHaveLength(3);
    expect(await events({ objectId, userName: 'mia' })).toEqual([forbidden]);
    expect(await events({ objectId, action: 'deleteImage' })).toEqual([deleted, forbidden]);
    expect(await events({ objectId, result: ['FORBIDDEN', 'FAILED'] })).toEqual([forbidden]);
    expect(await events({ requestId: made.requestId })).toEqual([made]);
    expect(await events({ objectId, address: made.address })).toHaveLength(3);
    expect(await events({ objectId, address: '192.0.2.1' })).toEqual([]);
    expect(await events({ objectId, since: forbidden.at })).toEqual([deleted, forbidden]);
    expect(await events({ objectId, until: forbidden.at })).toEqual([made]);
    expect(await events({ userName: 'nobody' })).toEqual([]);
    expect(await errorCode(admin, EVENTS, { filter: { objectId: 'no id' } })).toBe('BAD_USER_INPUT');
  });

  it('keeps the name of who is gone', async () => {
    const gone = await slipway.user('gone');
    await gone.run('mutation { createAccessToken(input: { name: "last" }) { token } }');
    await slipway.database.query("delete from user_account where name = 'gone'");
    expect(await newest()).toMatchObject({ userName: 'gone', user: null });
  });
});

describe('among 50,000 events', () => {
  const IMAGE = globalId('Image', '00000000-0000-4000-8000-000000000777');

  beforeAll(async () => {
    const { database } = slipway;
    await database.query(
      `insert into audit_event (id, at, user_id, user_name, credential, action, input_ids, address, request_id)
        select gen_random_uuid(), now() - i * interval '1 minute', u.id, u.name, 'ACCESS_TOKEN', 'updateImage',
          array[replace(translate(encode(convert_to('Image:00000000-0000-4000-8000-' || lpad((i % 5000)::text, 12, '0'), 'UTF8'),
            'base64'), '+/=', '-_'), e'\\n', '')], '192.0.2.7', 'request-' || i
        from generate_series(1, 50000) i join user_account u on u.name = case when i % 100 = 0 then 'mia' else 'admin' end`,
    );
    await database.query(
      `insert into audit_outcome (event_id, at, result, codes, object_ids)
        select id, at, 'DONE', '{}', input_ids from audit_event where request_id like 'request-%'`,
    );
    await database.query('vacuum analyze audit_event, audit_outcome, user_account');
  }, 60_000);

  async function indexesOf(
    variables: Record<string, unknown>,
  ): Promise<{ scanned: (string | undefined)[]; indexes: string[] }> {
    const statements = await slipway.statementsOf(() =>
      admin.run(EVENTS.replace('totalCount', '').replace('user { name }', ''), variables),
    );
    const statement = statements.find(({ text }) => text.includes('audit_event')) ?? { text: '', values: [] };
    const nodes = await planStepsOf(slipway.database, statement);
    return {
      scanned: nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']),
      indexes: nodes.flatMap((node) => node['Index Name'] ?? []),
    };
  }

  it.each([
    ['the newest', {}, ['audit_event_at']],
    [
      'a time',
      { filter: { since: '2020-01-01T00:00:00Z', until: '2030-01-01T00:00:00Z' } },
      ['audit_event_at'],
    ],
    ['a user', { filter: { userName: 'mia' } }, ['audit_event_user']],
    [
      'a user and a time',
      { filter: { userName: 'mia', since: '2020-01-01T00:00:00Z' } },
      ['audit_event_user'],
    ],
    ['an action', { filter: { action: 'updateImage' } }, ['audit_event_at']],
    ['a result', { filter: { result: ['DONE'] } }, ['audit_event_at', 'audit_outcome_pkey']],
    ['an object', { filter: { objectId: IMAGE } }, ['audit_event_input_ids', 'audit_outcome_object_ids']],
  ])('%s is looked up in an index', async (_what, variables, expected) => {
    const { scanned, indexes } = await indexesOf(variables);
    expect(indexes).toEqual(expect.arrayContaining(expected));
    // Of a few users all are read.
    expect(scanned.filter((table) => table !== 'user_account')).toEqual([]);
  });

  it('an object has those that named it', async () => {
    const { totalCount, nodes } = await page({ filter: { objectId: IMAGE } });
    expect([totalCount, nodes.length]).toEqual([10, 10]);
  });
});

describe('the cost', () => {
  it('is two statements for a mutation', async () => {
    const statements = await slipway.statementsOf(() => deleteImage(admin, { id: globalId('Image') }));
    expect(statements.filter(({ text }) => text.includes('audit_'))).toHaveLength(2);
  });
});
