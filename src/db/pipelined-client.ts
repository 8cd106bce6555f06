import { Socket } from 'node:net';
import pg from 'pg';
import { isLostConnection } from '../shared/faults.ts';
import { PreparedRead } from './prepared-read.ts';
import { type Execution, PreparedStatements } from './prepared-statements.ts';

/**
 * What PostgreSQL says of a statement that it no longer has as it was prepared: since then a table has changed ("cached plan must not
 * change result type"), or something between us and PostgreSQL has made it forget ("prepared statement does not exist").
 */
const SQL_NOT_AS_PREPARED: ReadonlySet<unknown> = new Set(['0A000', '26000']);

export interface PipelinedClientOptions extends Omit<pg.ClientConfig, 'query_timeout'> {
  /** After so many milliseconds without an answer to a statement the connection is lost, and everything under way on it. */
  readonly silenceMs: number;
  readonly types: pg.CustomTypesConfig;
}

/** The driver's client for many statements at a time, with those that it has prepared: one connection, from its beginning to its end. */
export class PipelinedClient {
  readonly statements = new PreparedStatements();
  readonly #socket = new Socket();
  readonly #client: pg.Client;
  readonly #opening: Promise<void>;
  #isOpen = false;
  /** When each statement that has no answer yet was sent, in their order, which is that of the answers. */
  readonly #sentAt: number[] = [];
  #watch: NodeJS.Timeout | null = null;

  /** @param onUnfit it is lost, or has other statements than it should: whatever comes next takes another one */
  constructor(
    private readonly options: PipelinedClientOptions,
    private readonly onUnfit: (client: PipelinedClient) => void,
  ) {
    this.#client = new pg.Client({ ...options, pipeline: true, stream: () => this.#socket });
    // Everything under way fails with the connection.
    const unfit = () => this.onUnfit(this);
    this.#client.on('error', unfit).on('end', unfit);
    this.#opening = this.#client.connect().then(() => {
      this.#isOpen = true;
    });
    this.#opening.catch(unfit);
  }

  /** Sends it behind those before it, as soon as it is connected. */
  read(execution: Execution): Promise<unknown[]> {
    return this.#isOpen ? this.#send(execution) : this.#opening.then(() => this.#send(execution));
  }

  /** Ends when everything that was sent has been answered, or would have been long ago. */
  async end(): Promise<void> {
    // One that could not be opened has told everybody who waited for it.
    const isOpened = await this.#opening.then(
      () => true,
      () => false,
    );
    if (!isOpened) return;
    // The driver would wait for a goodbye of a server that has gone silent for ever.
    const patience = setTimeout(() => this.#socket.destroy(), this.options.silenceMs);
    await this.#client.end();
    clearTimeout(patience);
  }

  #send({ prepared, values }: Execution): Promise<unknown[]> {
    this.#sentAt.push(performance.now());
    this.#watch ??= setTimeout(() => this.#lookWhetherSilent(), this.options.silenceMs).unref();
    this.#sendTogether();
    return new Promise((resolve, reject) => {
      let isAnswered = false;
      const answered = (error: unknown, rows: unknown[] = []) => {
        // The driver says so twice of one whose values it cannot write.
        if (isAnswered) return;
        isAnswered = true;
        this.#sentAt.shift();
        // PostgreSQL says so to one statement, and a moment later the connection is gone.
        if (isLostConnection(error) || isNotAsPrepared(error)) this.onUnfit(this);
        if (error) reject(error);
        else resolve(rows);
      };
      this.#client.query(new PreparedRead(prepared, values, this.options.types, answered));
    });
  }

  /** One timer for all: the driver has one for each statement. */
  #lookWhetherSilent(): void {
    this.#watch = null;
    const [oldest] = this.#sentAt;
    if (oldest === undefined) return;
    const left = oldest + this.options.silenceMs - performance.now();
    if (left <= 0) this.#socket.destroy(new Error('Query read timeout'));
    else this.#watch = setTimeout(() => this.#lookWhetherSilent(), left).unref();
  }

  /** What is sent in one turn of the event loop goes out by one system call, but for TLS: one for each statement took a tenth of a short query's time. */
  #sendTogether(): void {
    if (this.#socket.writableCorked > 0) return;
    this.#socket.cork();
    setImmediate(() => this.#socket.uncork());
  }
}

export function isNotAsPrepared(error: unknown): boolean {
  return error instanceof Error && 'code' in error && SQL_NOT_AS_PREPARED.has(error.code);
}
