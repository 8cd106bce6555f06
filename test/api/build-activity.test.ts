import { createClient } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { makeScope, setRole } from '../support/scopes.ts';
import { until } from '../support/until.ts';

interface Activity {
  readonly version: number;
  readonly at: string;
  readonly build: { readonly id: string; readonly status: string; readonly version: number };
}

let slipway: TestApp;
let following: Following[] = [];
beforeAll(async () => {
  slipway = await createTestApp({ env: { SLIPWAY_BUILD_SLOTS: '8' } });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
afterEach(async () => {
  await Promise.all(following.map(async ({ leave }) => await leave()));
  following = [];
});

interface Following {
  /** What has come so far. */
  readonly events: Activity[];
  readonly ended: Promise<unknown>;
  leave(): Promise<void>;
  of(buildId: string): Activity[];
}

const openSocket = ({ token }: ApiClient, { url } = slipway) =>
  createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });

/** Follows the activity, over a socket of its own where none is given; it can be left while nothing comes. */
function follow(
  client: ApiClient,
  filter: Record<string, unknown> = {},
  socket = openSocket(client),
): Following {
  const events: Activity[] = [];
  const ended = new Promise<unknown>((resolve) => {
    socket.subscribe<{ imageBuildActivity: Activity }>(
      {
        query: `subscription ($workspaceId: ID, $namespace: String) {
          imageBuildActivity(workspaceId: $workspaceId, namespace: $namespace) {
            version at build { id status version }
          }
        }`,
        variables: filter,
      },
      {
        next: ({ data, errors }) => {
          if (errors) resolve(errors[0]);
          else if (data) events.push(data.imageBuildActivity);
        },
        error: (error) => resolve(Array.isArray(error) ? error[0] : error),
        complete: () => resolve(null),
      },
    );
  });
  const followed: Following = {
    events,
    ended,
    of: (buildId) => events.filter((event) => event.build.id === buildId),
    leave: async () => await socket.dispose(),
  };
  following.push(followed);
  return followed;
}

const build = async (namespace: string, tag: string, client = slipway.admin) =>
  await startBuild(client, {
    dockerfile: 'FROM scratch\n',
    reference: `${slipway.engine.registry.host}/${namespace}/made:${tag}`,
  });

/** Waits for a build's end to have come. */
const endOf = async (followed: Following, buildId: string) =>
  await until('the end of the build to come', () =>
    followed.of(buildId).some(({ build: { status } }) => status === 'SUCCEEDED'),
  );

/** Waits until the subscription is there: what is queued from then on must come. */
async function isThere(followed: Following, namespace = 'default'): Promise<void> {
  const { id } = await build(namespace, `there-${Math.random().toString(36).slice(2)}`);
  await endOf(followed, id);
}

