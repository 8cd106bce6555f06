/**
 * The fields that a client asks for of a value, so that what reads it need read no more. Fragments are taken apart; what `@skip` and
 * `@include` leave out is among them.
 */
export interface Selection {
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
 * The columns that fields take.
 *
 * @param columns all that can be read
 * @param behind of fields that are no columns themselves: which ones they are made from. A field that has a column's name and needs
 *   more than that column has to stand here too, or it is answered from what was not read
 * @returns all columns where a field is asked for of which nothing is said
 */
export function columnsFor<Column extends string>(
  { fields }: Selection,
  columns: readonly Column[],
  behind: Readonly<Record<string, readonly Column[]>>,
): readonly Column[] {
  const known: ReadonlySet<string> = new Set(columns);
  const taken = new Set<Column>();
  for (const field of fields) {
    const made = behind[field] ?? (known.has(field) ? [field as Column] : columns);
    for (const column of made) taken.add(column);
  }
  // In one order, so that the same fields make the same statement.
  return columns.filter((column) => taken.has(column));
}
