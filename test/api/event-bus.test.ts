import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresEventBus } from '../../src/events/postgres-event-bus.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const NEVER = 2 ** 31 - 1;
const LISTENING =
  "select pid from pg_stat_activity where application_name = 'slipway-events' and datname = current_database() and query = 'listen slipway'";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => await database[Symbol.asyncDispose]());

async function openBuses(count: number): Promise<PostgresEventBus[]> {
  const buses = Array.from(
    { length: count },
    () => new PostgresEventBus(database.url, createLogger('silent')),
  );
  for (const bus of buses) bus.start();
  await until('all to listen', async () => (await database.query(LISTENING)).length === count);
  return buses;
}

describe('the event bus', () => {
  it('wakes the listeners of a key in other processes and in its own', async () => {
    const [one, other] = (await openBuses(2)) as [PostgresEventBus, PostgresEventBus];
    await using _one = one;
    await using _other = other;
    using near = one.listen('build:1');
    using far = other.listen('build:1');
    one.hint('build:1');
    await Promise.all([near.wait(NEVER), far.wait(NEVER)]);
  });

  it('sends many hints in few messages, and forgets none', async () => {
    const [one, other] = (await openBuses(2)) as [PostgresEventBus, PostgresEventBus];
    await using _one = one;
    await using _other = other;
    const keys = Array.from(
      { length: 350 },
      (_, i) => `build:11111111-2222-4333-8444-${String(i).padStart(12, '0')}`,
    );
    const wakers = keys.map((key) => other.listen(key));
    for (const key of keys) for (let i = 0; i < 3; i += 1) one.hint(key);
    await Promise.all(wakers.map((waker) => waker.wait(NEVER)));
    for (const waker of wakers) waker[Symbol.dispose]();
  });

  it('listens again when its connection is lost, and wakes everyone, for hints may have gone by', async () => {
    const [bus] = (await openBuses(1)) as [PostgresEventBus];
    await using _bus = bus;
    using waker = bus.listen('build:1');
    for (let round = 0; round < 2; round += 1) {
      const before = await database.query<{ pid: number }>(LISTENING);
      const woken = waker.wait(NEVER);
      await database.query(`select pg_terminate_backend(pid) from (${LISTENING}) listening`);
      await woken;
      const after = await database.query<{ pid: number }>(LISTENING);
      expect(after).toHaveLength(1);
      expect(after).not.toEqual(before);
    }
  });

  it('sends what it has gathered when it closes', async () => {
    const [one, other] = (await openBuses(2)) as [PostgresEventBus, PostgresEventBus];
    await using _other = other;
    using far = other.listen('build:last');
    one.hint('build:last');
    await one[Symbol.asyncDispose]();
    await far.wait(NEVER);
    expect(await database.query(LISTENING)).toHaveLength(1);
  });
});