describe('the activity of all builds', () => {
  it('is every version of every build, as it was then, in order', async () => {
    const followed = follow(slipway.admin);
    const { id } = await build('default', 'one');
    await endOf(followed, id);
    const events = followed.of(id);
    const { version } = await finished(slipway.admin, id);
    expect(events.map((event) => event.version)).toEqual(Array.from({ length: version }, (_, n) => n + 1));
    expect(events.map((event) => event.build.version)).toEqual(events.map((event) => event.version));
    expect(events[0]?.build.status).toBe('QUEUED');
    expect(events.some((event) => event.build.status === 'RUNNING')).toBe(true);
  });

  it('is whole where 50 builds run at once, asked for at two API processes', async () => {
    const { database, engine } = slipway;
    await using second = await createTestApp({ database, engine, worker: false });
    const here = follow(slipway.admin);
    const there = follow(second.admin, {}, openSocket(second.admin, second));
    const builds = await Promise.all(
      Array.from({ length: 50 }, async (_, n) =>
        n % 2 === 0 ? await build('many', `${n}`) : await build('many', `${n}`, second.admin),
      ),
    );
    const ended = await Promise.all(builds.map(async ({ id }) => await finished(slipway.admin, id)));
    for (const followed of [here, there]) {
      for (const { id, version } of ended) {
        await endOf(followed, id);
        expect(followed.of(id).map((event) => event.version)).toEqual(
          Array.from({ length: version }, (_, n) => n + 1),
        );
      }
    }
    await there.leave();
  }, 60_000);

  it('begins with what happened seconds before, so that nothing falls between it and a query', async () => {
    const { id } = await build('default', 'before');
    await finished(slipway.admin, id);
    const followed = follow(slipway.admin);
    await endOf(followed, id);
    const another = follow(slipway.admin);
    await endOf(another, id);
  });

  it('takes a filter by workspace and by namespace, also one that comes later', async () => {
    const { workspace } = await slipway.admin.run<{ workspace: { id: string } }>(
      '{ workspace(name: "default") { id } }',
    );
    const empty = await makeScope(slipway.admin, 'workspace', { name: 'empty' });
    const all = follow(slipway.admin);
    const later = follow(slipway.admin, { namespace: 'later' });
    const inDefault = follow(slipway.admin, { workspaceId: workspace.id, namespace: 'default' });
    const inEmpty = follow(slipway.admin, { workspaceId: empty.id });
    const notOne = follow(slipway.admin, { workspaceId: (await build('default', 'id')).id });
    const a = await build('later', 'filtered');
    const b = await build('default', 'filtered');
    await endOf(all, a.id);
    await endOf(all, b.id);
    await endOf(later, a.id);
    await endOf(inDefault, b.id);
    expect(later.of(b.id)).toEqual([]);
    expect(inDefault.of(a.id)).toEqual([]);
    expect(inEmpty.events).toEqual([]);
    expect(notOne.events).toEqual([]);
  });

  it('refuses an id that is none', async () => {
    const error = await follow(slipway.admin, { workspaceId: 'nonsense' }).ended;
    expect(error).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
  });
});

describe('whose builds they are', () => {
  it('shows nobody a build that they may not see, and follows their rights while it runs', async () => {
    const secret = await makeScope(slipway.admin, 'namespace', { name: 'secret' });
    const elsewhere = await makeScope(slipway.admin, 'workspace', { name: 'elsewhere' });
    const buildSecret = async (tag: string) => {
      const { buildImage } = await slipway.admin.run<{ buildImage: { build: { id: string } } }>(
        'mutation ($input: BuildImageInput!) { buildImage(input: $input) { build { id } userErrors { message } } }',
        {
          input: {
            workspaceId: elsewhere.id,
            image: { name: 'made', reference: `${slipway.engine.registry.host}/secret/made:${tag}` },
            buildConfig: { dockerfile: 'FROM scratch\n' },
          },
        },
      );
      return buildImage.build.id;
    };
    const alice = await slipway.user('alice', { namespace: 'VIEWER' });
    const bob = await slipway.user('bob');
    await setRole(slipway.admin, 'namespace', secret.id, 'bob', 'VIEWER');
    const ofAlice = follow(alice);
    const ofBob = follow(bob);
    const open = await build('default', 'open');
    const hidden = await buildSecret('1');
    await endOf(ofAlice, open.id);
    await endOf(ofBob, hidden);
    expect(ofAlice.of(hidden)).toEqual([]);
    expect(ofBob.of(open.id)).toEqual([]);

    await setRole(slipway.admin, 'namespace', secret.id, 'alice', 'VIEWER');
    await setRole(slipway.admin, 'namespace', secret.id, 'bob', null);
    let n = 1;
    const isSeen = async (followed: Following) => {
      n += 1;
      const id = await buildSecret(`${n}`);
      await finished(slipway.admin, id);
      await isThere(allSeen);
      return followed.of(id).length > 0;
    };
    const allSeen = follow(slipway.admin);
    await until('alice to see the builds', async () => await isSeen(ofAlice));
    await until('bob to see them no more', async () => !(await isSeen(ofBob)));
  }, 60_000);

  it('ends with UNAUTHENTICATED when the token is taken away', async () => {
    const carol = await slipway.user('carol', { namespace: 'VIEWER' });
    const ofCarol = follow(carol);
    await isThere(ofCarol);
    await slipway.database.query(
      "delete from access_token where user_id = (select id from user_account where name = 'carol')",
    );
    expect(await ofCarol.ended).toMatchObject({ extensions: { code: 'UNAUTHENTICATED' } });
  });
});

