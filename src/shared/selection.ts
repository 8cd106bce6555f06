import { keptFor } from './kept-for.ts';

/**
 * The fields that a client asks for of a value, so that what reads it need read no more. Fragments are taken apart; what `@skip` and
 * `@include` leave out is among them.
 */
export interface Selection {
  /** The same set for the same place in a known document. */
  readonly fields: ReadonlySet<string>;
  has(field: string): boolean;
  /**
   * What is asked for of the values of fields, taken together.
   *
   * @param paths each a field, or a field of a field, such as `edges.node`
   */
  of(...paths: readonly string[]): Selection;
  /** A field's arguments, each time that it is selected. */
  argumentsOf(field: string): readonly Readonly<Record<string, unknown>>[];
}

/**
 * Tells the columns that the fields of a selection take, `id` always the first of them: found out once for each place in a known document.
 *
 * @param columns all that can be read, `id` the first of them
 * @param behind of fields that are no columns themselves: which ones they are made from. A field that has a column's name and needs
 *   more than that column has to stand here too, or it is answered from what was not read
 * @returns what tells them: all where a field is asked for of which nothing is said
 */
export function columnsFor<Other extends string>(
  columns: readonly ['id', ...Other[]],
  behind: Readonly<Record<string, readonly ('id' | Other)[]>>,
): (selection: Selection) => readonly ('id' | Other)[] {
  type Column = 'id' | Other;
  const all: ReadonlySet<string> = new Set(columns);
  const columnsOf = keptFor((fields: ReadonlySet<string>): readonly Column[] => {
    const taken = new Set<Column>(['id']);
    for (const field of fields) {
      const made = behind[field] ?? (all.has(field) ? [field as Column] : columns);
      for (const column of made) taken.add(column);
    }
    // In one order, so that the same fields make the same statement.
    return columns.filter((column) => taken.has(column));
  });
  return ({ fields }) => columnsOf(fields);
}
