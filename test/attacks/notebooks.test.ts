import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import type { ApiClient } from '../support/client.ts';
import { globalId } from '../support/images.ts';
import { addDanasNotebook, addNotebook, type NotebookFacts, SAVE } from '../support/notebooks.ts';

let slipway: TestApp;
let eve: ApiClient;
let danas: NotebookFacts;
let evesOwn: NotebookFacts;
/** A container of the machine that is no notebook. */
let database: string;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  eve = await slipway.user('eve', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
  await slipway.user('dana', { namespace: 'DEVELOPER', workspace: 'DEVELOPER' });
  danas = addDanasNotebook(slipway.engine);
  evesOwn = addNotebook(slipway.engine, { owner: 'eve', name: 'own', workspace: 'default' });
  addNotebook(slipway.engine, {
    owner: 'Eve',
    name: 'like-eves',
    workspace: 'default',
    uid: LOOKS_LIKE_EVES,
  });
  database = slipway.engine.addContainer({ labels: { 'slipway.owner': 'eve', role: 'database' } }).id;
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const LOOKS_LIKE_EVES = '99999999-2222-4333-8444-555555555555';
const upper = (id: string) =>
  Buffer.from(Buffer.from(id, 'base64url').toString().toUpperCase()).toString('base64url');

/** Each id is made when the notebooks are there. */
const IDS: readonly (readonly [what: string, id: () => string])[] = [
  ["somebody else's notebook", () => danas.id],
  ['a notebook whose owner is named like her but for a capital', () => globalId('Notebook', LOOKS_LIKE_EVES)],
  ['a notebook that there is not', () => globalId('Notebook')],
  ["the id of somebody else's container", () => globalId('Notebook', danas.container.id)],
  ['the first digits of it', () => globalId('Notebook', danas.container.id.slice(0, 12))],
  ['a container that is no notebook', () => globalId('Notebook', database)],
  ['the first half of an id', () => Buffer.from(`Notebook:${danas.uid.slice(0, 18)}`).toString('base64url')],
  ['an id in capitals', () => upper(danas.id)],
  [
    "her own notebook's id and somebody else's",
    () => Buffer.from(`Notebook:${evesOwn.uid}:${danas.uid}`).toString('base64url'),
  ],
  ['an image by the notebook’s UUID', () => globalId('Image', danas.uid)],
  ['a UUID alone', () => danas.uid],
  ['a container id alone', () => danas.container.id],
  ['the name of a container', () => 'a-mine'],
];

/** What cannot be an id says so; what could be one names nothing. */
async function answersTo(id: string): Promise<string[]> {
  const saved = await eve.ask<{
    saveImageFromNotebook: { userErrors: { code: string; message: string }[] } | null;
  }>(SAVE, {
    input: { notebookId: id, name: 'stolen', namespace: 'default' },
  });
  const refused = [...(saved.data?.saveImageFromNotebook?.userErrors ?? []), ...(saved.errors ?? [])];
  const read = await eve.ask<{ notebook: unknown; node: unknown }>(
    'query ($id: ID!) { notebook(id: $id) { id name containerId } node(id: $id) { id } }',
    { id },
  );
  expect([read.data?.notebook ?? null, read.data?.node ?? null]).toEqual([null, null]);
  return [...new Set(refused.map(({ message }) => message))];
}

it.each(IDS)('saves nothing by %s, and says what it says of one that there is not', async (_, id) => {
  const missing = await answersTo(globalId('Notebook'));
  const malformed = await answersTo('nothing');
  expect(missing).toHaveLength(1);
  expect([missing, malformed]).toContainEqual(await answersTo(id()));
  expect(slipway.engine.commits).toEqual([]);
  const { imageBuilds } = await slipway.admin.run<{ imageBuilds: { totalCount: number } }>(
    '{ imageBuilds { totalCount } }',
  );
  expect(imageBuilds.totalCount).toBe(0);
});

it('lists nothing of others by any filter, order or count', async () => {
  const { notebooks } = await eve.run<{ notebooks: { totalCount: number; nodes: { name: string }[] } }>(
    '{ notebooks(first: 100) { totalCount nodes { name } } }',
  );
  expect(notebooks).toEqual({ totalCount: 1, nodes: [{ name: 'own' }] });
});

it('saves her own, which shows that it is the id that is refused', async () => {
  const { saveImageFromNotebook } = await eve.run<{
    saveImageFromNotebook: { build: unknown; userErrors: unknown[] };
  }>(SAVE, { input: { notebookId: evesOwn.id, name: 'own', namespace: 'default' } });
  expect(saveImageFromNotebook.userErrors).toEqual([]);
  expect(saveImageFromNotebook.build).not.toBeNull();
});
