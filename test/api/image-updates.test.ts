import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, startBuild } from '../support/builds.ts';
import type { ApiClient } from '../support/client.ts';
import { BARE, FIELDS, only, readContent, valueAt, WHOLE, withValue } from '../support/image-content.ts';
import {
  codes,
  countImages,
  deleteImage,
  globalId,
  type ImagePayload,
  imageOf,
  makeImage,
  readImage,
  updateImage,
} from '../support/images.ts';
import { addNotebook, saveNotebook } from '../support/notebooks.ts';
import { makeScope } from '../support/scopes.ts';
import { gate } from '../support/until.ts';

let slipway: TestApp;
let admin: ApiClient;
let serial = 0;

beforeAll(async () => {
  slipway = await createTestApp();
  admin = slipway.admin;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const fresh = (): string => {
  serial += 1;
  return `default/update-${serial}:1`;
};
const make = (input: Record<string, unknown> = {}) => makeImage(admin, { reference: fresh(), ...input });
const update = async (input: Record<string, unknown>) => imageOf(await updateImage(admin, input));
const wrongWith = async (input: Record<string, unknown>) =>
  codes((await updateImage(admin, input)).userErrors);

describe.each(FIELDS)('an update of %s', (field) => {
  const REQUIRED = ['algorithm.factory', 'algorithm.name', 'algorithm.type'];

  it('changes nothing else', async () => {
    const { id } = await make(BARE);
    const before = await readContent(admin, id);
    const value = valueAt(WHOLE, field);
    const { version, updatedAt } = await update({ id, ...only(field, value) });
    expect(version).toBe(2);
    expect(await readContent(admin, id)).toEqual({ ...withValue(before, field, value), version, updatedAt });
  });

  it('clears it by null, and nothing else', async () => {
    const { id } = await make(WHOLE);
    const before = await readContent(admin, id);
    const answer = await updateImage(admin, { id, ...only(field, null) });
    if (REQUIRED.includes(field)) {
      expect(codes(answer.userErrors)).toEqual([`REQUIRED ${field}`]);
      return;
    }
    const { version, updatedAt } = imageOf(answer);
    const cleared = withValue(before, field, valueAt(BARE, field));
    expect(await readContent(admin, id)).toEqual({ ...cleared, version: 2, updatedAt });
    expect(version).toBe(2);
  });

  it('to what it is already leaves version and time as they are', async () => {
    const { id, updatedAt } = await make(WHOLE);
    expect(await update({ id, ...only(field, valueAt(WHOLE, field)) })).toMatchObject({
      version: 1,
      updatedAt,
    });
    const bare = await make(BARE);
    const cleared = REQUIRED.includes(field) ? valueAt(BARE, field) : null;
    expect(await update({ id: bare.id, ...only(field, cleared) })).toMatchObject({
      version: 1,
      updatedAt: bare.updatedAt,
    });
  });
});

describe('an update', () => {
  it('of nothing, and of everything to what it is, leaves version and time as they are', async () => {
    const { id, updatedAt } = await make({ ...WHOLE, dependencies: [] });
    const as = { version: 1, updatedAt };
    expect(await update({ id })).toMatchObject(as);
    expect(await update({ id, ...WHOLE, dependencies: null, runtime: {}, algorithm: {} })).toMatchObject(as);
    expect(await update({ id, ...WHOLE })).toMatchObject(as);
  });

  it('of everything at once changes everything, and null for its parts clears runtime and algorithm', async () => {
    const { id } = await make();
    await update({ id, ...WHOLE });
    expect(await readContent(admin, id)).toMatchObject({ ...WHOLE, version: 2 });
    await update({ id, runtime: null, algorithm: null, inputs: null, outputs: null, configs: null });
    expect(await readContent(admin, id)).toMatchObject({
      runtime: BARE.runtime,
      algorithm: null,
      inputs: [],
      outputs: [],
      configs: [],
      version: 3,
    });
    expect(await wrongWith({ id, algorithm: { type: '1' } })).toEqual([
      'REQUIRED algorithm.factory',
      'REQUIRED algorithm.name',
    ]);
  });

  it('is found by the new words, and not by the old ones', async () => {
    const { id } = await make({ displayName: '旧的名字' });
    await update({ id, displayName: '新的名字' });
    const search = async (text: string) => {
      const { images } = await admin.run<{ images: { nodes: { id: string }[] } }>(
        'query ($text: String) { images(filter: { search: $text }) { nodes { id } } }',
        { text },
      );
      return images.nodes.map((one) => one.id);
    };
    expect(await search('新的名字')).toEqual([id]);
    expect(await search('旧的名字')).toEqual([]);
  });

  it('that is wrong in many places tells of all of them, and changes nothing', async () => {
    const { id } = await make({ description: 'before' });
    const before = await readContent(admin, id);
    const input = {
      id,
      description: 'after',
      displayName: 'x'.repeat(257),
      labels: Array.from({ length: 21 }, (_, i) => ({ key: `k${i}`, value: '' })),
      reference: 'Not a reference',
      tag: 'a,b',
      namespace: '1st',
      runtime: { portsText: 'x' },
      expectedVersion: 7,
    };
    expect(await wrongWith(input)).toEqual([
      'INVALID runtime.portsText.0',
      'PATTERN namespace',
      'REFERENCE_INVALID reference',
      'STALE expectedVersion',
      'TAG_NOT_OCI tag',
      'TOO_LONG displayName',
      'TOO_MANY labels',
    ]);
    expect(await wrongWith({ id, reference: null })).toEqual(['REQUIRED reference']);
    expect(await readContent(admin, id)).toEqual(before);
  });

  it('tells of a malformed or missing id as of anything else that is wrong', async () => {
    const wrong = { displayName: 'x'.repeat(257) };
    expect(await wrongWith({ id: 'nonsense', ...wrong })).toEqual(['INVALID id', 'TOO_LONG displayName']);
    expect(await wrongWith({ id: globalId('Image'), ...wrong })).toEqual([
      'NOT_FOUND id',
      'TOO_LONG displayName',
    ]);
    const { uid } = await make();
    expect(await wrongWith({ id: globalId('User', uid) })).toEqual(['NOT_FOUND id']);
  });

  it('that only checks answers the image as it is, and what is wrong', async () => {
    const { id } = await make({ description: 'before' });
    const before = await readContent(admin, id);
    const count = await countImages(admin);
    const good = { description: 'after', namespace: 'not-there-yet', name: 'other', dependencies: [] };
    expect(await update({ id, ...good, validateOnly: true })).toMatchObject({
      description: 'before',
      version: 1,
    });
    expect(await wrongWith({ id, ...good, price: -1, validateOnly: true })).toEqual(['OUT_OF_RANGE price']);
    expect(await readContent(admin, id)).toEqual(before);
    expect(await countImages(admin)).toBe(count);
    const { namespace } = await admin.run<{ namespace: null }>('{ namespace(name: "not-there-yet") { id } }');
    expect(namespace).toBeNull();
  });
});

describe('an update of what somebody else has changed meanwhile', () => {
  const staleness = ({ userErrors }: ImagePayload) =>
    userErrors.map(({ code, path, details }) => [code, path.join('.'), details?.['changed']]);

  it('is STALE by the version, and says what has changed since then', async () => {
    const { id } = await make();
    await update({ id, description: 'second', labels: [{ key: 'a', value: '' }] });
    await update({ id, runtime: { args: ['third'] }, expectedVersion: 2 });
    const now = await update({ id, tag: 'fourth', expectedVersion: 3 });
    const [error] = (await updateImage(admin, { id, group: 'mine', expectedVersion: 2 })).userErrors;
    expect(error).toMatchObject({
      code: 'STALE',
      path: ['expectedVersion'],
      message: 'the image has changed since (runtime, tag): read it again and repeat the edit',
      details: { version: 4, updatedAt: now.updatedAt, changed: ['runtime', 'tag'] },
    });
    expect(staleness(await updateImage(admin, { id, expectedVersion: 1 }))).toEqual([
      ['STALE', 'expectedVersion', expect.arrayContaining(['description', 'labels', 'runtime', 'tag'])],
    ]);
    expect(await readImage(admin, id, 'version group')).toEqual({ version: 4, group: null });
  });

  it('is STALE by the time, also where two edits came in one millisecond', async () => {
    const first = await make();
    const { id } = first;
    const second = await update({ id, description: 'second' });
    const third = await update({ id, description: 'third' });
    expect(Date.parse(second.updatedAt)).toBeGreaterThan(Date.parse(first.updatedAt));
    expect(Date.parse(third.updatedAt)).toBeGreaterThan(Date.parse(second.updatedAt));
    expect(staleness(await updateImage(admin, { id, group: 'mine', ifUpdatedAt: first.updatedAt }))).toEqual([
      ['STALE', 'ifUpdatedAt', ['description']],
    ]);
    await update({ id, group: 'mine', ifUpdatedAt: third.updatedAt });
    expect(
      staleness(
        await updateImage(admin, { id, group: null, expectedVersion: 1, ifUpdatedAt: second.updatedAt }),
      ),
    ).toEqual([
      ['STALE', 'expectedVersion', ['description', 'group']],
      ['STALE', 'ifUpdatedAt', ['description', 'group']],
    ]);
  });

  it('is STALE where the image was never so', async () => {
    const { id } = await make();
    const answer = await updateImage(admin, {
      id,
      description: 'x',
      expectedVersion: 9,
      ifUpdatedAt: '2999-01-01T00:00:00Z',
    });
    expect(staleness(answer)).toEqual([
      ['STALE', 'expectedVersion', []],
      ['STALE', 'ifUpdatedAt', []],
    ]);
    expect(answer.userErrors[0]?.message).toContain('never');
  });

  it('is done where version or time are null', async () => {
    const { id } = await make();
    expect(await update({ id, group: 'a', expectedVersion: null, ifUpdatedAt: null })).toMatchObject({
      version: 2,
    });
  });
});

describe('a new name', () => {
  it('is taken part by part, and by null from the reference', async () => {
    const { id } = await make({ reference: 'team/deep/torch:2', namespace: 'default' });
    const nameOf = async (input: Record<string, unknown>) => {
      const { namespace, name, tag, reference } = await update({ id, ...input });
      expect(reference).toBe('team/deep/torch:2');
      return `${namespace.name}/${name}:${tag}`;
    };
    expect(await nameOf({})).toBe('default/deep/torch:2');
    expect(await nameOf({ name: 'vision/torch' })).toBe('default/vision/torch:2');
    expect(await nameOf({ tag: 'stable' })).toBe('default/vision/torch:stable');
    expect(await nameOf({ namespace: 'research' })).toBe('research/vision/torch:stable');
    expect(await nameOf({ tag: null })).toBe('research/vision/torch:2');
    expect(await nameOf({ name: null })).toBe('research/deep/torch:2');
    expect(await nameOf({ namespace: null })).toBe('team/deep/torch:2');
  });

  it('that is no name for the catalogue is for people, and renames nothing', async () => {
    const { id } = await make({ reference: 'nvidia/cuda10.1:a', namespace: 'default', name: 'transcode' });
    const answer = await updateImage(admin, { id, name: '普通整片转码' });
    expect(imageOf(answer)).toMatchObject({ name: 'transcode', displayName: '普通整片转码', version: 2 });
    expect(answer.warnings).toEqual([expect.stringContaining('普通整片转码')]);
    expect((await update({ id, name: '普通整片转码' })).version).toBe(2);
  });

  it('frees the old one, and is refused where a live image has it', async () => {
    const [a, b] = [await make(), await make()];
    expect(await wrongWith({ id: a.id, name: b.name })).toEqual(['NAME_TAKEN name']);
    const { userErrors } = await updateImage(admin, { id: a.id, name: b.name, validateOnly: true });
    expect(userErrors).toMatchObject([{ code: 'NAME_TAKEN', details: { imageId: b.id } }]);
    await deleteImage(admin, { id: b.id });
    await update({ id: a.id, name: b.name });
    await make({ reference: a.reference });
  });

  it('is refused where others depend on the old one, naming those whom the viewer may see', async () => {
    const target = await make();
    const needing = await make({ dependencies: [`default/${target.name}:1`] });
    for (const input of [{ name: 'elsewhere' }, { tag: '2' }, { namespace: 'moved' }]) {
      const { userErrors } = await updateImage(admin, { id: target.id, ...input });
      expect(userErrors).toMatchObject([
        {
          code: 'IN_USE',
          path: ['name'],
          details: { count: 1, dependents: [{ id: needing.id, name: `default/${needing.name}:1` }] },
        },
      ]);
    }
    await update({ id: target.id, description: 'the name stays', tag: '1' });
    await update({ id: needing.id, dependencies: [] });
    await update({ id: target.id, tag: '2' });
  });

  it('of an image that was never made asks nobody who depends on its name', async () => {
    const failed = await make();
    await slipway.database.query("update image set status = 'CREATE_FAILED' where id = $1", [failed.uid]);
    const live = await make({ reference: failed.reference });
    await make({ dependencies: [`default/${live.name}:1`] });
    expect(await update({ id: failed.id, tag: 'failed' })).toMatchObject({ tag: 'failed' });
    expect(await update({ id: failed.id, tag: '1' })).toMatchObject({ tag: '1', status: 'CREATE_FAILED' });
  });
});

describe('moving an image', () => {
  it('to another namespace takes DEVELOPER there and here', async () => {
    const there = await makeScope(admin, 'namespace', { name: 'there' });
    const dana = await slipway.user('dana', { namespace: 'DEVELOPER' });
    const role = async (value: string | null) =>
      await admin.run(
        'mutation ($input: SetNamespaceMemberInput!) { setNamespaceMember(input: $input) { userErrors { code } } }',
        { input: { namespaceId: there.id, userName: 'dana', role: value } },
      );
    const { id } = await make();
    const move = async () => {
      const query =
        'mutation ($input: UpdateImageInput!) { updateImage(input: $input) { image { namespace { name } } userErrors { code path } } }';
      const { data, errors } = await dana.ask<{ updateImage: ImagePayload }>(query, {
        input: { id, namespace: 'there' },
      });
      return (
        errors?.[0]?.extensions['code'] ??
        data.updateImage.image?.namespace.name ??
        codes(data.updateImage.userErrors)
      );
    };
    expect(await move()).toEqual(['NOT_FOUND namespace']);
    await role('VIEWER');
    expect(await move()).toBe('FORBIDDEN');
    await role('DEVELOPER');
    expect(await move()).toBe('there');
    await role('VIEWER');
    expect(await move()).toBe('FORBIDDEN');
  });

  it('to a namespace that is not there makes it, for an administrator alone', async () => {
    const { id } = await make();
    const erin = await slipway.user('erin', { namespace: 'DEVELOPER' });
    expect(codes((await updateImage(erin, { id, namespace: 'new-there' })).userErrors)).toEqual([
      'NOT_FOUND namespace',
    ]);
    expect(await update({ id, namespace: 'new-there' })).toMatchObject({ namespace: { name: 'new-there' } });
  });

  it('to another workspace takes DEVELOPER there; null and "0" bring it back to the default one', async () => {
    const lab = await makeScope(admin, 'workspace', { name: 'lab' });
    const finn = await slipway.user('finn', { namespace: 'DEVELOPER' });
    const { id } = await make();
    expect(codes((await updateImage(finn, { id, workspaceId: lab.id })).userErrors)).toEqual([
      'NOT_FOUND workspaceId',
    ]);
    expect(await update({ id, workspaceId: lab.id })).toMatchObject({
      workspace: { name: 'lab' },
      version: 2,
    });
    // Who sends back what they have read changes nothing there, and needs no right.
    const same = await updateImage(finn, { id, workspaceId: lab.id, description: 'by finn' });
    expect(imageOf(same)).toMatchObject({ workspace: { name: 'lab' }, version: 3 });
    const [stale] = (await updateImage(admin, { id, expectedVersion: 1 })).userErrors;
    expect(stale?.details?.['changed']).toEqual(expect.arrayContaining(['workspace', 'description']));
    expect(await update({ id, workspaceId: null })).toMatchObject({ workspace: { isDefault: true } });
    await update({ id, workspaceId: lab.id });
    expect(await update({ id, workspaceId: '0' })).toMatchObject({ workspace: { isDefault: true } });
    expect(await wrongWith({ id, workspaceId: globalId('Workspace') })).toEqual(['NOT_FOUND workspaceId']);
    expect(await wrongWith({ id, workspaceId: lab.name })).toEqual(['INVALID workspaceId']);
  });
});

describe('a new reference', () => {
  it('takes host and path from it, and forgets what the registry said of the old one', async () => {
    const image = await make();
    await slipway.database.query(
      `update image set digest = 'sha256:1', size_bytes = 7, layers = '[{"digest": "sha256:2", "sizeBytes": 7, "mediaType": "x"}]'
        where id = $1`,
      [image.uid],
    );
    const changed = await update({ id: image.id, reference: 'registry.example:5000/team/torch:2' });
    expect(changed).toMatchObject({
      reference: 'registry.example:5000/team/torch:2',
      registryHost: 'registry.example:5000',
      repository: 'team/torch',
      digest: null,
      sizeBytes: null,
      namespace: { name: 'default' },
      name: image.name,
      tag: '1',
    });
    expect(await readImage(admin, image.id, 'layers { digest }')).toEqual({ layers: [] });
  });

  it('is not for what was built or saved here; all else is', async () => {
    const built = await finished(
      admin,
      (await startBuild(admin, { name: 'built', dockerfile: 'FROM scratch' })).id,
    );
    const notebook = addNotebook(slipway.engine, {});
    const { build, image } = await saveNotebook(admin, { notebookId: notebook.id, name: 'saved' });
    await finished(admin, build?.id ?? '');
    for (const id of [built.image?.id, image?.id]) {
      const before = await readImage<{ reference: string; digest: string }>(
        admin,
        id ?? '',
        'reference digest',
      );
      expect(await wrongWith({ id, reference: 'docker.io/library/other:1' })).toEqual([
        'NOT_ALLOWED reference',
      ]);
      expect(await update({ id, reference: before.reference })).toMatchObject({ ...before, version: 1 });
      expect(await update({ id, ...WHOLE, tag: 'renamed' })).toMatchObject({
        ...before,
        tag: 'renamed',
        version: 2,
      });
    }
  });

  it('and a new name are not for what is still being made; its words are, and stay when it is made', async () => {
    const held = gate();
    slipway.engine.onCommit(async () => await held.opened);
    const notebook = addNotebook(slipway.engine, {});
    const { build, image } = await saveNotebook(admin, { notebookId: notebook.id, name: 'in-the-making' });
    const id = image?.id ?? '';
    const other = { reference: 'a:1', namespace: 'else', name: 'other', tag: 'other' };
    expect(await wrongWith({ id, ...other })).toEqual([
      'NOT_ALLOWED name',
      'NOT_ALLOWED namespace',
      'NOT_ALLOWED reference',
      'NOT_ALLOWED tag',
    ]);
    const before = await update({ id, description: 'said meanwhile', labels: [{ key: 'a', value: 'b' }] });
    expect(before).toMatchObject({ version: 2, digest: null });
    held.open();
    await finished(admin, build?.id ?? '');
    slipway.engine.onCommit(null);
    expect(await readImage(admin, id, 'status description labels { key value } version')).toEqual({
      status: 'ACTIVE',
      description: 'said meanwhile',
      labels: [{ key: 'a', value: 'b' }],
      version: 2,
    });
    // The build has moved it on without an edit.
    const { userErrors } = await updateImage(admin, { id, group: 'g', ifUpdatedAt: before.updatedAt });
    expect(userErrors).toMatchObject([{ code: 'STALE', details: { changed: ['status'] } }]);
  });
});
