import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely';
import { describe, expect, it } from 'vitest';
import { plainSql, worded } from '../../src/db/plain-sql.ts';
import { PreparedStatements } from '../../src/db/prepared-statements.ts';

/** Connected to nothing. */
const db = new Kysely<{ image: { id: string; name: string } }>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (of) => new PostgresIntrospector(of),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

const named = (name: string) => plainSql<boolean>`name = ${name}`;
const either = (names: readonly string[]) =>
  plainSql<boolean>`(${plainSql.join(names.map(named), plainSql` or `)})`;
const search = (names: readonly string[], limit: number) =>
  plainSql`select ${plainSql.raw('id')} from image where ${either(names)} limit ${limit}`;

describe('plain SQL', () => {
  it('is worded with its values numbered in their order', () => {
    expect(worded(search(['a', 'b', 'c'], 10))).toEqual({
      text: 'select id from image where (name = $1 or name = $2 or name = $3) limit $4',
      values: ['a', 'b', 'c', 10],
    });
  });

  it('has a list for one value, and nothing for an empty join', () => {
    expect(worded(plainSql`${['a', 'b']}::text[]`)).toEqual({ text: '$1::text[]', values: [['a', 'b']] });
    expect(worded(plainSql`a${plainSql.join([])}b`)).toEqual({ text: 'ab', values: [] });
    expect(worded(plainSql.join([1, null]))).toEqual({ text: '$1, $2', values: [1, null] });
  });

  it('is a part of what Kysely builds', () => {
    const { sql: text, parameters } = db
      .selectFrom('image')
      .select('id')
      .where(either(['a', 'b']))
      .where(sql<boolean>`${named('c')} is true`)
      .compile();
    expect(text).toBe('select "id" from "image" where (name = $1 or name = $2) and name = $3 is true');
    expect(parameters).toEqual(['a', 'b', 'c']);
  });
});

describe('what a connection has prepared', () => {
  it('is found again with other values, by whatever the statement is put together from', () => {
    const statements = new PreparedStatements();
    const { prepared } = statements.add(search(['a', 'b'], 1));
    expect(statements.find(search(['x', 'y'], 2))).toEqual({ prepared, values: ['x', 'y', 2] });
    expect(statements.size).toBe(1);
  });

  it('is not found for another text, though it begins, or goes on, or means the same', () => {
    const statements = new PreparedStatements();
    statements.add(search(['a', 'b'], 1));
    const others = [
      search(['a'], 1),
      search(['a', 'b', 'c'], 1),
      plainSql`select ${plainSql.raw('name')} from image where ${either(['a', 'b'])} limit ${1}`,
      plainSql`select ${plainSql.raw('id')} from image where ${either(['a', 'b'])} limit ${1}`,
    ];
    expect(others.map((other) => statements.find(other))).toEqual([null, null, null, null]);
  });

  it('tells a part without a value from a value in its place', () => {
    const limited = (by: ReturnType<typeof plainSql> | number) => plainSql`limit ${by}`;
    const statements = new PreparedStatements();
    const all = statements.add(limited(plainSql.raw('all')));
    const some = statements.add(limited(1));
    expect([all.prepared.text, some.prepared.text]).toEqual(['limit all', 'limit $1']);
    expect(statements.find(limited(2))).toEqual({ prepared: some.prepared, values: [2] });
    expect(statements.find(limited(plainSql.raw('all')))).toEqual(all);
    expect(all.prepared.name).not.toBe(some.prepared.name);
  });
});
