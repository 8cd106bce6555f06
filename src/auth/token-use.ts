import { sql } from 'kysely';
import type { Db } from '../db/tables.ts';
import type { Logger } from '../shared/logger.ts';

/** How exactly it is known when a token was used. */
const PRECISION_MS = 60_000;

/** Writes into the database that these tokens, by their ids, have been used now. */
export type WriteTokenUse = (ids: readonly string[]) => Promise<unknown>;

/** Skips rows that somebody is writing: another process writes the same minute, or the token is being revoked. */
export function createWriteTokenUse(db: Db): WriteTokenUse {
  return async (ids) =>
    await sql`
      update access_token set last_used_at = now() where id in
        (select id from access_token where id = any(${ids}::uuid[]) for no key update skip locked)`.execute(
      db,
    );
}

/**
 * Keeps in mind which tokens are used, and writes it down: of each token once a minute, of those that come together in one
 * statement, and one statement after the other. Nobody waits for it, but who disposes of it.
 */
export class TokenUse implements AsyncDisposable {
  /** When each token that was used in the last minute was noted, the oldest first. */
  readonly #noted = new Map<string, number>();
  #waiting: string[] = [];
  /** `null`: nothing is being written. */
  #writing: Promise<void> | null = null;

  constructor(
    private readonly write: WriteTokenUse,
    private readonly log: Logger,
  ) {}

  note(id: string): void {
    const now = performance.now();
    for (const [noted, at] of this.#noted) {
      if (now - at < PRECISION_MS) break;
      this.#noted.delete(noted);
    }
    if (this.#noted.has(id)) return;
    this.#noted.set(id, now);
    this.#waiting.push(id);
    this.#writing ??= this.#writeAll();
  }

  /** Waits until all that was noted is written: a connection pool that ends while a connection is opened for it never does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const ids = this.#waiting;
      this.#waiting = [];
      try {
        await this.write(ids);
      } catch (error) {
        // The next use, a minute later, is written again; that this one was not keeps nobody from working.
        this.log.warn({ err: error, tokens: ids.length }, 'could not write down when tokens were used');
      }
    }
    this.#writing = null;
  }
}
