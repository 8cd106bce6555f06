import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
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
import { whileLocked } from '../support/locks.ts';
import { makeScope } from '../support/scopes.ts';

/** Two processes, as far as the database can tell. */
let slipway: TestApp;
let other: TestApp;
let admin: ApiClient;
let clients: readonly [ApiClient, ApiClient];

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
  other = await createTestApp({ worker: false, database: slipway.database, engine: slipway.engine });
  admin = slipway.admin;
  clients = [slipway.admin, other.admin];
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await slipway[Symbol.asyncDispose]();
});

const times = <T>(count: number, run: (client: ApiClient, index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => run(clients[i % 2] as ApiClient, i)));

/** How often each answer was given. */
const tally = (answers: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    Object.entries(Object.groupBy(answers, (one) => one)).map(([k, v]) => [k, v?.length ?? 0]),
  );

const answerOf = ({ image, userErrors }: { image: unknown; userErrors: Parameters<typeof codes>[0] }) =>
  image === null ? codes(userErrors).join() : 'done';

describe('1,000 registrations of one name at once, over two processes', () => {
  it('make one image and 999 refusals, while others are answered', async () => {
    const registrations = times(1000, async (client) =>
      answerOf(await registerImage(client, { reference: 'contested/prize:1' })),
    );
    let isOver = false;
    const over = registrations.finally(() => {
      isOver = true;
    });
    let answered = 0;
    while (!isOver) {
      await admin.run('{ viewer { user { name } } }');
      if (!isOver) answered += 1;
    }
    await over;
    expect(tally(await registrations)).toEqual({ done: 1, 'NAME_TAKEN name': 999 });
    expect(answered).toBeGreaterThan(0);
    const rows = await slipway.database.query("select 1 from image where name = 'prize'");
    expect(rows).toHaveLength(1);
  }, 60_000);
});

describe('changes of one image at once', () => {
  it('from one version: one is made, the others are STALE', async () => {
    const { id } = await makeImage(admin, { reference: 'default/raced:1' });
    const answers = await times(20, async (client, i) =>
      answerOf(await updateImage(client, { id, expectedVersion: 1, description: `by ${i}` })),
    );
    expect(tally(answers)).toEqual({ done: 1, 'STALE expectedVersion': 19 });
    expect(await readImage(admin, id, 'version')).toEqual({ version: 2 });
  });

  it('without a version are all made, one after the other', async () => {
    const { id } = await makeImage(admin, { reference: 'default/raced:2' });
    const answers = await times(20, async (client, i) =>
      answerOf(await updateImage(client, { id, description: `by ${i}` })),
    );
    expect(tally(answers)).toEqual({ done: 20 });
    expect(await readImage(admin, id, 'version')).toEqual({ version: 21 });
  });

  it('that move it, in greater numbers than there are connections to the database, are all answered', async () => {
    const workspaces = await Promise.all(
      ['w0', 'w1'].map(async (name) => (await makeScope(admin, 'workspace', { name })).id),
    );
    await makeScope(admin, 'namespace', { name: 'moved0' });
    await makeScope(admin, 'namespace', { name: 'moved1' });
    const { id } = await makeImage(admin, { reference: 'default/raced:3' });
    const answers = await times(40, async (client, i) =>
      answerOf(await updateImage(client, { id, namespace: `moved${i % 2}`, workspaceId: workspaces[i % 2] })),
    );
    expect(tally(answers)).toEqual({ done: 40 });
  });

  it('delete, restore and purge it once', async () => {
    const { id } = await makeImage(admin, { reference: 'default/raced:4' });
    const deleted = await times(20, async (client) => answerOf(await deleteImage(client, { id })));
    expect(tally(deleted)).toEqual({ done: 1, 'NOT_FOUND id': 19 });
    const restored = await times(20, async (client) => answerOf(await restoreImage(client, { id })));
    expect(tally(restored)).toEqual({ done: 1, 'INVALID id': 19 });
    await deleteImage(admin, { id });
    const purged = await times(20, async (client) => answerOf(await purgeImage(client, { id })));
    expect(tally(purged)).toEqual({ done: 1, 'NOT_FOUND id': 19 });
  });
});

describe('a name', () => {
  it('that several images are renamed to at once goes to one of them', async () => {
    const images = await times(20, async (client, i) =>
      makeImage(client, { reference: `default/renamed-${i}:1` }),
    );
    const answers = await times(20, async (client, i) =>
      answerOf(await updateImage(client, { id: images[i]?.id, name: 'renamed' })),
    );
    expect(tally(answers)).toEqual({ done: 1, 'NAME_TAKEN name': 19 });
  });

  it('that several deleted images had is restored to one of them', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      const { id } = await makeImage(admin, { reference: 'default/often:1' });
      await deleteImage(admin, { id });
      ids.push(id);
    }
    const answers = await times(10, async (client, i) =>
      answerOf(await restoreImage(client, { id: ids[i] })),
    );
    expect(tally(answers)).toEqual({ done: 1, 'NAME_TAKEN id': 9 });
  });

  it('in a namespace that is not there yet is made once, with its namespace', async () => {
    const answers = await times(40, async (client, i) =>
      answerOf(await registerImage(client, { reference: `sudden/thing:${i % 2}` })),
    );
    expect(tally(answers)).toEqual({ done: 2, 'NAME_TAKEN name': 38 });
  });
});

