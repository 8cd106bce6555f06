import { Socket } from 'node:net';
import pg from 'pg';
import { isLostConnection } from '../shared/faults.ts';
import { PreparedRead, type PreparedStatement } from './prepared-read.ts';

/**
 * How many statements a connection keeps prepared, each some 50 KB of PostgreSQL's memory. An app's own are some dozens; clients that
 * word others all the time cost it a new connection for each hundred of them.
 */
const MAX_PREPARED = 100;

/**
 * What PostgreSQL says of a statement that it no longer has as it was prepared: since then a table has changed ("cached plan must not
 * change result type"), or something between us and PostgreSQL has made it forget ("prepared statement does not exist").
 */
const SQL_NOT_AS_PREPARED: ReadonlySet<unknown> = new Set(['0A000', '26000']);

export interface PipelinedConnectionOptions extends pg.ClientConfig {
  /** After so many milliseconds without an answer the connection is lost, and everything under way on it. */
  readonly query_timeout: number;
  readonly types: pg.CustomTypesConfig;
}

interface Opened {
  readonly client: pg.Client;
  readonly socket: Socket;
}

/**
 * One connection for many reads at a time, which it prepares; another one takes its place when it is lost, and when PostgreSQL no longer
 * has a statement as it was prepared, which is then sent once more.
 */
export class PipelinedConnection {
  #opened: Promise<Opened> | null = null;
  /** By their texts. */
  #statements = new Map<string, PreparedStatement>();
  #waiting = 0;
  #isClosed = false;

  constructor(private readonly options: PipelinedConnectionOptions) {}

  /** How many statements have no answer yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @param text a statement that may be sent twice */
  async query(text: string, values: readonly unknown[]): Promise<unknown[]> {
    this.#waiting += 1;
    try {
      return await this.#send(text, values);
    } catch (error) {
      if (!isNotAsPrepared(error)) throw error;
      return await this.#send(text, values);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Ends the connection when everything that was sent has been answered, or would have been long ago. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#leave(this.#opened);
  }

  async #send(text: string, values: readonly unknown[]): Promise<unknown[]> {
    if (this.#isClosed) throw new Error('Client was closed and is not queryable');
    if (this.#statements.size === MAX_PREPARED && !this.#statements.has(text)) void this.#leave(this.#opened);
    this.#opened ??= this.#open();
    const opened = this.#opened;
    const statement = this.#statementOf(text);
    try {
      const { client, socket } = await opened;
      sendTogether(socket);
      return await this.#read(client, statement, values);
    } catch (error) {
      // Of which read it is: it has the one of the socket that it has come by.
      if (error instanceof Error) Error.captureStackTrace(error);
      // PostgreSQL says so to one statement, and a moment later the connection is gone.
      if (isLostConnection(error)) this.#drop(opened);
      if (isNotAsPrepared(error)) void this.#leave(opened);
      throw error;
    }
  }

  #open(): Promise<Opened> {
    const socket = new Socket();
    const client = new pg.Client({ ...this.options, pipeline: true, stream: () => socket });
    const opened = client.connect().then(() => ({ client, socket }));
    // Everything under way fails with the connection; what comes next opens another one.
    client.on('error', () => this.#drop(opened));
    client.on('end', () => this.#drop(opened));
    opened.catch(() => this.#drop(opened));
    return opened;
  }

  async #leave(left: Promise<Opened> | null): Promise<void> {
    if (left === null || left !== this.#opened) return;
    this.#drop(left);
    // One that could not be opened has told everybody who waited for it.
    const opened = await left.catch(() => null);
    if (opened === null) return;
    // The driver would wait for a goodbye of a server that has gone silent for ever.
    const patience = setTimeout(() => opened.socket.destroy(), this.options.query_timeout);
    await opened.client.end();
    clearTimeout(patience);
  }

  #drop(opened: Promise<Opened>): void {
    if (this.#opened !== opened) return;
    this.#opened = null;
    this.#statements = new Map();
  }

  #statementOf(text: string): PreparedStatement {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = { name: `read_${this.#statements.size}`, text, columns: null };
    this.#statements.set(text, statement);
    return statement;
  }

  #read(client: pg.Client, statement: PreparedStatement, values: readonly unknown[]): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const done = (error: unknown, rows: unknown[] = []) => (error ? reject(error) : resolve(rows));
      client.query(new PreparedRead(statement, values, this.options.types, done));
    });
  }
}

/** What is sent in one turn of the event loop goes out by one system call, but for TLS: one for each statement took a tenth of a short query's time. */
function sendTogether(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  setImmediate(() => socket.uncork());
}

function isNotAsPrepared(error: unknown): boolean {
  return error instanceof Error && 'code' in error && SQL_NOT_AS_PREPARED.has(error.code);
}
