import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { digestOf } from '../support/fake-engine.ts';
import { readContent, WHOLE } from '../support/image-content.ts';
import {
  codes,
  countImages,
  deleteImage,
  errorCode,
  globalId,
  imageOf,
  makeImage,
  PURGE_IMAGE,
  purgeImage,
  registerImage,
  restoreImage,
  updateImage,
} from '../support/images.ts';
import { holding, waiting } from '../support/locks.ts';
import { makeScope } from '../support/scopes.ts';
import { gate, until } from '../support/until.ts';

let slipway: TestApp;
let admin: ApiClient;
let developer: ApiClient;
let owner: ApiClient;
let serial = 0;

beforeAll(async () => {
  slipway = await createTestApp();
  admin = slipway.admin;
  developer = await slipway.user('dana', { namespace: 'DEVELOPER' });
  owner = await slipway.user('olga', { namespace: 'OWNER' });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const fresh = (): string => {
  serial += 1;
  return `default/life-${serial}:1`;
};
const make = (input: Record<string, unknown> = {}) => makeImage(admin, { reference: fresh(), ...input });
const wrong = (answer: { userErrors: Parameters<typeof codes>[0] }) => codes(answer.userErrors);

/** Puts an image where only builds and registry checks would put it. */
async function setStatus(uid: string, status: string, message: string | null = null): Promise<void> {
  await slipway.database.query('update image set status = $2, status_message = $3 where id = $1', [
    uid,
    status,
    message,
  ]);
}

async function listed(search: string, filter: Record<string, unknown> = {}): Promise<string[]> {
  const { images } = await developer.run<{ images: { nodes: { id: string }[] } }>(
    'query ($filter: ImageFilter!) { images(filter: $filter) { nodes { id } } }',
    { filter: { search, ...filter } },
  );
  return images.nodes.map(({ id }) => id);
}

const OPERATIONS = {
  update: (id: string) => updateImage(admin, { id, description: 'changed' }),
  delete: (id: string) => deleteImage(admin, { id }),
  restore: (id: string) => restoreImage(admin, { id }),
  purge: (id: string) => purgeImage(admin, { id }),
} as const;
type Operation = keyof typeof OPERATIONS;

/** What comes of each operation in each status: the status after it, `gone`, or why not. */
const LIFE: Record<string, Record<Operation, string>> = {
  INIT: { update: 'INIT', delete: 'IN_USE id', restore: 'INVALID id', purge: 'INVALID id' },
  CREATING: { update: 'CREATING', delete: 'IN_USE id', restore: 'INVALID id', purge: 'INVALID id' },
  ACTIVE: { update: 'ACTIVE', delete: 'DELETED', restore: 'INVALID id', purge: 'INVALID id' },
  CREATE_FAILED: { update: 'CREATE_FAILED', delete: 'DELETED', restore: 'INVALID id', purge: 'INVALID id' },
  ERROR: { update: 'ERROR', delete: 'DELETED', restore: 'INVALID id', purge: 'INVALID id' },
  'DELETED, was ACTIVE': { update: 'NOT_FOUND id', delete: 'NOT_FOUND id', restore: 'ACTIVE', purge: 'gone' },
  'DELETED, was ERROR': { update: 'NOT_FOUND id', delete: 'NOT_FOUND id', restore: 'ERROR', purge: 'gone' },
  'DELETED, was CREATE_FAILED': {
    update: 'NOT_FOUND id',
    delete: 'NOT_FOUND id',
    restore: 'CREATE_FAILED',
    purge: 'gone',
  },
};

describe.each(Object.entries(LIFE))('an image that is %s', (status, outcomes) => {
  it.each(Object.entries(outcomes) as [Operation, string][])(
    'comes by %s to %s',
    async (operation, outcome) => {
      const { id, uid } = await make();
      const [now = '', before] = status.split(', was ');
      await setStatus(uid, before ?? now);
      if (before !== undefined) imageOf(await deleteImage(admin, { id }));
      const was = await readContent(admin, id);

      const { image, userErrors } = await OPERATIONS[operation](id);
      const is = await readContent(admin, id);
      const isRefused = outcome.includes(' ');
      expect(isRefused ? codes(userErrors) : userErrors).toEqual(isRefused ? [outcome] : []);
      if (isRefused) {
        expect(image).toBeNull();
        expect(is).toEqual(was);
        const details = userErrors[0]?.details ?? null;
        // What is deleted is there to be seen, so its status is no secret.
        expect(details).toEqual(expect.objectContaining({ status: now }));
      } else if (outcome === 'gone') {
        expect(image).toMatchObject({ id, status: 'DELETED' });
        expect(is).toBeNull();
      } else {
        expect(is).toMatchObject({ status: outcome, version: (was['version'] as number) + 1 });
        expect(is['deletedAt']).toEqual(outcome === 'DELETED' ? is['updatedAt'] : null);
        expect(image).toMatchObject({
          status: outcome,
          updatedAt: is['updatedAt'],
          deletedAt: is['deletedAt'],
        });
      }
    },
  );
});

describe('a built-in image', () => {
  it('is not changed by anybody, whatever its status', async () => {
    const [live, deleted] = [await make(), await make()];
    await deleteImage(admin, { id: deleted.id });
    await slipway.database.query("update image set type = 'BUILD_IN' where id = any($1)", [
      [live.uid, deleted.uid],
    ]);
    const before = [await readContent(admin, live.id), await readContent(admin, deleted.id)];
    for (const [operation, run] of Object.entries(OPERATIONS)) {
      const isLive = operation === 'update' || operation === 'delete';
      expect(wrong(await run(live.id))).toEqual(['BUILT_IN id']);
      expect(wrong(await run(deleted.id))).toEqual([isLive ? 'NOT_FOUND id' : 'BUILT_IN id']);
    }
    expect(wrong(await deleteImage(admin, { id: live.id, force: true }))).toEqual(['BUILT_IN id']);
    expect([await readContent(admin, live.id), await readContent(admin, deleted.id)]).toEqual(before);
    expect(before.map((image) => image['viewerPermissions'])).toEqual([['READ'], ['READ']]);
  });
});

describe('deleting an image', () => {
  it('takes it out of lists and names but keeps its row, and frees its name', async () => {
    const image = await makeImage(developer, { reference: 'default/doomed:1' });
    const { image: deleted, clientMutationId } = await deleteImage(developer, {
      id: image.id,
      clientMutationId: 'd',
    });
    expect(clientMutationId).toBe('d');
    expect(deleted).toMatchObject({
      id: image.id,
      status: 'DELETED',
      viewerPermissions: ['READ', 'RESTORE'],
    });
    expect(Date.parse(deleted?.deletedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(image.createdAt));

    expect(await listed('doomed')).toEqual([]);
    expect(await listed('doomed', { includeDeleted: true })).toEqual([image.id]);
    expect(await listed('doomed', { status: ['DELETED'] })).toEqual([image.id]);
    const { imageByName } = await developer.run<{ imageByName: unknown }>(
      '{ imageByName(namespace: "default", name: "doomed", tag: "1") { id } }',
    );
    expect(imageByName).toBeNull();
    const again = await makeImage(developer, { reference: 'default/doomed:1' });
    expect(again.id).not.toBe(image.id);
    expect(await listed('doomed', { includeDeleted: true })).toHaveLength(2);
  });

  it('tells of a malformed id, and of one of something else', async () => {
    const { uid } = await make();
    for (const run of [deleteImage, restoreImage, purgeImage]) {
      expect(wrong(await run(admin, { id: 'nonsense' }))).toEqual(['INVALID id']);
      expect(wrong(await run(admin, { id: globalId('Image') }))).toEqual(['NOT_FOUND id']);
      expect(wrong(await run(admin, { id: globalId('Namespace', uid) }))).toEqual(['NOT_FOUND id']);
    }
  });

  it('names the build that is making it', async () => {
    const { id, uid } = await make();
    const build = '11111111-2222-4333-8444-555555555555';
    await slipway.database.query("update image set status = 'CREATING', source_build_id = $2 where id = $1", [
      uid,
      build,
    ]);
    expect((await deleteImage(admin, { id })).userErrors).toMatchObject([
      { code: 'IN_USE', details: { status: 'CREATING', buildId: globalId('ImageBuild', build) } },
    ]);
  });
});

describe('restoring an image', () => {
  it('brings back all that was said of it', async () => {
    const other = await make();
    const { id } = await make({ ...WHOLE, dependencies: [`default/${other.name}:1`] });
    const before = await readContent(admin, id);
    await deleteImage(admin, { id });
    const { version, updatedAt } = imageOf(await restoreImage(admin, { id, clientMutationId: 'r' }));
    expect(await readContent(admin, id)).toEqual({ ...before, version, updatedAt });
    expect(version).toBe(3);
    expect((await updateImage(admin, { id, group: 'g', expectedVersion: 1 })).userErrors).toMatchObject([
      { code: 'STALE', details: { changed: ['status'] } },
    ]);
  });

  it('is refused where its name is taken by now, except for one that was never made', async () => {
    const { id, reference, name } = await make();
    await deleteImage(admin, { id });
    const holder = await make({ reference });
    expect((await restoreImage(admin, { id })).userErrors).toMatchObject([
      { code: 'NAME_TAKEN', path: ['id'], details: { name, tag: '1', imageId: holder.id } },
    ]);
    await deleteImage(admin, { id: holder.id });
    imageOf(await restoreImage(admin, { id }));

    const failed = await make();
    await setStatus(failed.uid, 'CREATE_FAILED', 'the disk was full');
    await make({ reference: failed.reference });
    await deleteImage(admin, { id: failed.id });
    expect(imageOf(await restoreImage(admin, { id: failed.id }))).toMatchObject({
      status: 'CREATE_FAILED',
      statusMessage: 'the disk was full',
    });
  });

  it('forgets which build had taken its place', async () => {
    const dockerfile = 'FROM scratch\nLABEL round=';
    const build = async (round: number, overwriteTag: boolean) => {
      const wish = { name: 'twice', dockerfile: `${dockerfile}${round}`, overwriteTag };
      const { image } = await finished(admin, (await startBuild(admin, wish)).id);
      return image?.id ?? '';
    };
    const [first, second] = [await build(1, false), await build(2, true)];
    expect(await readContent(admin, first)).toMatchObject({
      status: 'DELETED',
      statusMessage: expect.stringContaining('replaced'),
    });
    expect(wrong(await restoreImage(admin, { id: first }))).toEqual(['NAME_TAKEN id']);
    await deleteImage(admin, { id: second });
    expect(imageOf(await restoreImage(admin, { id: first }))).toMatchObject({
      status: 'ACTIVE',
      statusMessage: null,
    });
  });
});

describe('purging an image', () => {
  const { host, put, manifest, setRemovable, setAvailable } = (() => {
    const registry = () => slipway.engine.registry;
    return {
      host: 'registry.test:5000',
      put: (repository: string, tag: string, content = `${repository}:${tag}`) => {
        const digest = digestOf(content);
        registry().put(repository, tag, {
          digest,
          sizeBytes: 7,
          layers: [],
          architecture: null,
          configDigest: digest,
        });
        return digest;
      },
      manifest: (repository: string, tag: string) => registry().manifest(repository, tag),
      setRemovable: (removable: 'TAG' | 'MANIFEST' | 'NOTHING') => registry().setRemovable(removable),
      setAvailable: (available: boolean) => registry().setAvailable(available),
    };
  })();
  const purge = (id: string, client = admin) => purgeImage(client, { id, removeFromRegistry: true });

  /** A deleted image of the platform's registry, whose digest is known. */
  async function gone(path: string, input: Record<string, unknown> = {}): Promise<string> {
    const { id } = await makeImage(admin, { reference: `${host}/${path}`, verify: true, ...input });
    await deleteImage(admin, { id });
    return id;
  }

  it('takes its row and what it depends on, and leaves the registry alone where nothing else is said', async () => {
    put('default/left', '1');
    const other = await make();
    const id = await gone('default/left:1', { dependencies: [`default/${other.name}:1`] });
    const before = await countImages(admin);
    const answer = await purgeImage(admin, { id, clientMutationId: 'p' });
    expect(answer).toMatchObject({
      image: { id, status: 'DELETED', name: 'left', viewerPermissions: ['READ', 'RESTORE', 'PURGE'] },
      removedFromRegistry: false,
      warnings: [],
      clientMutationId: 'p',
    });
    expect(await countImages(admin)).toBe(before - 1);
    expect(await readContent(admin, id)).toBeNull();
    expect(await manifest('default/left', '1')).not.toBeNull();
  });

  it('leaves the build that had made it', async () => {
    const made = await finished(
      admin,
      (await startBuild(admin, { name: 'made-once', dockerfile: 'FROM scratch' })).id,
    );
    const id = made.image?.id ?? '';
    await deleteImage(admin, { id });
    expect(await purge(id)).toMatchObject({ removedFromRegistry: true });
    const { imageBuild } = await admin.run<{ imageBuild: unknown }>(
      'query ($id: ID!) { imageBuild(id: $id) { status image { id } } }',
      { id: made.id },
    );
    expect(imageBuild).toEqual({ status: 'SUCCEEDED', image: null });
    expect(await manifest('default/made-once', 'latest')).toBeNull();
  });

  it.each(['TAG', 'MANIFEST'] as const)('takes the %s from the registry where it can', async (removable) => {
    setRemovable(removable);
    const tag = removable.toLowerCase();
    const digest = put('default/removed', tag);
    const id = await gone(`default/removed:${tag}`);
    expect(await purge(id)).toMatchObject({ removedFromRegistry: true, warnings: [] });
    expect(await manifest('default/removed', tag)).toBeNull();
    expect(await manifest('default/removed', digest)).toEqual(
      removable === 'TAG' ? expect.objectContaining({ digest }) : null,
    );
    setRemovable('MANIFEST');
  });

  it('removes nothing from where a build is pushing', async () => {
    put('default/pushed', '1');
    const id = await gone('default/pushed:1');
    const held = gate();
    slipway.engine.onPush(async function* () {
      await held.opened;
      yield { kind: 'progress', pushedBytes: 0, totalBytes: 1 };
    });
    const before = slipway.engine.pushes.length;
    const build = await startBuild(admin, { name: 'pushed', tag: '2', dockerfile: 'FROM scratch' });
    await until('the push', () => slipway.engine.pushes.length > before);
    expect((await purge(id)).userErrors).toMatchObject([
      { code: 'IN_USE', path: ['removeFromRegistry'], details: { buildId: build.id } },
    ]);
    expect(await manifest('default/pushed', '1')).not.toBeNull();
    held.open();
    slipway.engine.onPush(null);
    expect((await finished(admin, build.id)).status).toBe('FAILED');
    expect(await purge(id)).toMatchObject({ image: { id }, removedFromRegistry: true });
  });

  it('keeps builds from pushing there until it is done', async () => {
    const repository = 'default/awaited';
    const before = slipway.engine.pushes.length;
    const build = await holding(
      slipway.database,
      ['select pg_advisory_xact_lock(hashtextextended($1, 0))', [`slipway registry ${repository}`]],
      async () => {
        const started = await startBuild(admin, { name: 'awaited', dockerfile: 'FROM scratch' });
        await until('the build to wait', async () => (await waiting(slipway.database)) > 0);
        expect(slipway.engine.pushes.length).toBe(before);
        return started;
      },
    );
    expect((await finished(admin, build.id)).status).toBe('SUCCEEDED');
    expect(slipway.engine.pushes.length).toBe(before + 1);
  });

  it('keeps a manifest that another image of the catalogue is too, or may be', async () => {
    for (const other of [
      { reference: `${host}/default/shared:2`, verify: true },
      // Nobody has asked what this one is.
      { reference: `${host}/default/shared:2` },
      { reference: `${host.toUpperCase()}/default/shared:2` },
    ]) {
      put('default/shared', '1', 'the same');
      const digest = put('default/shared', '2', 'the same');
      const keeper = await makeImage(admin, other);
      const id = await gone('default/shared:1');
      expect(await purge(id)).toMatchObject({
        image: { id },
        removedFromRegistry: false,
        warnings: [expect.stringContaining('other images')],
      });
      expect(await manifest('default/shared', digest)).not.toBeNull();
      await deleteImage(admin, { id: keeper.id });
      // A deleted one can come back.
      expect(await purge(await gone('default/shared:1'))).toMatchObject({ removedFromRegistry: false });
      await purgeImage(admin, { id: keeper.id });
    }
    expect(await purge(await gone('default/shared:1'))).toMatchObject({ removedFromRegistry: true });
  });

  it('keeps a tag that another image needs, also where tags can be removed alone', async () => {
    setRemovable('TAG');
    const digest = put('default/tagged', '1');
    for (const reference of [
      `${host}/default/tagged:1`,
      `${host}/default/tagged:1@${digest}`,
      `${host}/default/tagged@${digest}`,
    ]) {
      const keeper = await makeImage(admin, { reference, name: 'keeper' });
      expect(await purge(await gone('default/tagged:1'))).toMatchObject({
        removedFromRegistry: false,
        warnings: [expect.stringContaining('needs the tag')],
      });
      await deleteImage(admin, { id: keeper.id });
      await purgeImage(admin, { id: keeper.id });
    }
    const pinned = { reference: `${host}/default/tagged:1@${digestOf('another')}`, name: 'pinned' };
    await makeImage(admin, pinned);
    expect(await purge(await gone('default/tagged:1'))).toMatchObject({ removedFromRegistry: true });
    setRemovable('MANIFEST');
  });

  it('removes nothing where the tag is another image by now, or the image has no tag or no known digest', async () => {
    put('default/moved', '1', 'old');
    const moved = await gone('default/moved:1');
    put('default/moved', '1', 'new');
    const digest = put('default/bare', 'latest');
    const untagged = await gone(`default/bare@${digest}`);
    const unknown = await gone('default/unasked:1', { verify: false });
    for (const [id, why] of [
      [moved, 'any more'],
      [untagged, 'names no tag'],
      [unknown, 'digest is not known'],
    ] as const) {
      expect(await purge(id)).toMatchObject({
        image: { id },
        removedFromRegistry: false,
        warnings: [expect.stringContaining(why)],
      });
    }
    expect(await manifest('default/moved', '1')).toMatchObject({ digest: digestOf('new') });
    expect(await manifest('default/bare', 'latest')).toMatchObject({ digest });
  });

  it('changes nothing where the registry refuses, or is away', async () => {
    put('default/refused', '1');
    const id = await gone('default/refused:1');
    setRemovable('NOTHING');
    expect((await purge(id)).userErrors).toMatchObject([
      { code: 'NOT_ALLOWED', path: ['removeFromRegistry'] },
    ]);
    setRemovable('MANIFEST');
    setAvailable(false);
    const input = { id, removeFromRegistry: true };
    expect(await errorCode(admin, PURGE_IMAGE, { input })).toBe('UNAVAILABLE');
    setAvailable(true);
    expect(await readContent(admin, id)).toMatchObject({ status: 'DELETED' });
    expect(await purge(id)).toMatchObject({ removedFromRegistry: true });
  });

  it("removes nothing from other registries, and says which are this server's", async () => {
    const { id } = await make();
    await deleteImage(admin, { id });
    expect((await purge(id)).userErrors).toMatchObject([
      { code: 'REGISTRY_NOT_ALLOWED', path: ['removeFromRegistry'], details: { allowed: [host] } },
    ]);
    imageOf(await purgeImage(admin, { id }));
  });

  it('takes OWNER, and what belongs to another namespace in the registry takes OWNER there', async () => {
    await makeScope(admin, 'namespace', { name: 'foreign' });
    for (const path of ['foreign/thing', 'slipway/base', 'default/own', 'lonely', 'nobodys/thing'])
      put(path, '1');
    const rows: Record<string, string> = {};
    for (const path of ['foreign/thing', 'slipway/base', 'default/own', 'lonely', 'nobodys/thing']) {
      rows[path] = await gone(`${path}:1`, { namespace: 'default', name: path, visibility: 'PUBLIC' });
    }
    const own = rows['default/own'] as string;
    for (const input of [{ id: own }, { id: own, removeFromRegistry: true }]) {
      expect(await errorCode(developer, PURGE_IMAGE, { input })).toBe('FORBIDDEN');
    }
    for (const path of ['foreign/thing', 'slipway/base', 'lonely', 'nobodys/thing']) {
      expect(wrong(await purge(rows[path] as string, owner))).toEqual(['NOT_ALLOWED removeFromRegistry']);
      expect(await manifest(path, '1')).not.toBeNull();
    }
    expect(await purge(own, owner)).toMatchObject({ removedFromRegistry: true });
    // The platform's own stay, whoever asks.
    expect(wrong(await purge(rows['slipway/base'] as string))).toEqual(['NOT_ALLOWED removeFromRegistry']);
    for (const path of ['foreign/thing', 'lonely', 'nobodys/thing']) {
      expect(await purge(rows[path] as string)).toMatchObject({ removedFromRegistry: true });
    }
    // Without the registry the row is the owner's to purge.
    expect(imageOf(await purgeImage(owner, { id: rows['slipway/base'] })).name).toBe('slipway/base');
  });

  it('frees its id for no other: what is asked for by it is missing from then on', async () => {
    const { id } = await make();
    await deleteImage(admin, { id });
    imageOf(await purgeImage(admin, { id }));
    for (const run of Object.values(OPERATIONS)) expect(wrong(await run(id))).toEqual(['NOT_FOUND id']);
    expect(
      wrong(await registerImage(admin, { reference: fresh(), dependencies: ['default/gone:1'] })),
    ).toEqual(['DEPENDENCY_UNRESOLVED dependencies.0']);
  });
});
