import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { logEvent, stepEvent } from '../support/fake-engine.ts';
import { init, openSignedIn, openSocket, type RawSocket, subscribe } from '../support/raw-socket.ts';
import { makeScope, missingId, setRole } from '../support/scopes.ts';
import { gate, until } from '../support/until.ts';

const ACTIVITY =
  'subscription ($workspaceId: ID) { imageBuildActivity(workspaceId: $workspaceId) { build { id } } }';
const STATUS = 'subscription ($id: ID!) { imageBuildStatus(buildId: $id) { version } }';
const LOGS =
  'subscription ($id: ID!) { imageBuildLogs(buildId: $id) { ... on ImageBuildLogLines { lines { text } } } }';
const REVOKE = 'mutation ($id: ID!) { revokeAccessToken(input: { id: $id }) { userErrors { message } } }';
const MISSING_BUILD = Buffer.from('ImageBuild:11111111-2222-4333-8444-555555555555').toString('base64url');

let slipway: TestApp;
let stop = gate();
let names = 0;
beforeAll(async () => {
  slipway = await createTestApp({ env: { SLIPWAY_BUILD_SLOTS: '8' } });
});
beforeEach(() => {
  slipway.engine.onBuild(async function* () {
    yield stepEvent({ number: 1, name: 'RUN wait' });
    yield logEvent(1, 'begun\n');
    await stop.opened;
    yield { kind: 'result', imageId: 'sha256:1' };
  });
});
afterEach(() => {
  stop.open();
  stop = gate();
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const newName = (prefix: string) => {
  names += 1;
  return `${prefix}-${names}`;
};

/** A build that prints a line and then waits. */
const runningBuild = async () =>
  await startBuild(slipway.admin, { dockerfile: 'FROM scratch\nRUN x\n', name: newName('held') });

const signedIn = async ({ token }: ApiClient): Promise<RawSocket> => await openSignedIn(slipway.url, token);

describe('a socket that breaks the protocol', () => {
  let mallory: ApiClient;
  beforeAll(async () => {
    mallory = await slipway.user('mallory');
  });

  it('is not opened for a page of another origin', async () => {
    await expect(openSocket(slipway.url, { headers: { origin: 'https://evil.example' } })).rejects.toThrow(
      '403',
    );
  });

  it.each<[string, number, (socket: RawSocket) => void]>([
    ['subscribes before its init', 4401, ({ send }) => send(subscribe('1', '{ viewer { user { id } } }'))],
    ['sends no init for 3 s', 4408, () => undefined],
    ['sends a second init', 4429, ({ send }) => send(init(mallory.token), init(mallory.token))],
    ['sends 2 MB', 1009, ({ send }) => send('x'.repeat(2_000_000))],
    ['signs in with nothing', 4401, ({ send }) => send({ type: 'connection_init' })],
    ['signs in with a guess', 4403, ({ send }) => send(init('slw_guess'))],
  ])('is closed when it %s', async (_case, code, attack) => {
    const socket = await openSocket(slipway.url);
    attack(socket);
    expect((await socket.closed).code).toBe(code);
  });

  it('is closed without a sub-protocol', async () => {
    expect((await (await openSocket(slipway.url, { protocols: [] })).closed).code).toBe(4406);
  });

  it('is closed for an id that is in use', async () => {
    const socket = await signedIn(mallory);
    socket.send(subscribe('1', ACTIVITY), subscribe('1', ACTIVITY));
    expect((await socket.closed).code).toBe(4409);
  });

  it('runs a hundred of a thousand operations, and harms none of them', async () => {
    const socket = await signedIn(mallory);
    for (let i = 0; i < 1000; i += 1) socket.send(subscribe(`${i}`, ACTIVITY));
    const refused = () => socket.messages.filter(({ type }) => type === 'error');
    await until('900 to be refused', () => refused().length === 900);
    for (const { payload } of refused())
      expect(payload).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    expect(socket.socket.readyState).toBe(socket.socket.OPEN);
    socket.socket.close();
  });

  it('is one of a hundred of its viewer, however many are opened; others come in meanwhile', async () => {
    const opened = await Promise.all(Array.from({ length: 120 }, () => openSocket(slipway.url)));
    const codes: number[] = [];
    for (const { send, closed } of opened) {
      send(init(mallory.token));
      void closed.then(({ code }) => codes.push(code));
    }
    const letIn = () => opened.filter(({ messages }) => messages.length > 0).length;
    await until('all to be answered', () => letIn() + codes.length === 120);
    expect(letIn()).toBeLessThanOrEqual(100);
    expect(codes.every((code) => code === 1013)).toBe(true);
    const other = await signedIn(slipway.admin);
    other.send(subscribe('1', '{ viewer { user { id } } }'));
    await other.received('next', '1');
    for (const { socket } of [...opened, other]) socket.close();
    await Promise.all(opened.map(async ({ closed }) => await closed));
  });

  it('that floods is closed, and others are answered meanwhile', async () => {
    const other = await signedIn(slipway.admin);
    const flooding = await signedIn(await slipway.user(newName('flooder')));
    for (let i = 0; i < 20_000; i += 1) flooding.send('{"type":"ping"}');
    other.send(subscribe('1', '{ viewer { user { id } } }'));
    await other.received('next', '1');
    expect((await flooding.closed).code).toBe(1008);
    other.socket.close();
  });
});

describe('an id of another tenant', () => {
  it.each([
    ['status', STATUS],
    ['logs', LOGS],
  ])('is answered word for word like a missing one: %s', async (_case, query) => {
    const stranger = await slipway.user(newName('stranger'));
    const { id } = await runningBuild();
    const socket = await signedIn(stranger);
    socket.send(subscribe('theirs', query, { id }), subscribe('missing', query, { id: MISSING_BUILD }));
    const answers = await Promise.all(
      ['theirs', 'missing'].map(async (of) => await socket.received('next', of)),
    );
    const [theirs, missing] = answers.map(({ payload }) => payload);
    expect(theirs).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
    expect(theirs).toEqual(missing);
    expect(socket.socket.readyState).toBe(socket.socket.OPEN);
    socket.socket.close();
  });

  it('shows as little activity as a missing one', async () => {
    const stranger = await slipway.user(newName('stranger'));
    const theirs = await makeScope(slipway.admin, 'workspace', { name: newName('theirs') });
    const [socket, admin] = [await signedIn(stranger), await signedIn(slipway.admin)];
    const workspaces = { theirs: theirs.id, missing: missingId('workspace') };
    for (const [id, workspaceId] of Object.entries(workspaces)) {
      socket.send(subscribe(id, ACTIVITY, { workspaceId }));
    }
    admin.send(subscribe('all', ACTIVITY));
    await runningBuild();
    await admin.received('next', 'all');
    socket.send({ type: 'ping' });
    await socket.received('pong');
    expect(socket.messages.map(({ type }) => type)).toEqual(['connection_ack', 'pong']);
    for (const { socket: open } of [socket, admin]) open.close();
  });
});

describe('a subscription that selects much', () => {
  const repeat = (count: number, part: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => part(n)).join(' ');

  it('is refused where an event would cost more than 1,000', async () => {
    const socket = await signedIn(slipway.admin);
    const selected = repeat(90, (n) => `t${n}: namespace { images(first: 1) { totalCount } }`);
    socket.send(subscribe('1', `subscription { imageBuildActivity { build { ${selected} } } }`));
    expect((await socket.received('error', '1')).payload).toMatchObject([
      { extensions: { code: 'QUERY_TOO_COSTLY', details: { limit: 1000 } } },
    ]);
    socket.socket.close();
  });

  it('pays for each event, and ends when nothing is left; one that shows what its events have goes on', async () => {
    const api = await createTestApp({
      database: slipway.database,
      engine: slipway.engine,
      worker: false,
      env: { SLIPWAY_RATE_LIMIT: '60000' },
    });
    const modestOne = await api.user(newName('modest'), { namespace: 'VIEWER' });
    const steps: (() => void)[] = [];
    slipway.engine.onBuild(async function* () {
      for (let number = 1; number <= 500; number += 1) {
        await new Promise<void>((resolve) => steps.push(resolve));
        yield stepEvent({ number, name: `RUN ${number}` });
      }
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const { id } = await runningBuild();
    const greedy = await openSignedIn(api.url, api.admin.token);
    const modest = await openSignedIn(api.url, modestOne.token);
    const selected = repeat(80, (n) => `t${n}: namespace { images(first: 9) { nodes { id } } }`);
    const query = `subscription ($id: ID!) { imageBuildStatus(buildId: $id) { version build { ${selected} } } }`;
    for (let n = 0; n < 9; n += 1) greedy.send(subscribe(`${n}`, query, { id }));
    modest.send(subscribe('1', STATUS, { id }));
    const ended = () => greedy.messages.filter(({ type }) => type === 'error');
    await until('all to be cut off', () => {
      steps.pop()?.();
      return ended().length === 9;
    });
    for (const { payload } of ended())
      expect(payload).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    expect(greedy.socket.readyState).toBe(greedy.socket.OPEN);
    await slipway.admin.run('mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { id } } }', {
      id,
    });
    await modest.received('complete', '1');
    expect(modest.messages.filter(({ type }) => type === 'error')).toEqual([]);
    for (const { socket } of [greedy, modest]) socket.close();
    await api[Symbol.asyncDispose]();
  }, 30_000);
});

const showing = (viewerRole: string | null) => ({
  payload: { data: { imageBuildStatus: { build: { namespace: { viewerRole } } } } },
});

describe('rights that end while something streams', () => {
  /** Follows a running build in every way, each over a socket of its own. */
  async function followed(client: ApiClient, buildId: string): Promise<RawSocket[]> {
    return await Promise.all(
      [STATUS, LOGS, ACTIVITY].map(async (query) => {
        const socket = await signedIn(client);
        socket.send(subscribe('1', query, { id: buildId }));
        if (query !== ACTIVITY) await socket.received('next', '1');
        return socket;
      }),
    );
  }

  const idOf = async (client: ApiClient) =>
    (await client.run<{ viewer: { user: { id: string } } }>('{ viewer { user { id } } }')).viewer.user.id;
  const uidOf = async (client: ApiClient) =>
    Buffer.from(await idOf(client), 'base64url')
      .toString()
      .split(':')[1];

  const endings: [string, string[], (client: ApiClient, name: string) => Promise<unknown>][] = [
    [
      'a role that is taken away',
      ['NOT_FOUND', 'NOT_FOUND', 'FORBIDDEN'],
      async (client, name) => {
        const { namespace } = await client.run<{ namespace: { id: string } }>(
          '{ namespace(name: "default") { id } }',
        );
        await setRole(slipway.admin, 'namespace', namespace.id, name, null);
      },
    ],
    [
      'a token that is revoked',
      ['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
      async (client) => {
        const { viewer } = await client.run<{ viewer: { accessTokens: { id: string }[] } }>(
          '{ viewer { accessTokens { id } } }',
        );
        await client.run(REVOKE, { id: viewer.accessTokens[0]?.id });
      },
    ],
    [
      'a token that expires',
      ['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
      async (client) =>
        await slipway.database.query('update access_token set expires_at = now() where user_id = $1', [
          await uidOf(client),
        ]),
    ],
    [
      'a user who is deactivated',
      ['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED'],
      async (client) =>
        await slipway.database.query('update user_account set deactivated_at = now() where id = $1', [
          await uidOf(client),
        ]),
    ],
  ];

  it.each(endings)(
    'end every subscription with its error, and the socket with 4403, within 5 s: %s; others go on',
    async (_case, codes, end) => {
      const [name, otherName] = [newName('leaver'), newName('stayer')];
      const leaver = await slipway.user(name, { namespace: 'VIEWER' });
      const stayer = await slipway.user(otherName, { namespace: 'VIEWER' });
      const { id } = await runningBuild();
      const sockets = await followed(leaver, id);
      const others = await followed(stayer, id);
      await end(leaver, name);
      const since = performance.now();
      expect(
        (await Promise.all(sockets.map(async ({ closed }) => await closed))).map(({ code }) => code),
      ).toEqual([4403, 4403, 4403]);
      expect(performance.now() - since).toBeLessThan(5000);
      for (const [i, socket] of sockets.entries()) {
        expect(socket.messages.at(-1)).toMatchObject({
          type: 'error',
          id: '1',
          payload: [{ extensions: { code: codes[i] } }],
        });
      }
      stop.open();
      const [status, logs, activity] = others as [RawSocket, RawSocket, RawSocket];
      await Promise.all([status.received('complete', '1'), logs.received('complete', '1')]);
      await activity.received('next', '1');
      for (const { socket } of others) socket.close();
    },
    30_000,
  );

  it('show no more than is left where the stream itself goes on', async () => {
    const name = newName('half');
    const half = await slipway.user(name, { namespace: 'VIEWER', workspace: 'VIEWER' });
    const { namespace } = await half.run<{ namespace: { id: string } }>(
      '{ namespace(name: "default") { id } }',
    );
    const steps: (() => void)[] = [];
    slipway.engine.onBuild(async function* () {
      for (let number = 1; number <= 5000; number += 1) {
        await new Promise<void>((resolve) => steps.push(resolve));
        yield stepEvent({ number, name: `RUN ${number}` });
      }
      yield { kind: 'result', imageId: 'sha256:1' };
    });
    const { id } = await runningBuild();
    const socket = await signedIn(half);
    const query =
      'subscription ($id: ID!) { imageBuildStatus(buildId: $id) { build { namespace { viewerRole } } } }';
    socket.send(subscribe('1', query, { id }));
    expect(await socket.received('next', '1')).toMatchObject(showing('VIEWER'));
    await setRole(slipway.admin, 'namespace', namespace.id, name, null);
    await until('the role to be shown no more', async () => {
      steps.pop()?.();
      return (
        JSON.stringify(socket.messages.at(-1)) === JSON.stringify({ id: '1', type: 'next', ...showing(null) })
      );
    });
    await slipway.admin.run('mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { build { id } } }', {
      id,
    });
    await socket.received('complete', '1');
    socket.socket.close();
  }, 20_000);

  it('cost one look-up of a token in a while, however many subscriptions it has', async () => {
    const follower = await slipway.user(newName('follower'), { namespace: 'VIEWER' });
    const { id } = await runningBuild();
    const sockets = await Promise.all([1, 2, 3, 4].map(() => signedIn(follower)));
    for (const { send } of sockets) for (let i = 0; i < 50; i += 1) send(subscribe(`${i}`, STATUS, { id }));
    await Promise.all(sockets.map(async ({ received }) => await received('next', '49')));
    const uid = await uidOf(follower);
    const statements = await slipway.statementsOf(async () => {
      await slipway.database.query('delete from access_token where user_id = $1', [uid]);
      await Promise.all(sockets.map(async ({ closed }) => await closed));
    });
    // 200 subscriptions, each of which asks every 2.5 s.
    expect(statements.filter(({ text }) => text.includes('access_token')).length).toBeLessThan(10);
  }, 20_000);
});
