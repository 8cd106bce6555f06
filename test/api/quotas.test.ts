import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/engine/container-engine.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { BUILD_FIELDS, type BuildFacts, type BuildPayload, finished } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { digestOf } from '../support/fake-engine.ts';
import {
  codes,
  deleteImage,
  makeImage,
  purgeImage,
  readImage,
  registerImage,
  restoreImage,
  updateImage,
} from '../support/images.ts';
import { addNotebook, saveNotebook } from '../support/notebooks.ts';
import {
  makeScope,
  readScope,
  SCOPE_KINDS,
  type ScopeKind,
  setQuota,
  setRole,
  updateScope,
  usedOf,
} from '../support/scopes.ts';
import { gate, until } from '../support/until.ts';

/** What the engine in memory pushes: a layer of 1024 bytes and its configuration. */
const PUSHED_BYTES = 1536;

let slipway: TestApp;
let admin: ApiClient;
let host: string;
let serial = 0;

beforeAll(async () => {
  slipway = await createTestApp();
  admin = slipway.admin;
  host = slipway.engine.registry.host;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());
afterEach(() => {
  slipway.engine.onBuild(null);
  slipway.engine.onPush(null);
  slipway.engine.onCommit(null);
});

interface Stage {
  readonly namespace: string;
  readonly workspace: string;
  readonly ids: Readonly<Record<ScopeKind, string>>;
  readonly nameOf: (kind: ScopeKind) => string;
  /** Images, bytes and unfinished builds; of the namespace and of the workspace alike. */
  readonly used: () => Promise<[number, number, number]>;
}

/** A namespace and a workspace of a test's own. */
async function stage(): Promise<Stage> {
  serial += 1;
  const [namespace, workspace] = [`space${serial}`, `work${serial}`];
  const ids = {
    namespace: (await makeScope(admin, 'namespace', { name: namespace })).id,
    workspace: (await makeScope(admin, 'workspace', { name: workspace })).id,
  };
  return {
    namespace,
    workspace,
    ids,
    nameOf: (kind) => (kind === 'namespace' ? namespace : workspace),
    async used() {
      const used = await usedOf(admin, 'namespace', namespace);
      expect(await usedOf(admin, 'workspace', workspace)).toEqual(used);
      return used;
    },
  };
}

interface BuildOptions {
  readonly overwriteTag?: boolean;
  readonly validateOnly?: boolean;
  readonly description?: string;
  readonly workspaceId?: string;
}

async function build(
  { namespace, ids }: Stage,
  name: string,
  { description, ...options }: BuildOptions = {},
): Promise<BuildPayload> {
  const input = {
    workspaceId: ids.workspace,
    image: { namespace, name, ...(description === undefined ? {} : { description }) },
    buildConfig: { dockerfile: `FROM scratch\nLABEL name=${namespace}-${name}\n` },
    ...options,
  };
  const { buildImage } = await admin.run<{ buildImage: BuildPayload }>(
    `mutation ($input: BuildImageInput!) {
      buildImage(input: $input) { build { ${BUILD_FIELDS} } warnings userErrors { code message path details } }
    }`,
    { input },
  );
  return buildImage;
}

/** A build that was accepted, as it ended. */
async function done(payload: Promise<BuildPayload>): Promise<BuildFacts> {
  const { build: accepted, userErrors } = await payload;
  if (accepted === null) throw new Error(JSON.stringify(userErrors));
  return await finished(admin, accepted.id);
}

async function save(
  { namespace, workspace, ids }: Stage,
  name: string,
  options: Record<string, unknown> = {},
) {
  const notebook = addNotebook(slipway.engine, { workspace });
  const input = { notebookId: notebook.id, workspaceId: ids.workspace, namespace, name, ...options };
  return await saveNotebook(admin, input);
}

function registration({ namespace, ids }: Stage, name: string, repository = `elsewhere/${name}`) {
  return { reference: `${repository}:latest`, namespace, name, workspaceId: ids.workspace };
}

async function register(at: Stage, name: string, repository?: string) {
  return await makeImage(admin, registration(at, name, repository));
}

async function purge(id: string): Promise<void> {
  expect((await purgeImage(admin, { id })).userErrors).toEqual([]);
}

const uidOf = (id: string) => Buffer.from(id, 'base64url').toString().split(':')[1] as string;

/** Holds every build until the gate is opened, or it is cancelled. */
function holdBuilds() {
  const held = gate();
  slipway.engine.onBuild(async function* (request, { signal }) {
    await Promise.race([held.opened, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    signal.throwIfAborted();
    yield { kind: 'result', imageId: `sha256:${request.dockerfile.length}-${serial}` };
  });
  return held;
}

async function cancel(buildId: string): Promise<void> {
  const query = 'mutation ($id: ID!) { cancelImageBuild(input: { id: $id }) { userErrors { message } } }';
  await admin.run(query, { id: buildId });
}

async function waiting(): Promise<number> {
  const [row] = await slipway.database.query<{ count: number }>(
    "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return row?.count ?? 0;
}

/** Runs `run` while `statement` holds what it locks, and ends that when something waits for it. */
async function whileLocked<T>(statement: string, values: unknown[], run: () => Promise<T>): Promise<T> {
  const holder = new pg.Client({ connectionString: slipway.database.url });
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query(statement, values);
    const running = run();
    await until('somebody to wait', async () => (await waiting()) > 0);
    await holder.query('commit');
    return await running;
  } finally {
    await holder.end();
  }
}

describe('what is used', () => {
  it('is 0 of no limit where nothing is', async () => {
    const at = await stage();
    const none = { limit: null, used: 0 };
    for (const kind of SCOPE_KINDS) {
      expect((await readScope(admin, kind, at.nameOf(kind)))?.quota).toEqual({
        images: none,
        storageBytes: none,
        concurrentBuilds: none,
      });
    }
  });

  it('counts an image of another registry without its size, and one that was built with it', async () => {
    const at = await stage();
    const elsewhere = await register(at, 'elsewhere');
    await slipway.database.query('update image set size_bytes = 5000 where id = $1', [elsewhere.uid]);
    expect(await at.used()).toEqual([1, 0, 0]);
    expect((await done(build(at, 'built'))).status).toBe('SUCCEEDED');
    expect(await at.used()).toEqual([2, PUSHED_BYTES, 0]);
  });

  it('falls by an image when it is deleted, and by its storage when it is purged', async () => {
    const at = await stage();
    const { image } = await done(build(at, 'built'));
    const id = image?.id as string;
    await deleteImage(admin, { id });
    expect(await at.used()).toEqual([0, PUSHED_BYTES, 0]);
    await purge(id);
    expect(await at.used()).toEqual([0, 0, 0]);
  });

  it('counts a build until it has ended, however it ends', async () => {
    const at = await stage();
    const held = holdBuilds();
    const first = await build(at, 'first');
    const second = await build(at, 'second');
    await until('both to run', () => slipway.engine.running === 2);
    expect(await at.used()).toEqual([0, 0, 2]);
    await cancel(first.build?.id as string);
    expect((await finished(admin, first.build?.id as string)).status).toBe('CANCELED');
    expect(await at.used()).toEqual([0, 0, 1]);
    held.open();
    await finished(admin, second.build?.id as string);
    expect(await at.used()).toEqual([1, PUSHED_BYTES, 0]);
    slipway.engine.onBuild(async function* () {
      yield* [];
      throw new EngineError('DISK_FULL', 'no space left on device');
    });
    expect((await done(build(at, 'third'))).status).toBe('FAILED');
    expect(await at.used()).toEqual([1, PUSHED_BYTES, 0]);
  });

  it('counts a saved notebook from the start, and no more once that has failed or was cancelled', async () => {
    const at = await stage();
    const held = gate();
    slipway.engine.onCommit(async () => {
      await held.opened;
      throw new EngineError('DISK_FULL', 'no space left on device');
    });
    const saved = await save(at, 'saved');
    expect(await at.used()).toEqual([1, 0, 1]);
    held.open();
    expect((await finished(admin, saved.build?.id as string)).status).toBe('FAILED');
    expect(await at.used()).toEqual([0, 0, 0]);
    const never = gate();
    slipway.engine.onCommit(async () => await never.opened);
    const canceled = await save(at, 'canceled');
    await cancel(canceled.build?.id as string);
    never.open();
    expect((await finished(admin, canceled.build?.id as string)).status).toBe('CANCELED');
    expect(await at.used()).toEqual([0, 0, 0]);
  });

  it('counts an image that replaces another one instead of it, and the storage of both until a purge', async () => {
    const at = await stage();
    const first = await done(build(at, 'same'));
    const again = await done(build(at, 'same', { overwriteTag: true }));
    expect(again.status).toBe('SUCCEEDED');
    expect(await at.used()).toEqual([1, 2 * PUSHED_BYTES, 0]);
    const held = gate();
    slipway.engine.onCommit(async () => await held.opened);
    const saved = await save(at, 'same', { overwriteTag: true });
    expect(await at.used()).toEqual([1, 2 * PUSHED_BYTES, 1]);
    held.open();
    expect((await finished(admin, saved.build?.id as string)).status).toBe('SUCCEEDED');
    expect(await at.used()).toEqual([1, 3 * PUSHED_BYTES, 0]);
    await purge(first.image?.id as string);
    await purge(again.image?.id as string);
    expect(await at.used()).toEqual([1, PUSHED_BYTES, 0]);
  });

  it('is never more than a SafeInt, whatever manifests say', async () => {
    const at = await stage();
    for (const name of ['huge', 'vast']) await register(at, name);
    await slipway.database.query(
      `update image set registry_host = $1, size_bytes = ${Number.MAX_SAFE_INTEGER} where name in ('huge', 'vast')`,
      [host],
    );
    expect(await at.used()).toEqual([2, Number.MAX_SAFE_INTEGER, 0]);
  });

  it('costs lists one statement for each quota, and nothing where only limits are asked for', async () => {
    for (let i = 0; i < 4; i += 1) await stage();
    const cost = async (list: string, first: number, fields: string) =>
      await slipway.countStatements(() =>
        admin.run(`{ ${list}(first: ${first}) { nodes { quota { ${fields} } } } }`),
      );
    for (const list of ['namespaces', 'workspaces']) {
      const bare = await cost(list, 2, 'images { limit } storageBytes { limit } concurrentBuilds { limit }');
      const all = 'images { used } storageBytes { limit used } concurrentBuilds { used }';
      expect([await cost(list, 2, all), await cost(list, 5, all)]).toEqual([bare + 3, bare + 3]);
      expect(await cost(list, 5, 'images { used }')).toBe(bare + 1);
    }
  });

  it('is what it is after the mutation that tells it, and after the next one in the same operation', async () => {
    const at = await stage();
    const images = [await register(at, 'one'), await register(at, 'two')];
    const told = await admin.run<Record<string, { image: { namespace: { quota: unknown } } }>>(
      `mutation ($a: ID!, $b: ID!) {
        a: deleteImage(input: { id: $a }) { image { namespace { quota { images { used } } } } }
        b: deleteImage(input: { id: $b }) { image { namespace { quota { images { used } } } } }
      }`,
      { a: images[0]?.id, b: images[1]?.id },
    );
    expect(Object.values(told).map(({ image }) => image.namespace.quota)).toEqual([
      { images: { used: 1 } },
      { images: { used: 0 } },
    ]);
  });
});

describe('a quota is shown', () => {
  it('to those who may read the namespace or workspace, and to nobody through an image of it', async () => {
    const at = await stage();
    const reader = await slipway.user('reader');
    const stranger = await slipway.user('stranger');
    const limits = { images: 7, storageBytes: 8, concurrentBuilds: 9 };
    for (const kind of SCOPE_KINDS) await setQuota(admin, kind, at.ids[kind], limits);
    const image = await makeImage(admin, {
      reference: 'elsewhere/shown:1',
      namespace: at.namespace,
      workspaceId: at.ids.workspace,
      visibility: 'PUBLIC',
    });
    const quota =
      'quota { images { limit used } storageBytes { limit used } concurrentBuilds { limit used } }';
    const seenBy = async (client: ApiClient) =>
      (
        await client.run<{ image: Record<ScopeKind, { quota: unknown }> }>(
          `query ($id: ID!) { image(id: $id) { namespace { ${quota} } workspace { ${quota} } } }`,
          { id: image.id },
        )
      ).image;
    const shown = {
      quota: {
        images: { limit: 7, used: 1 },
        storageBytes: { limit: 8, used: 0 },
        concurrentBuilds: { limit: 9, used: 0 },
      },
    };
    const unsaid = { limit: null, used: 0 };
    const hidden = { quota: { images: unsaid, storageBytes: unsaid, concurrentBuilds: unsaid } };
    expect(await seenBy(admin)).toEqual({ namespace: shown, workspace: shown });
    expect(await seenBy(stranger)).toEqual({ namespace: hidden, workspace: hidden });
    await setRole(admin, 'namespace', at.ids.namespace, 'reader', 'VIEWER');
    expect(await seenBy(reader)).toEqual({ namespace: shown, workspace: hidden });
    await setRole(admin, 'namespace', at.ids.namespace, 'reader', null);
    await setRole(admin, 'workspace', at.ids.workspace, 'reader', 'VIEWER');
    expect(await seenBy(reader)).toEqual({ namespace: hidden, workspace: shown });
  });

  it('to everybody for the default workspace, where everybody may work', async () => {
    const someone = await slipway.user('someone');
    const [images] = await usedOf(admin, 'workspace', 'default');
    expect((await usedOf(someone, 'workspace', 'default'))[0]).toBe(images);
  });
});

describe.each(SCOPE_KINDS)('a build whose %s has no room', (kind) => {
  const path = kind === 'namespace' ? ['image', 'namespace'] : ['workspaceId'];

  it('is refused at once: too many unfinished builds', async () => {
    const at = await stage();
    const held = holdBuilds();
    const first = await build(at, 'first');
    await setQuota(admin, kind, at.ids[kind], { concurrentBuilds: 1 });
    const { build: second, userErrors } = await build(at, 'second');
    expect(second).toBeNull();
    expect(userErrors).toMatchObject([
      {
        code: 'QUOTA_EXCEEDED',
        path,
        details: {
          quota: 'concurrentBuilds',
          scope: kind,
          name: at.nameOf(kind),
          limit: 1,
          current: 1,
          requested: 1,
        },
      },
    ]);
    expect(userErrors[0]?.message).toBe(
      `the ${kind} ${at.nameOf(kind)} has 1 of at most 1 unfinished builds; wait for one to end, cancel one, or ask an administrator for a higher limit`,
    );
    held.open();
    await finished(admin, first.build?.id as string);
    expect((await done(build(at, 'second'))).status).toBe('SUCCEEDED');
  });

  it('is refused at once: too many images, unless it replaces one', async () => {
    const at = await stage();
    const { image } = await done(build(at, 'first'));
    await setQuota(admin, kind, at.ids[kind], { images: 1 });
    const { userErrors } = await build(at, 'second');
    expect(userErrors).toMatchObject([
      {
        code: 'QUOTA_EXCEEDED',
        path,
        details: { quota: 'images', scope: kind, limit: 1, current: 1, requested: 1 },
      },
    ]);
    expect(userErrors[0]?.message).toContain('has 1 of at most 1 live images');
    expect(codes((await save(at, 'second')).userErrors)).toEqual([
      `QUOTA_EXCEEDED ${kind === 'namespace' ? 'namespace' : 'workspaceId'}`,
    ]);
    // Without overwriteTag the name is what is wrong.
    expect(codes((await build(at, 'first')).userErrors)).toEqual(['TAG_EXISTS image.name']);
    const replacing = await done(build(at, 'first', { overwriteTag: true }));
    expect(replacing.status).toBe('SUCCEEDED');
    const saved = await save(at, 'first', { overwriteTag: true });
    expect((await finished(admin, saved.build?.id as string)).status).toBe('SUCCEEDED');
    expect(saved.image?.id).not.toBe(image?.id);
    await deleteImage(admin, { id: saved.image?.id });
    expect((await done(build(at, 'second'))).status).toBe('SUCCEEDED');
  });

  it('is refused at once: no storage left, and deleted images are named as what holds it', async () => {
    const at = await stage();
    const { image } = await done(build(at, 'first'));
    await deleteImage(admin, { id: image?.id });
    await setQuota(admin, kind, at.ids[kind], { storageBytes: PUSHED_BYTES });
    const { userErrors } = await build(at, 'second');
    expect(userErrors).toMatchObject([
      {
        code: 'QUOTA_EXCEEDED',
        path,
        details: { quota: 'storageBytes', limit: PUSHED_BYTES, current: PUSHED_BYTES, requested: 1 },
      },
    ]);
    expect(userErrors[0]?.message).toContain(
      `take ${PUSHED_BYTES} of at most ${PUSHED_BYTES} bytes in the registry`,
    );
    expect(userErrors[0]?.message).toContain(`deleted ones hold ${PUSHED_BYTES} bytes`);
    await purge(image?.id as string);
    expect((await done(build(at, 'second'))).status).toBe('SUCCEEDED');
  });

  it('hears of it with everything else that is wrong, and when it only asks', async () => {
    const at = await stage();
    await setQuota(admin, kind, at.ids[kind], { images: 0, storageBytes: 0, concurrentBuilds: 0 });
    const asked = await build(at, 'asked', { validateOnly: true, description: 'x'.repeat(513) });
    const at3 = Array.from({ length: 3 }, () => `QUOTA_EXCEEDED ${path.join('.')}`);
    expect(codes(asked.userErrors)).toEqual([...at3, 'TOO_LONG image.description']);
    expect(await at.used()).toEqual([0, 0, 0]);
  });

  it('waits for who holds the limit, and counts what that one has added', async () => {
    const at = await stage();
    await setQuota(admin, kind, at.ids[kind], { images: 1 });
    const other = await stage();
    const moved = await register(other, 'moved');
    const payload = await whileLocked(
      `with locked as (select id from ${kind} where id = $1 for no key update)
        update image set ${kind}_id = locked.id from locked where image.id = $2`,
      [uidOf(at.ids[kind]), moved.uid],
      async () => await build(at, 'late'),
    );
    expect(payload.userErrors).toMatchObject([{ code: 'QUOTA_EXCEEDED', details: { current: 1 } }]);
  });

  it('hears of a limit that was set just before', async () => {
    const at = await stage();
    // Somebody who was let in without a limit has not committed yet.
    const setting = await whileLocked(
      `select id from ${kind} where id = $1 for key share`,
      [uidOf(at.ids[kind])],
      async () => await updateScope(admin, kind, { id: at.ids[kind], quota: { concurrentBuilds: 0 } }),
    );
    expect(setting.userErrors).toEqual([]);
    expect(codes((await build(at, 'late')).userErrors)).toEqual([`QUOTA_EXCEEDED ${path.join('.')}`]);
  });

  it('may have a limit below what it has: nothing is lost, and nothing is added until there is room', async () => {
    const at = await stage();
    const images = [await register(at, 'one'), await register(at, 'two'), await register(at, 'three')];
    await setQuota(admin, kind, at.ids[kind], { images: 1 });
    expect((await readScope(admin, kind, at.nameOf(kind)))?.quota.images).toEqual({ limit: 1, used: 3 });
    const told = async () => (await build(at, 'four')).userErrors[0]?.details?.['current'];
    expect(await told()).toBe(3);
    for (const [index, { id }] of images.entries()) {
      await deleteImage(admin, { id });
      if (index < 2) expect(await told()).toBe(2 - index);
    }
    expect((await done(build(at, 'four'))).status).toBe('SUCCEEDED');
  });

  it('is one of exactly 3 accepted ones of 20 at once where 3 unfinished builds are allowed', async () => {
    const at = await stage();
    await setQuota(admin, kind, at.ids[kind], { concurrentBuilds: 3 });
    const held = holdBuilds();
    const payloads = await Promise.all(Array.from({ length: 20 }, async (_, i) => await build(at, `b${i}`)));
    const accepted = payloads.flatMap((payload) => payload.build ?? []);
    expect(accepted).toHaveLength(3);
    const refused = payloads.filter((payload) => payload.build === null);
    expect(new Set(refused.flatMap(({ userErrors }) => codes(userErrors)))).toEqual(
      new Set([`QUOTA_EXCEEDED ${path.join('.')}`]),
    );
    expect(await at.used()).toEqual([0, 0, 3]);
    held.open();
    for (const { id } of accepted) expect((await finished(admin, id)).status).toBe('SUCCEEDED');
    expect(await at.used()).toEqual([3, 3 * PUSHED_BYTES, 0]);
  });

  it('is one of exactly 3 accepted saves of 20 at once where 3 images are allowed', async () => {
    const at = await stage();
    await setQuota(admin, kind, at.ids[kind], { images: 3 });
    const held = gate();
    slipway.engine.onCommit(async () => await held.opened);
    const payloads = await Promise.all(Array.from({ length: 20 }, async (_, i) => await save(at, `s${i}`)));
    const accepted = payloads.flatMap((payload) => payload.build ?? []);
    expect(accepted).toHaveLength(3);
    expect(await at.used()).toEqual([3, 0, 3]);
    held.open();
    for (const { id } of accepted) expect((await finished(admin, id)).status).toBe('SUCCEEDED');
    expect(await at.used()).toEqual([3, 3 * PUSHED_BYTES, 0]);
  });
});

describe.each(SCOPE_KINDS)('an image whose %s has no room', (kind) => {
  const field = kind === 'namespace' ? 'namespace' : 'workspaceId';

  it('is not registered', async () => {
    const at = await stage();
    await register(at, 'one');
    await setQuota(admin, kind, at.ids[kind], { images: 1 });
    for (const validateOnly of [true, false]) {
      const input = { ...registration(at, 'two'), validateOnly };
      expect((await registerImage(admin, input)).userErrors).toMatchObject([
        { code: 'QUOTA_EXCEEDED', path: [field], details: { quota: 'images', limit: 1, current: 1 } },
      ]);
    }
    expect(await at.used()).toEqual([1, 0, 0]);
  });

  it('is not registered with a size that does not fit, if it lies in the registry of the platform', async () => {
    const at = await stage();
    const { image } = await done(build(at, 'built'));
    await setQuota(admin, kind, at.ids[kind], { storageBytes: 2 * PUSHED_BYTES - 1 });
    const input = { ...registration(at, 'again', `${host}/${at.namespace}/built`), verify: true };
    expect((await registerImage(admin, input)).userErrors).toMatchObject([
      {
        code: 'QUOTA_EXCEEDED',
        path: [field],
        details: { quota: 'storageBytes', current: PUSHED_BYTES, requested: PUSHED_BYTES },
      },
    ]);
    await deleteImage(admin, { id: image?.id });
    await purge(image?.id as string);
    expect((await registerImage(admin, input)).userErrors).toEqual([]);
    expect(await at.used()).toEqual([1, PUSHED_BYTES, 0]);
  });

  it('is not restored, until there is room again', async () => {
    const at = await stage();
    const gone = await register(at, 'gone');
    await deleteImage(admin, { id: gone.id });
    const other = await register(at, 'other');
    await setQuota(admin, kind, at.ids[kind], { images: 1 });
    const restore = async () => (await restoreImage(admin, { id: gone.id })).userErrors;
    expect(codes(await restore())).toEqual(['QUOTA_EXCEEDED id']);
    await deleteImage(admin, { id: other.id });
    expect(await restore()).toEqual([]);
    expect(await at.used()).toEqual([1, 0, 0]);
  });

  it('is not moved there, and takes its room along where there is some', async () => {
    const [from, to] = [await stage(), await stage()];
    const { image } = await done(build(from, 'moving'));
    const where = kind === 'namespace' ? { namespace: to.namespace } : { workspaceId: to.ids.workspace };
    const move = async () => (await updateImage(admin, { id: image?.id, ...where })).userErrors;
    await setQuota(admin, kind, to.ids[kind], { images: 0, storageBytes: PUSHED_BYTES - 1 });
    expect(codes(await move())).toEqual([`QUOTA_EXCEEDED ${field}`, `QUOTA_EXCEEDED ${field}`]);
    await setQuota(admin, kind, to.ids[kind], { images: 1, storageBytes: PUSHED_BYTES });
    expect(await move()).toEqual([]);
    expect(await usedOf(admin, kind, from.nameOf(kind))).toEqual([0, 0, 0]);
    expect(await usedOf(admin, kind, to.nameOf(kind))).toEqual([1, PUSHED_BYTES, 0]);
  });
});

describe.each(SCOPE_KINDS)('a build that was accepted and finds its %s full when it is done', (kind) => {
  it('fails: of two for the last image, one is made', async () => {
    const at = await stage();
    await setQuota(admin, kind, at.ids[kind], { images: 1 });
    const held = holdBuilds();
    const both = [await build(at, 'a'), await build(at, 'b')].map((payload) => payload.build?.id as string);
    held.open();
    const ended = await Promise.all(both.map(async (id) => await finished(admin, id)));
    expect(ended.map(({ status }) => status).sort()).toEqual(['FAILED', 'SUCCEEDED']);
    const failed = ended.find(({ status }) => status === 'FAILED');
    expect(failed).toMatchObject({ image: null, failure: { reason: 'QUOTA_EXCEEDED' } });
    expect(failed?.failure?.message).toContain(
      `the ${kind} ${at.nameOf(kind)} has 1 of at most 1 live images`,
    );
    expect(await at.used()).toEqual([1, PUSHED_BYTES, 0]);
    const { imageBuild } = await admin.run<{ imageBuild: { failure: { retryable: boolean } } }>(
      'query ($id: ID!) { imageBuild(id: $id) { failure { retryable } } }',
      { id: failed?.id },
    );
    expect(imageBuild.failure.retryable).toBe(false);
  });

  it('fails when its real size does not fit', async () => {
    const at = await stage();
    await setQuota(admin, kind, at.ids[kind], { storageBytes: PUSHED_BYTES - 1 });
    const failed = await done(build(at, 'large'));
    expect(failed).toMatchObject({ status: 'FAILED', failure: { reason: 'QUOTA_EXCEEDED' }, image: null });
    expect(failed.failure?.message).toContain(
      `take 0 of at most ${PUSHED_BYTES - 1} bytes in the registry, and this takes at least ${PUSHED_BYTES} more`,
    );
    expect(await at.used()).toEqual([0, 0, 0]);
    // Nothing is left of it in the registry.
    expect(await slipway.engine.registry.manifest(`${at.namespace}/large`, 'latest')).toBeNull();
    await setQuota(admin, kind, at.ids[kind], { storageBytes: PUSHED_BYTES });
    expect((await done(build(at, 'large'))).status).toBe('SUCCEEDED');
  });

  it('fails and leaves a tag that a live image names, which has lost it to the push', async () => {
    const at = await stage();
    const old = await done(build(at, 'kept'));
    await setQuota(admin, kind, at.ids[kind], { storageBytes: PUSHED_BYTES + 1 });
    slipway.engine.onBuild(async function* () {
      yield { kind: 'result', imageId: 'sha256:another' };
    });
    const failed = await done(build(at, 'kept', { overwriteTag: true }));
    expect(failed.failure?.reason).toBe('QUOTA_EXCEEDED');
    const left = await slipway.engine.registry.manifest(`${at.namespace}/kept`, 'latest');
    expect(left?.digest).toBe(digestOf('manifest of sha256:another'));
    expect(old.image?.digest).not.toBe(left?.digest);
  });

  it('fails before the push where that is sure by then, and leaves the tag in the registry alone', async () => {
    const at = await stage();
    const held = holdBuilds();
    const late = await build(at, 'late');
    await register(at, 'quicker');
    await setQuota(admin, kind, at.ids[kind], { images: 1 });
    const before = slipway.engine.pushes.length;
    held.open();
    expect((await finished(admin, late.build?.id as string)).failure?.reason).toBe('QUOTA_EXCEEDED');
    expect(slipway.engine.pushes.length).toBe(before);
  });

  it('fails where the image that it was to replace has gone and its place is taken', async () => {
    const at = await stage();
    const old = await register(at, 'same', `${host}/${at.namespace}/same`);
    await setQuota(admin, kind, at.ids[kind], { images: 1 });
    const held = gate();
    slipway.engine.onCommit(async () => await held.opened);
    const saved = await save(at, 'same', { overwriteTag: true });
    await deleteImage(admin, { id: old.id });
    await register(at, 'other');
    held.open();
    const failed = await finished(admin, saved.build?.id as string);
    expect(failed).toMatchObject({
      status: 'FAILED',
      failure: { reason: 'QUOTA_EXCEEDED' },
      image: { status: 'CREATE_FAILED' },
    });
    expect((await at.used())[0]).toBe(1);
  });
});

it('takes a place in the workspace, and none in the namespace, for an image that replaces one of another workspace', async () => {
  const [at, other] = [await stage(), await stage()];
  await done(build(at, 'same'));
  await setQuota(admin, 'namespace', at.ids.namespace, { images: 1 });
  await setQuota(admin, 'workspace', other.ids.workspace, { images: 0 });
  const elsewhere = { workspaceId: other.ids.workspace, overwriteTag: true };
  expect(codes((await build(at, 'same', elsewhere)).userErrors)).toEqual(['QUOTA_EXCEEDED workspaceId']);
  await setQuota(admin, 'workspace', other.ids.workspace, { images: 1 });
  expect((await done(build(at, 'same', elsewhere))).status).toBe('SUCCEEDED');
  expect((await usedOf(admin, 'namespace', at.namespace))[0]).toBe(1);
  expect((await usedOf(admin, 'workspace', at.workspace))[0]).toBe(0);
  expect((await usedOf(admin, 'workspace', other.workspace))[0]).toBe(1);
});

it('counts what lies in the registry of the platform however its host is written', async () => {
  const at = await stage();
  const reference = `${host.toUpperCase()}/${at.namespace}/spelt:latest`;
  const { registry } = slipway.engine;
  const configDigest = `sha256:${'c'.repeat(64)}`;
  const pushed = { digest: configDigest, sizeBytes: 77, layers: [], architecture: null, configDigest };
  registry.put(`${at.namespace}/spelt`, 'latest', pushed);
  registry.put(`${at.namespace}/moved`, 'latest', pushed);
  const input = { ...registration(at, 'spelt'), reference, verify: true };
  const { id } = await makeImage(admin, input);
  expect(await at.used()).toEqual([1, 77, 0]);
  expect(await readImage(admin, id, 'reference')).toEqual({ reference });
  const moved = `${host.toUpperCase()}/${at.namespace}/moved:latest`;
  const { userErrors } = await updateImage(admin, { id, reference: moved, verify: true });
  expect(userErrors).toEqual([]);
  expect(await at.used()).toEqual([1, 77, 0]);
  expect(await readImage(admin, id, 'reference')).toEqual({ reference: moved });
});

it("counts an imported image of the platform's registry however its host is written", async () => {
  const at = await stage();
  const uid = randomUUID();
  const row = {
    imageId: uid,
    imageName: `${at.namespace}/imported`,
    imageTag: '1',
    factory: 'f',
    algoType: '0',
  };
  const reference = `${host.toUpperCase()}/${at.namespace}/imported:1`;
  const document = JSON.stringify({ [uid]: { ...row, algoName: 'a', frameInterval: 1, reference } });
  const { importImages } = await admin.run<{ importImages: { created: number; rowErrors: unknown[] } }>(
    'mutation ($input: ImportImagesInput!) { importImages(input: $input) { created rowErrors { message field } } }',
    { input: { document, mode: 'ATOMIC' } },
  );
  expect(importImages).toEqual({ created: 1, rowErrors: [] });
  const rows = await slipway.database.query('select registry_host, reference from image where id = $1', [
    uid,
  ]);
  expect(rows).toEqual([{ registry_host: host, reference }]);
});

it('tells who builds in a namespace that is deleted meanwhile that it is not there', async () => {
  const at = await stage();
  const payload = await whileLocked(
    'delete from namespace where id = $1',
    [uidOf(at.ids.namespace)],
    async () => await build(at, 'late'),
  );
  expect(codes(payload.userErrors)).toEqual(['NOT_FOUND image.namespace']);
});
