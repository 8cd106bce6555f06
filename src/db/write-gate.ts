import { sql } from 'kysely';
import { Turnstile } from '../shared/turnstile.ts';
import { type EntityManager, kysely } from './orm.ts';

/** Of the pool's ten connections: a transaction that waits for a lock holds one, and reads need the others. */
const MAX_WRITES = 5;
/** Imports take tens of seconds, purges wait for a registry: other writes need the places that these leave. */
const MAX_LONG_WRITES = 2;
/** How long somebody waits to be let in. Shorter than clients wait for an answer. */
const WAIT_MS = 20_000;
/** How long a statement waits for a lock: see `lock_timeout` in PostgreSQL's documentation. */
const LOCK_TIMEOUT_MS = 15_000;

const TOO_MANY = 'Too many changes wait to be written; try again in a while.';

/** `LONG`: it may take seconds by itself. */
export type WriteLength = 'SHORT' | 'LONG';

/**
 * Runs the transactions in which users' changes are written: a few at once, and the others wait without a connection, first come,
 * first served. So reads are answered however many writers wait for one lock. Workers' writes do not pass here: a build
 * must not wait behind users.
 */
export class WriteGate {
  readonly #writes: Turnstile;
  readonly #longWrites: Turnstile;

  constructor(
    private readonly em: EntityManager,
    waitMs = WAIT_MS,
  ) {
    this.#writes = new Turnstile(MAX_WRITES, waitMs, TOO_MANY);
    this.#longWrites = new Turnstile(MAX_LONG_WRITES, waitMs, TOO_MANY);
  }

  /**
   * Runs `work` in a transaction; inside of another one that this gate has let in, as a part of it.
   *
   * @throws UnavailableError its turn did not come in time
   */
  async run<T>(work: (tx: EntityManager) => Promise<T>, length: WriteLength = 'SHORT'): Promise<T> {
    // To wait for a turn while one has a turn could be for ever.
    if (this.em.isInTransaction()) return await this.em.transactional(work);
    const write = async () =>
      await this.em.fork().transactional(async (tx) => {
        await sql`set local lock_timeout = ${sql.lit(LOCK_TIMEOUT_MS)}`.execute(kysely(tx));
        return await work(tx);
      });
    const pass = async () => await this.#writes.pass(write);
    return length === 'LONG' ? await this.#longWrites.pass(pass) : await pass();
  }
}
