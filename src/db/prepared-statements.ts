import { PlainSql, type SqlValue, worded } from './plain-sql.ts';
import type { PreparedStatement } from './prepared-read.ts';

/** A place on the way through a statement's templates, with what follows there. */
class Place {
  readonly #next = new Map<string | readonly string[] | null, Place>();
  /** The statement that ends here. */
  prepared: PreparedStatement | null = null;

  /** @param key a template's; `null`: a value, whichever it is */
  next(key: string | readonly string[] | null): Place {
    const known = this.#next.get(key);
    if (known !== undefined) return known;
    const place = new Place();
    this.#next.set(key, place);
    return place;
  }
}

/** A statement that a connection has prepared, and what it is executed with. */
export interface Execution {
  readonly prepared: PreparedStatement;
  readonly values: readonly SqlValue[];
}

/**
 * What one connection has prepared. A statement is found by the templates that it is made of, in their order: their texts are put
 * together for the first time only.
 */
export class PreparedStatements {
  readonly #root = new Place();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns `null` for one that is not prepared yet; the way to it is made then, since it is added next */
  find(statement: PlainSql<unknown>): Execution | null {
    const values: SqlValue[] = [];
    const { prepared } = placeOf(statement, this.#root, values);
    return prepared && { prepared, values };
  }

  add(statement: PlainSql<unknown>): Execution {
    const { text, values } = worded(statement);
    const prepared = { name: `read_${this.#size}`, text, columns: null };
    placeOf(statement, this.#root, []).prepared = prepared;
    this.#size += 1;
    return { prepared, values };
  }
}

/** @param values to which the statement's are added */
function placeOf({ key, parts }: PlainSql<unknown>, from: Place, values: SqlValue[]): Place {
  let place = from.next(key);
  for (const part of parts) {
    if (part instanceof PlainSql) place = placeOf(part, place, values);
    else {
      values.push(part);
      place = place.next(null);
    }
  }
  return place;
}
