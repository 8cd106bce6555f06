import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kysely } from '../../src/db/orm.ts';
import { WriteGate } from '../../src/db/write-gate.ts';
import { createErrorFormatter } from '../../src/graphql/format-error.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { digestOf } from '../support/fake-engine.ts';
import { codes, deleteImage, makeImage, purgeImage, registerImage } from '../support/images.ts';
import { holding, waiting } from '../support/locks.ts';
import { makeScope, setQuota } from '../support/scopes.ts';
import { gate, until } from '../support/until.ts';

const DEPENDENCIES = "select pg_advisory_xact_lock(hashtext('slipway image dependencies'))";
const MAX_WRITES = 5;
const MAX_LONG_WRITES = 2;
let slipway: TestApp;

beforeAll(async () => {
  slipway = await createTestApp({ worker: false });
});
afterAll(async () => await slipway[Symbol.asyncDispose]());

const toClient = (error: unknown) => createErrorFormatter(createLogger('silent'))(error);

describe('writers that wait for a lock', () => {
  it('leave connections for reads, however many they are', async () => {
    const images = await Promise.all(
      Array.from({ length: 30 }, (_, i) => makeImage(slipway.admin, { reference: `default/waits-${i}:1` })),
    );
    let ended = 0;
    const deleteAll = () =>
      images.map(async ({ id }) => {
        const { userErrors } = await deleteImage(slipway.admin, { id });
        ended += 1;
        return userErrors;
      });
    const deletions = await holding(slipway.database, [DEPENDENCIES], async () => {
      const running = deleteAll();
      await until('the writers to wait', async () => (await waiting(slipway.database)) === MAX_WRITES);
      const { images: seen } = await slipway.admin.run<{ images: { totalCount: number } }>(
        '{ images(filter: { search: "waits-" }) { totalCount } }',
      );
      expect(seen.totalCount).toBe(30);
      expect(await waiting(slipway.database)).toBe(MAX_WRITES);
      expect(ended).toBe(0);
      return { running };
    });
    expect((await Promise.all(deletions.running)).flat()).toEqual([]);
  });

  it('leave turns for other writers where each may take long, as with purges from the registry', async () => {
    const { registry } = slipway.engine;
    const digest = digestOf('long');
    registry.put('default/long', '1', {
      digest,
      sizeBytes: 1,
      layers: [],
      architecture: null,
      configDigest: digest,
    });
    const images = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        makeImage(slipway.admin, {
          reference: `${registry.host}/default/long:1`,
          name: `long-${i}`,
          verify: true,
        }),
      ),
    );
    await Promise.all(images.map(({ id }) => deleteImage(slipway.admin, { id })));
    const lock = "select pg_advisory_xact_lock(hashtextextended('slipway registry default/long', 0))";
    const { purges } = await holding(slipway.database, [lock], async () => {
      const running = images.map(({ id }) => purgeImage(slipway.admin, { id, removeFromRegistry: true }));
      await until('the purges to wait', async () => (await waiting(slipway.database)) === MAX_LONG_WRITES);
      await makeImage(slipway.admin, { reference: 'default/meanwhile:1' });
      expect(await waiting(slipway.database)).toBe(MAX_LONG_WRITES);
      return { purges: Promise.all(running) };
    });
    const removed = (await purges).map(({ removedFromRegistry }) => removedFromRegistry);
    expect(removed.filter(Boolean)).toHaveLength(1);
  });

  it('are sent away as UNAVAILABLE when their turn does not come', async () => {
    const writes = new WriteGate(slipway.app.orm.em, 1);
    const held = gate();
    const inside = Array.from({ length: MAX_WRITES }, () => writes.run(async () => await held.opened));
    const error: unknown = await writes.run(async () => 'in').catch((reason: unknown) => reason);
    expect(toClient(error)).toMatchObject({
      extensions: { code: 'UNAVAILABLE', details: { retryable: true } },
    });
    held.open();
    await Promise.all(inside);
  });

  it('are sent away as UNAVAILABLE when the lock does not come', async () => {
    const writes = new WriteGate(slipway.app.orm.em);
    const error: unknown = await holding(slipway.database, [DEPENDENCIES], async () =>
      writes
        .run(async (tx) => {
          const { rows } = await sql<{ lock_timeout: string }>`show lock_timeout`.execute(kysely(tx));
          expect(rows).toEqual([{ lock_timeout: '15s' }]);
          await sql`set local lock_timeout = 10`.execute(kysely(tx));
          await tx.execute(DEPENDENCIES);
        })
        .catch((reason: unknown) => reason),
    );
    expect(toClient(error)).toMatchObject({
      message: expect.stringContaining('Others are changing the same'),
      extensions: { code: 'UNAVAILABLE', details: { retryable: true } },
    });
  });
});

describe('a transaction that PostgreSQL gives up', () => {
  it.each(['40P01', '40001'])('with %s is UNAVAILABLE for the moment', async (code) => {
    const writes = new WriteGate(slipway.app.orm.em);
    const error: unknown = await writes
      .run(async (tx) => await tx.execute(`do $$ begin raise exception using errcode = '${code}'; end $$`))
      .catch((reason: unknown) => reason);
    expect(toClient(error)).toMatchObject({
      extensions: { code: 'UNAVAILABLE', details: { retryable: true } },
    });
  });
});

describe('a write inside of another one', () => {
  it('is a part of it and waits for no turn, even where all are taken', async () => {
    const writes = new WriteGate(slipway.app.orm.em);
    const held = gate();
    let inside = 0;
    const pidOf = async (em: Parameters<typeof kysely>[0]) =>
      (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(kysely(em))).rows[0]?.pid;
    const write = async () =>
      await writes.run(async (tx) => {
        inside += 1;
        await held.opened;
        return [await pidOf(tx), await writes.run(pidOf, 'LONG')];
      });
    const all = Array.from({ length: MAX_WRITES }, write);
    await until('all turns to be taken', () => inside === MAX_WRITES);
    held.open();
    for (const [outer, inner] of await Promise.all(all)) expect(inner).toBe(outer);
  });
});

describe('a look at a quota before anything is written', () => {
  it('waits for nobody who holds the scope', async () => {
    const { id } = await makeScope(slipway.admin, 'namespace', { name: 'held' });
    await setQuota(slipway.admin, 'namespace', id, { images: 0 });
    const { userErrors } = await holding(
      slipway.database,
      ["select 1 from namespace where name = 'held' for update"],
      async () =>
        await registerImage(slipway.admin, { reference: 'held/one:1', dependencies: ['held/nothing:1'] }),
    );
    expect(codes(userErrors)).toEqual(['DEPENDENCY_UNRESOLVED dependencies.0', 'QUOTA_EXCEEDED namespace']);
  });
});
