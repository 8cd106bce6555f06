import { isNotAsPrepared, PipelinedClient, type PipelinedClientOptions } from './pipelined-client.ts';
import type { PlainSql } from './plain-sql.ts';

/**
 * How many statements a connection keeps prepared, each some 50 KB of PostgreSQL's memory. An app's own are some dozens; clients that
 * word others all the time cost it a new connection for each hundred of them.
 */
const MAX_PREPARED = 100;

/**
 * One connection for many reads at a time, which it prepares; another one takes its place when it is lost, and when PostgreSQL no longer
 * has a statement as it was prepared, which is then sent once more.
 */
export class PipelinedConnection {
  #client: PipelinedClient | null = null;
  #waiting = 0;
  #isClosed = false;

  constructor(private readonly options: PipelinedClientOptions) {}

  /** How many statements have no answer yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @param statement one that may be sent twice */
  async query(statement: PlainSql<unknown>): Promise<unknown[]> {
    this.#waiting += 1;
    try {
      return await this.#send(statement);
    } catch (error) {
      // Of which read it is: it has the trace of the socket that it has come by.
      if (error instanceof Error) Error.captureStackTrace(error);
      if (!isNotAsPrepared(error)) throw error;
      return await this.#send(statement);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Ends the connection when everything that was sent has been answered, or would have been long ago. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const client = this.#client;
    this.#client = null;
    await client?.end();
  }

  #send(statement: PlainSql<unknown>): Promise<unknown[]> {
    if (this.#isClosed) throw new Error('Client was closed and is not queryable');
    const { client, execution } = this.#executionOf(statement);
    return client.read(execution);
  }

  #executionOf(statement: PlainSql<unknown>) {
    const client = this.#client ?? this.#open();
    const known = client.statements.find(statement);
    if (known !== null) return { client, execution: known };
    if (client.statements.size < MAX_PREPARED) return { client, execution: client.statements.add(statement) };
    this.#leave(client);
    const next = this.#open();
    return { client: next, execution: next.statements.add(statement) };
  }

  #open(): PipelinedClient {
    const client = new PipelinedClient(this.options, (unfit) => this.#leave(unfit));
    this.#client = client;
    return client;
  }

  #leave(client: PipelinedClient): void {
    if (this.#client !== client) return;
    this.#client = null;
    void client.end();
  }
}
