import pg from 'pg';
import type { OnStatement } from './orm.ts';
import { PipelinedConnection } from './pipelined-connection.ts';
import { type PlainSql, worded } from './plain-sql.ts';
import { ReadTime } from './read-time.ts';
import { withOption, withSearchPath } from './search-path.ts';

/** PostgreSQL gives each connection one process, so these keep as many of its cores busy. */
const SHORT_CONNECTIONS = 2;
/** Searches and counts are a core's work each: more at a time would make all of them slower. */
const LONG_CONNECTIONS = 4;
/**
 * What each has of PostgreSQL's memory for a sort or what an index finds, where the operator has not given more. With the usual 4 MB, what
 * an index finds of a million images is kept by pages, and each image on them is looked at again: a count of 500,000 took 3.6 s, and
 * 1.8 s with this.
 */
const LONG_MEMORY = '32MB';
const GIVE_MEMORY = `select set_config('work_mem', '${LONG_MEMORY}', false)
  where pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('${LONG_MEMORY}')`;
/** A short read that takes so long is none, and holds up those behind it. */
const SHORT_TIMEOUT_MS = 10_000;
const LONG_TIMEOUT_MS = 30_000;
/** So much later PostgreSQL has said that a read takes too long, unless it has gone silent or is cut off. */
const SILENCE_MS = 5000;
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Runs a statement of plain SQL. Its rows are as PostgreSQL names their columns, `timestamptz` as Date and `bigint` as number.
 *
 * @throws what the driver says; for a lost connection, which is opened again for the next statement, see `isLostConnection`
 */
export type Read = <Row>(statement: PlainSql<Row>) => Promise<readonly Row[]>;

/**
 * Reads outside of transactions, past the entity manager: its query builder takes 150 µs to word a statement that PostgreSQL answers
 * in less.
 */
export interface Reads {
  /**
   * For what PostgreSQL answers at once: rows by their ids, and a bounded way along an index. Statements are sent without waiting for
   * the answers to those before, and stay prepared with one plan for whatever values: planning would take longer than the reading.
   * None may take long: those behind it on its connection would wait.
   */
  readonly short: Read;
  /** For who somebody is: short ones too, which wait behind no page. */
  readonly signIn: Read;
  /** For what may look at many rows, such as searches and counts: each has a connection to itself, and 30 s. */
  readonly long: Read;
}

/**
 * The connections that {@link Reads} go over, opened when they are first needed: 7, beside 10 of the entity manager's pool, 1 that
 * listens for hints, and the queue's 4 and 1 that listens for jobs. So a process has 23 at the most, which README.md tells operators.
 */
export class ReadConnections implements Reads, AsyncDisposable {
  readonly #short: readonly PipelinedConnection[];
  readonly #signIn: PipelinedConnection;
  readonly #pool: pg.Pool;

  /** @param onStatement sees every statement that is sent */
  constructor(
    databaseUrl: string,
    private readonly onStatement?: OnStatement,
  ) {
    const options = {
      // In UTC, so that times come as {@link ReadTime} writes them.
      connectionString: withOption(withSearchPath(databaseUrl), '-c timezone=UTC'),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      types: TYPES,
    };
    const short = {
      ...options,
      connectionString: withOption(options.connectionString, '-c plan_cache_mode=force_generic_plan'),
      statement_timeout: SHORT_TIMEOUT_MS,
      silenceMs: SHORT_TIMEOUT_MS + SILENCE_MS,
    };
    this.#short = Array.from({ length: SHORT_CONNECTIONS }, () => new PipelinedConnection(short));
    this.#signIn = new PipelinedConnection(short);
    this.#pool = new pg.Pool({
      ...options,
      max: LONG_CONNECTIONS,
      statement_timeout: LONG_TIMEOUT_MS,
      query_timeout: LONG_TIMEOUT_MS + SILENCE_MS,
      // The pool waits for it, though its type does not say so.
      onConnect: (client): unknown => client.query(GIVE_MEMORY),
    });
    // A connection that breaks while nobody uses it: the pool has dropped it.
    this.#pool.on('error', () => {});
  }

  readonly short: Read = (statement) => {
    const connection = this.#short.reduce((one, other) => (other.waiting < one.waiting ? other : one));
    return this.#readOver(connection, statement);
  };

  readonly signIn: Read = (statement) => this.#readOver(this.#signIn, statement);

  readonly long: Read = async <Row>(statement: PlainSql<Row>) => {
    const { text, values } = worded(statement);
    this.onStatement?.(text, values);
    return (await this.#pool.query(text, [...values])).rows as Row[];
  };

  async [Symbol.asyncDispose](): Promise<void> {
    const pipelined = [...this.#short, this.#signIn];
    await Promise.all([this.#pool.end(), ...pipelined.map((connection) => connection.close())]);
  }

  #readOver<Row>(connection: PipelinedConnection, statement: PlainSql<Row>): Promise<readonly Row[]> {
    if (this.onStatement) {
      const { text, values } = worded(statement);
      this.onStatement(text, values);
    }
    return connection.query(statement) as Promise<Row[]>;
  }
}

const TYPES = new pg.TypeOverrides();
// Sizes and counts: all below 2^53.
TYPES.setTypeParser(pg.types.builtins.INT8, Number);
TYPES.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text: string) => new ReadTime(text));