describe('purges from the registry', () => {
  it('in greater numbers than there are connections are all answered', async () => {
    const { registry } = slipway.engine;
    const images = await times(30, async (client, i) =>
      makeImage(client, { reference: `${registry.host}/default/purged-${i}:1` }),
    );
    await times(30, async (client, i) => await deleteImage(client, { id: images[i]?.id }));
    const answers = await times(30, async (client, i) =>
      answerOf(await purgeImage(client, { id: images[i]?.id, removeFromRegistry: true })),
    );
    expect(tally(answers)).toEqual({ done: 30 });
  });
});

describe('two deleted images with one tag and digest', () => {
  it('that are purged at once leave no tag behind', async () => {
    const { registry } = slipway.engine;
    for (let round = 0; round < 10; round += 1) {
      const repository = `default/twins-${round}`;
      const digest = digestOf(repository);
      registry.put(repository, '1', {
        digest,
        sizeBytes: 1,
        layers: [],
        architecture: null,
        configDigest: digest,
      });
      const reference = `${registry.host}/${repository}:1`;
      const twins = await times(2, async (client, i) =>
        makeImage(client, { reference, name: `twin-${round}-${i}`, verify: true }),
      );
      await times(2, async (client, i) => await deleteImage(client, { id: twins[i]?.id }));
      const purges = await times(2, async (client, i) =>
        purgeImage(client, { id: twins[i]?.id, removeFromRegistry: true }),
      );
      expect(purges.map(answerOf)).toEqual(['done', 'done']);
      expect(purges.map(({ removedFromRegistry }) => removedFromRegistry).sort()).toEqual([false, true]);
      expect(await registry.manifest(repository, '1')).toBeNull();
    }
  });
});

describe('dependencies that are made at once', () => {
  it('never make a circle of two, nor of three', async () => {
    for (const size of [2, 3]) {
      for (let round = 0; round < 10; round += 1) {
        const names = Array.from({ length: size }, (_, i) => `default/ring-${size}-${round}-${i}:1`);
        const images = await Promise.all(names.map((reference) => makeImage(admin, { reference })));
        const answers = await times(size, async (client, i) =>
          answerOf(await updateImage(client, { id: images[i]?.id, dependencies: [names[(i + 1) % size]] })),
        );
        expect(tally(answers)).toEqual({ done: size - 1, 'DEPENDENCY_CYCLE dependencies.0': 1 });
      }
    }
  });

  it('and the deletion of what they name: either they are refused, or it is', async () => {
    for (let round = 0; round < 10; round += 1) {
      const target = await makeImage(admin, { reference: `default/target-${round}:1` });
      const [made, deleted] = await Promise.all([
        registerImage(clients[0], {
          reference: `default/needs-${round}:1`,
          dependencies: [`default/target-${round}:1`],
        }),
        deleteImage(clients[1], { id: target.id }),
      ]);
      expect([
        ['done', 'IN_USE id'],
        ['DEPENDENCY_UNRESOLVED dependencies.0', 'done'],
      ]).toContainEqual([answerOf(made), answerOf(deleted)]);
    }
  });
});

describe('an import', () => {
  it.each([
    ['change the dependencies of', async (id: string) => await updateImage(admin, { id, dependencies: [] })],
    ['rename', async (id: string) => await updateImage(admin, { id, tag: 'renamed' })],
    ['delete', async (id: string) => await deleteImage(admin, { id })],
    ['restore', async (id: string) => await restoreImage(admin, { id })],
  ])('can lock the images that others are about to %s', async (what, run) => {
    const { id, uid } = await makeImage(admin, { reference: `default/locked-${what.split(' ')[0]}:1` });
    if (what === 'restore') await deleteImage(admin, { id });
    const answer = await whileLocked(
      slipway.database,
      ["select pg_advisory_xact_lock(hashtext('slipway image dependencies'))"],
      async () => await run(id),
      ['select 1 from image where id = $1 for update nowait', [uid]],
    );
    expect(answer.userErrors).toEqual([]);
  });

  it('and changes, deletions and restorations of its images at once all end without a fault', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `imported-${i}`);
    const images = await Promise.all(
      names.map((name) => makeImage(admin, { reference: `default/${name}:1` })),
    );
    const document = (round: number) =>
      JSON.stringify(
        Object.fromEntries(
          images.map(({ uid }, i) => [
            uid,
            {
              imageId: uid,
              imageName: `default/${names[i]}`,
              imageTag: '1',
              factory: 'f',
              algoName: `round ${round}`,
              algoType: '0',
              frameInterval: 1,
            },
          ]),
        ),
      );
    const imports = times(20, async (client, round) => {
      const { importImages } = await client.run<{ importImages: { updated: number } }>(
        'mutation ($input: ImportImagesInput!) { importImages(input: $input) { updated } }',
        { input: { document: document(round), mode: 'PARTIAL' } },
      );
      return importImages.updated;
    });
    const edits = times(80, async (client, i) => {
      const id = images[i % 8]?.id;
      const next = names[((i % 8) + 1) % 8];
      if (i % 4 === 0) await deleteImage(client, { id, force: true });
      else if (i % 4 === 1) await restoreImage(client, { id });
      else await updateImage(client, { id, dependencies: i % 3 === 0 ? [] : [`default/${next}:1`] });
    });
    const [updated] = await Promise.all([imports, edits]);
    expect(updated.some((count) => count > 0)).toBe(true);
  }, 60_000);
});
