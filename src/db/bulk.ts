import type { EntityName } from '@mikro-orm/core';
import { type RawBuilder, sql } from 'kysely';
import { type EntityManager, kysely } from './orm.ts';

/** 1,000 images are some 4 MB of JSON. */
const ROWS_PER_STATEMENT = 1000;

/** Rows by property name. */
type Rows<T> = readonly { readonly [name in keyof T]?: unknown }[];

/**
 * Inserts many rows in few statements: each sends its rows as one JSON text, which PostgreSQL takes apart by the table's own
 * column types. The entity manager would write every value into the statement.
 *
 * @param properties those that the rows have; PostgreSQL's default for the others
 * @param onConflict what becomes of rows that are there already, e.g. `on conflict (name) do nothing`; an error by itself
 */
export async function insertRows<T>(
  em: EntityManager,
  entity: EntityName<T & object>,
  properties: readonly (keyof T & string)[],
  rows: Rows<T>,
  onConflict: RawBuilder<unknown> = sql``,
): Promise<void> {
  const { table, columns, records } = describe(em, entity, properties);
  for (const json of records(rows)) {
    await sql`insert into ${table} (${sql.join(columns)})
      select ${sql.join(columns)} from jsonb_populate_recordset(null::${table}, ${json}::jsonb) ${onConflict}`.execute(
      kysely(em),
    );
  }
}

/** Writes these properties, the id not among them, of many rows anew, found by their ids: see {@link insertRows}. */
export async function updateRows<T extends { id: string }>(
  em: EntityManager,
  entity: EntityName<T>,
  properties: readonly (keyof T & string)[],
  rows: Rows<T>,
): Promise<void> {
  const { table, columns, records } = describe(em, entity, ['id', ...properties]);
  const set = columns.slice(1).map((column) => sql`${column} = given.${column}`);
  for (const json of records(rows)) {
    await sql`update ${table} set ${sql.join(set)}
      from jsonb_populate_recordset(null::${table}, ${json}::jsonb) given where given.id = ${table}.id`.execute(
      kysely(em),
    );
  }
}

function describe<T>(
  em: EntityManager,
  entity: EntityName<T & object>,
  properties: readonly (keyof T & string)[],
) {
  const meta = em.getMetadata().get(entity as never);
  const columnOf = (name: string) => meta.properties[name as never]?.['fieldNames'][0] as string;
  function* records(rows: Rows<T>) {
    for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
      const part = rows.slice(from, from + ROWS_PER_STATEMENT);
      yield JSON.stringify(
        part.map((row) => Object.fromEntries(properties.map((name) => [columnOf(name), row[name] ?? null]))),
      );
    }
  }
  return {
    table: sql.table(meta.tableName),
    columns: properties.map((name) => sql.ref(columnOf(name))),
    records,
  };
}
