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
  /** After so many milliseconds without an answer the connection is lost, and everything under way on it. */
  readonly silenceMs: number;
  readonly types: pg.CustomTypesConfig;
}

/** The driver's client for many statements at a time, with those that it has prepared: one connection, from its beginning to its end. */
export class PipelinedClient {
  readonly statements = new PreparedStatements();
  readonly #socket = new Socket();
  readonly #client: pg.Client;
  #underWay = 0;
  /** When an answer came, or the first one began to be waited for. */
  #heardAt = 0;
  #watch: NodeJS.Timeout | null = null;

  /** @param onUnfit it is lost, or has other statements than it should: whatever comes next takes another one */
  constructor(
    private readonly options: PipelinedClientOptions,
    private readonly onUnfit: (client: PipelinedClient) => void,
  ) {
    this.#client = new pg.Client({ ...options, pipeline: true, stream: () => this.#socket });
    const lost = () => this.#lost();
    this.#client.on('error', lost).on('end', lost);
    // It sends what it was asked for meanwhile when it is connected.
    this.#client.connect().catch(lost);
  }

  /** Sends it behind those before it. */
  read({ prepared, values }: Execution): Promise<unknown[]> {
    this.#expectAnswer();
    this.#sendTogether();
    return new Promise((resolve, reject) => {
      const answered = (error: unknown, rows: unknown[] = []) => {
        this.#underWay -= 1;
        this.#heardAt = performance.now();
        if (error) reject(this.#failure(error));
        else resolve(rows);
      };
      this.#client.query(new PreparedRead(prepared, values, this.options.types, answered));
    });
  }

  /** Ends when everything that was sent has been answered, or would have been long ago. */
  async end(): Promise<void> {
    // The driver would wait for a goodbye of a server that has gone silent for ever.
    const patience = setTimeout(() => this.#socket.destroy(), this.options.silenceMs);
    await this.#client.end();
    clearTimeout(patience);
  }

  #failure(error: unknown): unknown {
    // Of which read it is: it has the trace of the socket that it has come by.
    if (error instanceof Error) Error.captureStackTrace(error);
    // PostgreSQL says so to one statement, and a moment later the connection is gone.
    if (isLostConnection(error)) this.#lost();
    if (isNotAsPrepared(error)) this.onUnfit(this);
    return error;
  }

  #lost(): void {
    this.onUnfit(this);
    this.#socket.destroy();
  }

  /** The driver has a timer of its own for each statement; answers come in their order, so one does for all. */
  #expectAnswer(): void {
    if (this.#underWay === 0) this.#heardAt = performance.now();
    this.#underWay += 1;
    this.#watch ??= setTimeout(() => this.#lookWhetherSilent(), this.options.silenceMs).unref();
  }

  #lookWhetherSilent(): void {
    this.#watch = null;
    if (this.#underWay === 0) return;
    const left = this.#heardAt + this.options.silenceMs - performance.now();
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
