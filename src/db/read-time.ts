/** As PostgreSQL writes a time of a column with three digits, where its time zone is UTC and the last digit is not 0. */
const LENGTH = '2026-11-22 05:50:36.123+00'.length;

/**
 * A time that was read. It is one of millions that are written into answers: taken from PostgreSQL's own text that costs 0.05 µs, and as
 * Date does it 0.6 to 1.7. Nobody changes it.
 */
export class ReadTime extends Date {
  readonly #text: string;

  /** @param text as PostgreSQL writes a `timestamptz` */
  constructor(text: string) {
    // Right for the years from 100 to 9999: no column of ours holds an earlier one, BC or `infinity`.
    super(text);
    this.#text = text;
  }

  override toISOString(): string {
    const text = this.#text;
    if (text.length !== LENGTH || text[10] !== ' ' || !text.endsWith('+00')) return super.toISOString();
    return `${text.slice(0, 10)}T${text.slice(11, 23)}Z`;
  }
}
