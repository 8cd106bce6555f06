import { keptFor } from '../shared/kept-for.ts';
import { type PlainSql, plainSql } from './plain-sql.ts';

/** How a column is called where that is not the property's name in snake case. */
export type ColumnNames = Readonly<Record<string, string>>;

const snakeCase = (property: string) => property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Of lists that come again, by the table's name. */
const knownOf = keptFor((_properties: readonly string[]) => new Map<string, PlainSql<unknown>>());

/**
 * Columns under the names of their properties: `image.created_at as "createdAt"`.
 *
 * @param table under the name that the statement gives it
 * @param names the same ones each time for a table
 */
export function columnsOf(
  table: string,
  properties: readonly string[],
  names: ColumnNames = {},
): PlainSql<unknown> {
  const ofTables = knownOf(properties);
  const known = ofTables.get(table);
  if (known !== undefined) return known;
  const columns = plainSql.raw(
    properties
      .map((property) => `${table}.${names[property] ?? snakeCase(property)} as "${property}"`)
      .join(', '),
  );
  ofTables.set(table, columns);
  return columns;
}
