import { excerpt } from '../../shared/excerpt.ts';
import { LIST_FIELDS } from './image-list-fields.rules.ts';

/** How many keys are told of one by one. */
const MAX_WARNINGS = 20;
/** The longest key that may be a misspelt one of ours. */
const MAX_LENGTH = 40;
/** How many characters may be wrong in it. */
const MAX_DISTANCE = 2;

/** Collects the keys of records that mean nothing here: another platform's, or a slip of the pen. */
export class UnknownKeys {
  readonly #rows = new Map<string, number>();

  add(key: string): void {
    this.#rows.set(key, (this.#rows.get(key) ?? 0) + 1);
  }

  /** For people, each key once. */
  get warnings(): string[] {
    const warnings = [...this.#rows].slice(0, MAX_WARNINGS).map(([key, rows]) => {
      const near = nearestKey(key);
      return `${JSON.stringify(excerpt(key))} is no key of a record and is ignored, in ${rows} ${rows === 1 ? 'row' : 'rows'}${near === undefined ? '' : `; did you mean ${near}?`}`;
    });
    const more = this.#rows.size - warnings.length;
    return more === 0
      ? warnings
      : [...warnings, `${more} more keys mean nothing in a record and are ignored`];
  }
}

function nearestKey(key: string): string | undefined {
  if (key.length > MAX_LENGTH) return undefined;
  const near = LIST_FIELDS.map((field) => ({
    key: field.key,
    distance: editDistance(field.key.toLowerCase(), key.toLowerCase()),
  })).filter(({ distance }) => distance <= MAX_DISTANCE);
  return near.sort((a, b) => a.distance - b.distance)[0]?.key;
}

/** How many characters have to be put in, taken out or replaced to make one text of the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 0; row < a.length; row++) {
    const current = [row + 1];
    for (let column = 0; column < b.length; column++) {
      const [left = 0, up = 0, diagonal = 0] = [current[column], above[column + 1], above[column]];
      current.push(Math.min(left + 1, up + 1, diagonal + (a[row] === b[column] ? 0 : 1)));
    }
    above = current;
  }
  return above[b.length] ?? 0;
}
