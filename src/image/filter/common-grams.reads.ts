import { plainSql } from '../../db/plain-sql.ts';
import type { Reads } from '../../db/read-connections.ts';
import type { Logger } from '../../shared/logger.ts';
import type { ImageCriteria } from './image-filter.rules.ts';
import { withoutCommon } from './image-search.rules.ts';

/** How many images are looked at, and of how few nothing can be told. */
const SAMPLE = 100;
const LEAST_SAMPLE = 20;
const COMMON_SHARE = 0.95;
/**
 * Texts change slowly, and to take for common what is no longer does little harm. A look takes 40 to 90 ms, and half a second where
 * none of a million images has been read for long.
 */
const LOOK_EVERY_MS = 10 * 60_000;
const LOOK_AGAIN_MS = 60_000;

/** The grams and trigrams that nearly all images have, as a sample of them tells, so that nothing is looked up by those. */
export class CommonGrams implements AsyncDisposable {
  #known: ReadonlySet<string> = new Set();
  #look: Promise<void> | null = null;
  #nextLookAt = 0;

  constructor(
    private readonly reads: Reads,
    private readonly log: Logger,
  ) {}

  /**
   * The same criteria, with the search without them, as far as they are known: no search waits for a look. In filters within the
   * filter, searches stay.
   */
  leaveOut(criteria: ImageCriteria): ImageCriteria {
    const { search } = criteria;
    if (!search) return criteria;
    if (performance.now() >= this.#nextLookAt) this.#look = this.#lookAgain();
    return { ...criteria, search: withoutCommon(search, this.#known) };
  }

  /** Waits for a look that is under way: a connection pool that ends while a connection is opened for it never does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#look;
  }

  async #lookAgain(): Promise<void> {
    this.#nextLookAt = performance.now() + LOOK_EVERY_MS;
    try {
      this.#known = new Set((await this.reads.long(LOOK)).map(({ gram }) => gram));
    } catch (error) {
      // What was known before holds on.
      this.#nextLookAt = performance.now() + LOOK_AGAIN_MS;
      this.log.warn({ err: error }, 'could not look which texts nearly all images have');
    }
  }
}

/** A part of the table's pages, or the first images where PostgreSQL does not know yet how many there are. */
const LOOK = plainSql<{ gram: string }>`
  with sample as (
    select search_text, search_grams from image tablesample system (
      (select least(100, ${plainSql.raw(String(100 * SAMPLE))} / greatest(reltuples, 1)) from pg_class where oid = 'image'::regclass))
    limit ${plainSql.raw(String(2 * SAMPLE))})
  select gram from sample, unnest(show_trgm(search_text) || search_grams) gram
    group by gram
    having count(*) >= greatest(${plainSql.raw(String(LEAST_SAMPLE))}, ${plainSql.raw(String(COMMON_SHARE))} * (select count(*) from sample))`;
