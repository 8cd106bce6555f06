import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/auth/session.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { digestOf } from '../support/fake-engine.ts';
import { deleteImage, fillCatalogue, makeImage } from '../support/images.ts';
import { addNotebook } from '../support/notebooks.ts';
import { sessionOf } from '../support/sessions.ts';

let slipway: TestApp;
const memberOf = (namespaceId: string) => sessionOf({ namespaceRoles: new Map([[namespaceId, 'VIEWER']]) });
const admin = sessionOf({ isAdmin: true });
const stranger = sessionOf();
const DIGEST = digestOf('one');
const OTHER = digestOf('other');

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

/** What an engine's names lead to: the catalogue's names by theirs. */
async function found(session: Session, ...references: string[]): Promise<Record<string, string>> {
  const images = await slipway.app.services.images.byReferences(session, references);
  return Object.fromEntries([...images].map(([reference, { name, tag }]) => [reference, `${name}:${tag}`]));
}

const register = async (reference: string, more: Record<string, unknown> = {}) =>
  await makeImage(slipway.admin, { reference, namespace: 'default', ...more });

describe("an image by an engine's name for it", () => {
  it('is found by registry, repository and digest, however Docker Hub is spelled', async () => {
    await register(`docker.io/library/busybox:1@${DIGEST}`, { name: 'hub' });
    await register(`quay.example/team/torch:2@${DIGEST}`, { name: 'quay' });
    await register(`quay.example/team/torch:3@${OTHER}`, { name: 'quay' });
    const names = [
      `busybox@${DIGEST}`,
      `docker.io/library/busybox@${DIGEST}`,
      `quay.example/team/torch@${DIGEST}`,
      `quay.example/team/torch@${OTHER}`,
      `quay.example/team/other@${DIGEST}`,
      `elsewhere.example/team/torch@${DIGEST}`,
      `busybox@${OTHER}`,
      'busybox:1',
      '<none>@<none>',
    ];
    expect(await found(admin, ...names)).toEqual({
      [`busybox@${DIGEST}`]: 'hub:1',
      [`docker.io/library/busybox@${DIGEST}`]: 'hub:1',
      [`quay.example/team/torch@${DIGEST}`]: 'quay:2',
      [`quay.example/team/torch@${OTHER}`]: 'quay:3',
    });
    expect(await found(admin)).toEqual({});
  });

  it('is one that the viewer may see', async () => {
    const place = `rights.example/x@${DIGEST}`;
    await register(`rights.example/x:1@${DIGEST}`, { name: 'hidden' });
    await register(`rights.example/x:2@${DIGEST}`, { name: 'shown', visibility: 'PUBLIC' });
    expect(await found(admin, place)).toEqual({ [place]: 'hidden:1' });
    expect(await found(stranger, place)).toEqual({ [place]: 'shown:2' });
  });

  it('is a live one where there is one, and the one that came first', async () => {
    const place = `many.example/x@${DIGEST}`;
    const made = [];
    for (const tag of ['1', '2', '3'])
      made.push(await register(`many.example/x:${tag}@${DIGEST}`, { name: 'many' }));
    expect(await found(admin, place)).toEqual({ [place]: 'many:1' });
    await deleteImage(slipway.admin, { id: made[0]?.id });
    expect(await found(admin, place)).toEqual({ [place]: 'many:2' });
    for (const { id } of made.slice(1)) await deleteImage(slipway.admin, { id });
    expect(await found(admin, place)).toEqual({ [place]: 'many:1' });
  });

  it('costs one statement, which looks up the repositories', async () => {
    await fillCatalogue(slipway.database, 'filler-', 5000);
    await slipway.database.query('vacuum analyze');
    const names = Array.from({ length: 30 }, (_, i) => `default/filler-${i}@${DIGEST}`);
    const [namespace] = await slipway.database.query<{ id: string }>(
      "select id from namespace where name = 'default'",
    );
    for (const session of [admin, memberOf(namespace?.id ?? '')]) {
      const statements = await slipway.statementsOf(() => found(session, `busybox@${DIGEST}`, ...names));
      expect(statements).toHaveLength(1);
      const plan = await slipway.database.query(`explain ${statements[0]?.text}`, statements[0]?.values);
      expect(JSON.stringify(plan)).toContain('image_repository');
      expect(JSON.stringify(plan)).not.toContain('Seq Scan on image');
    }
    expect(await slipway.countStatements(() => found(admin, 'busybox:1'))).toBe(0);
  });
});

it('a page of notebooks costs the same statements however many they are and whatever they run', async () => {
  for (let i = 0; i < 30; i += 1) {
    const imageId = digestOf(`image ${i}`);
    slipway.engine.addImage({
      id: imageId,
      references: [`quay.example/team/torch@${i % 2 ? DIGEST : OTHER}`],
    });
    addNotebook(slipway.engine, { owner: 'admin', name: `n-${i}` }, { imageId });
  }
  const cost = async (first: number) =>
    await slipway.countStatements(() =>
      slipway.admin.run(
        `query ($first: Int!) {
          notebooks(first: $first) { nodes { status layerCount sizeBytes owner { name } sourceImage { name } } totalCount }
        }`,
        { first },
      ),
    );
  // Signing in, workspaces by name, the default one, saves, owners, images.
  expect([await cost(2), await cost(30)]).toEqual([6, 6]);
});
