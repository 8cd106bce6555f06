import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PipelinedConnection } from '../../src/db/pipelined-connection.ts';
import { plainSql } from '../../src/db/plain-sql.ts';
import { ReadConnections } from '../../src/db/read-connections.ts';
import { createErrorFormatter } from '../../src/graphql/format-error.ts';
import { isLostConnection } from '../../src/shared/faults.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openStoppingProxy } from '../support/stopping-proxy.ts';

let database: TestDatabase;
let reads: ReadConnections;

beforeAll(async () => {
  database = await createTestDatabase();
  reads = new ReadConnections(database.url);
});
afterAll(async () => {
  await reads[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** The process in PostgreSQL that answers. */
const backend = plainSql<{ pid: number }>`select pg_backend_pid() as pid`;
const prepared = plainSql<{ name: string }>`select name from pg_prepared_statements`;

function connectionTo(url: string, silenceMs = 5000): PipelinedConnection & AsyncDisposable {
  const connection = new PipelinedConnection({ connectionString: url, silenceMs, types: pg.types });
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() });
}

const toClient = createErrorFormatter(createLogger('silent'));

describe.each(['short', 'signIn', 'long'] as const)('%s reads', (kind) => {
  it('have values of the types that rows have in the API', async () => {
    const rows = await reads[
      kind
    ](plainSql`select 2::bigint as bigint, 0.10::numeric as numeric, true as boolean,
      '2026-01-02 03:04:05.678+02'::timestamptz as time, '{"a": [1]}'::jsonb as json, array['a,b'] as texts, null as nothing,
      ${'a'}::text as given`);
    expect(rows).toEqual([
      {
        bigint: 2,
        numeric: '0.10',
        boolean: true,
        time: new Date('2026-01-02T01:04:05.678Z'),
        json: { a: [1] },
        texts: ['a,b'],
        nothing: null,
        given: 'a',
      },
    ]);
  });

  it('look for tables in the schema public alone', async () => {
    expect(await reads[kind](plainSql`show search_path`)).toEqual([{ search_path: 'public' }]);
  });

  it('fail by themselves: what is asked for at the same time is answered', async () => {
    const asked = [1, 0, 2].map((by) => reads[kind](plainSql`select 2 / ${by}::int as half`));
    const [one, none, two] = await Promise.allSettled(asked);
    expect([one, two].map((answer) => answer?.status === 'fulfilled' && answer.value)).toEqual([
      [{ half: 2 }],
      [{ half: 1 }],
    ]);
    expect(none).toMatchObject({ reason: { code: '22012' } });
  });

  it('that take too long are given up, and whoever asked is told what helps', async () => {
    const [allowed] = await reads[kind](plainSql`show statement_timeout`);
    expect(allowed).toEqual({ statement_timeout: { short: '10s', signIn: '10s', long: '30s' }[kind] });
    // One after the other, they go over one connection.
    await reads[kind](plainSql`set statement_timeout = 10`);
    const error = await reads[kind](plainSql`select pg_sleep(60)`).catch((reason: unknown) => reason);
    expect(toClient(error)).toMatchObject({
      message: expect.stringContaining('ask for less'),
      extensions: { code: 'UNAVAILABLE', details: { retryable: false } },
    });
    await reads[kind](plainSql`reset statement_timeout`);
  });

  it('that a lost connection takes along say so, and the next ones have another connection', async () => {
    const lost = await reads[kind](plainSql`select pg_terminate_backend(pg_backend_pid())`).catch(
      (error: unknown) => error,
    );
    expect(isLostConnection(lost)).toBe(true);
    expect(await reads[kind](plainSql`select 1 as one`)).toEqual([{ one: 1 }]);
  });
});

describe('short reads', () => {
  it('share few connections, however many are asked for at once, and signing in has another', async () => {
    const backends = async (kind: 'short' | 'signIn') => {
      const answers = await Promise.all(Array.from({ length: 60 }, () => reads[kind](backend)));
      return new Set(answers.map(([answer]) => answer?.pid));
    };
    const [pages, signIns] = await Promise.all([backends('short'), backends('signIn')]);
    expect([pages.size, signIns.size]).toEqual([2, 1]);
    expect(new Set([...pages, ...signIns]).size).toBe(3);
  });

  it('stay prepared, with one plan for all values', async () => {
    for (let i = 0; i < 3; i += 1) await reads.short(plainSql`select ${i}::int as again`);
    const [statement] = await reads.short(
      plainSql`select generic_plans::int, custom_plans::int from pg_prepared_statements where statement like '%as again'`,
    );
    expect(statement).toEqual({ generic_plans: 3, custom_plans: 0 });
  });

  it('of ever other words leave PostgreSQL no more than a hundred prepared statements', async () => {
    for (let i = 0; i < 250; i += 1) await reads.short(plainSql`select ${plainSql.raw(String(i))} as i`);
    expect((await reads.short(prepared)).length).toBeLessThanOrEqual(100);
  });

  it('are answered though their table has changed since they were prepared, or PostgreSQL has forgotten them', async () => {
    await database.query('create table changing as select 1 as value');
    const read = () =>
      Promise.all([1, 2, 3].map(async () => await reads.signIn(plainSql`select value from changing`)));
    const rows = (value: unknown) => Array.from({ length: 3 }, () => [{ value }]);
    expect(await read()).toEqual(rows(1));
    await database.query('alter table changing alter column value type text');
    expect(await read()).toEqual(rows('1'));
    await reads.signIn(plainSql`deallocate all`);
    expect(await read()).toEqual(rows('1'));
  });

  it('of a table that is not there fail at the first and at the next try', async () => {
    const read = () => reads.signIn(plainSql`select 1 from nowhere`);
    for (const asked of [read(), read()]) await expect(asked).rejects.toMatchObject({ code: '42P01' });
  });

  it('end, and so does their connection, where the database says nothing any more', async () => {
    const address = new URL(database.url);
    await using proxy = await openStoppingProxy(Number(address.port));
    address.port = String(proxy.port);
    const connection = connectionTo(address.href, 500);
    const read = () => connection.query(plainSql`select 1 as one`);
    await read();
    proxy.standStill();
    const errors = await Promise.all([1, 2].map(async () => await read().catch((error: unknown) => error)));
    expect(errors.map(isLostConnection)).toEqual([true, true]);
    proxy.goOn();
    expect(await read()).toEqual([{ one: 1 }]);
    proxy.standStill();
    await connection.close();
  });

  it('end also where each before them is answered, but all of them together take too long', async () => {
    await using slow = connectionTo(database.url, 800);
    const naps = await Promise.allSettled([1, 2, 3].map(() => slow.query(plainSql`select pg_sleep(0.5)`)));
    expect(naps.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await slow.query(plainSql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  it('say why there is no connection, and who has asked', async () => {
    const address = new URL(database.url);
    address.pathname = '/nowhere';
    await using nowhere = connectionTo(address.href);
    async function whoAsks() {
      return await nowhere.query(plainSql`select 1`);
    }
    for (let n = 0; n < 2; n += 1) {
      const error = await whoAsks().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: '3D000', stack: expect.stringContaining('whoAsks') });
      expect(isLostConnection(error)).toBe(false);
    }
    address.host = '127.0.0.1:1';
    await using refused = connectionTo(address.href);
    await expect(refused.query(plainSql`select 1`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('are refused after the end', async () => {
    const ended = new ReadConnections(database.url);
    await ended.short(backend);
    await ended[Symbol.asyncDispose]();
    expect(isLostConnection(await ended.short(backend).catch((error: unknown) => error))).toBe(true);
  });
});

it('long reads have memory for what an index finds in a million rows', async () => {
  expect(await reads.long(plainSql`show work_mem`)).toEqual([{ work_mem: '32MB' }]);
});