describe('what it costs', () => {
  const reads = async (run: () => Promise<unknown>) => {
    const statements = await slipway.statementsOf(run);
    const count = (part: string) => statements.filter(({ text }) => text.includes(part)).length;
    return { looks: count('order by event.at'), changes: count('from unnest') };
  };
  let builds = 0;
  const quietBuild = async () => {
    builds += 1;
    const { id } = await build('default', `quiet-${builds}`);
    await finished(slipway.admin, id);
  };

  it('is one reader for 500 subscribers, and none when the last has left', async () => {
    const sockets = Array.from({ length: 10 }, () => openSocket(slipway.admin));
    const all = sockets.flatMap((socket) =>
      Array.from({ length: 50 }, () => follow(slipway.admin, {}, socket)),
    );
    const { looks, changes } = await reads(async () => {
      const { id } = await build('default', 'costly');
      const { version } = await finished(slipway.admin, id);
      await until('everybody to have got them', () => all.every(({ of }) => of(id).length === version));
    });
    // It looks a few times a second, and every second or two where nothing happens.
    expect(looks).toBeLessThan(40);
    expect(changes).toBeLessThanOrEqual(looks);
    await Promise.all(all.map(async ({ leave }) => await leave()));
    await until('nobody to look', async () => (await reads(quietBuild)).looks === 0, 5000);
    expect(await reads(quietBuild)).toEqual({ looks: 0, changes: 0 });
  }, 60_000);

  it('is notices only for a client that takes nothing, and no Dockerfile for one that asks for none', async () => {
    const { id } = await build('default', 'untaken');
    const stop = new AbortController();
    const changes = slipway.app.services.buildActivity.follow(() => true, stop.signal);
    await changes.next();
    const busy = follow(slipway.admin, { namespace: 'no-such' });
    const whole = await slipway.statementsOf(async () => {
      await finished(slipway.admin, id);
      for (let n = 0; n < 3; n += 1) await quietBuild();
      await until('the reader to look', async () => (await reads(quietBuild)).looks > 0);
    });
    const texts = whole.map(({ text }) => text);
    expect(texts.filter((text) => text.includes('from unnest')).length).toBeLessThanOrEqual(1);
    // Of each of the builds once, by the worker.
    const dockerfiles = texts.filter((text) => text.startsWith('select') && text.includes('dockerfile'));
    expect(new Set(dockerfiles).size).toBeLessThanOrEqual(1);
    const taken: string[] = [];
    const taking = (async () => {
      for await (const { build: of, version } of changes) taken.push(`${of.id} ${version}`);
    })();
    await until('the client to take them', () => taken.length > 10);
    stop.abort();
    await taking;
    await busy.leave();
  });

  it('asks again whether the viewer may see a change when that is taken', async () => {
    let allowed = true;
    const stop = new AbortController();
    const changes = slipway.app.services.buildActivity.follow(() => allowed, stop.signal);
    await quietBuild();
    await changes.next();
    allowed = false;
    const next = changes.next();
    await quietBuild();
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('is nothing any more as soon as the client has closed its socket, also while nothing comes', async () => {
    const idle = follow(slipway.admin, { namespace: 'nothing-is-built-here' });
    const busy = follow(slipway.admin);
    await isThere(busy);
    await Promise.all([idle.leave(), busy.leave()]);
    await until('nobody to look', async () => (await reads(quietBuild)).looks === 0, 5000);
  });
});
