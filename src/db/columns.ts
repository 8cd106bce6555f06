import { type RawBuilder, sql } from 'kysely';

/** How a column is called where that is not the property's name in snake case. */
export type ColumnNames = Readonly<Record<string, string>>;

const snakeCase = (property: string) => property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * Columns under the names of their properties: `image.created_at as "createdAt"`.
 *
 * @param table under the name that the statement gives it
 */
export function columnsOf(
  table: string,
  properties: readonly string[],
  names: ColumnNames = {},
): RawBuilder<unknown> {
  return sql.raw(
    properties
      .map((property) => `${table}.${names[property] ?? snakeCase(property)} as "${property}"`)
      .join(', '),
  );
}
