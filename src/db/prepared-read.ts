import pg from 'pg';

/** What a connection knows of a statement that it has prepared. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
  /** What its rows are made of; `null` until PostgreSQL has said it. */
  columns: readonly Column[] | null;
}

interface Column {
  readonly name: string;
  readonly read: (text: string) => unknown;
}

/** What the driver hands to a query of what PostgreSQL says. */
interface RowDescription {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}
interface DataRow {
  readonly fields: readonly (string | null)[];
}

/** The part of the driver's connection that a query is sent over. */
interface Wire {
  describe(portal: object): void;
}

type Rows = Record<string, unknown>[];

/**
 * One execution of a prepared statement. The driver's own query has PostgreSQL describe the rows each time, and finds out anew how they
 * are read: a tenth of a short read's time. A prepared statement's rows stay as they are, or PostgreSQL refuses it ("cached plan must not
 * change result type"), so here they are described once for a connection. What this overrides is what the driver calls its queries by.
 */
export class PreparedRead extends pg.Query {
  /** The driver puts its own time limit around it. */
  declare callback: (error: unknown, rows?: Rows) => void;
  declare name: string;
  readonly #rows: Rows = [];
  #unreadable: { readonly error: unknown } | null = null;

  readonly #statement: PreparedStatement;
  readonly #types: pg.CustomTypesConfig;

  constructor(
    statement: PreparedStatement,
    values: readonly unknown[],
    types: pg.CustomTypesConfig,
    done: (error: unknown, rows?: Rows) => void,
  ) {
    // The text by itself: the driver copies an object of it, with all its properties' descriptors.
    super(statement.text, values as unknown[], done as never);
    this.name = statement.name;
    this.#statement = statement;
    this.#types = types;
  }

  prepare(wire: Wire): void {
    const { prepare } = pg.Query.prototype as unknown as { prepare(this: PreparedRead, over: Wire): void };
    prepare.call(this, this.#statement.columns === null ? wire : withoutDescribing(wire));
  }

  handleRowDescription({ fields }: RowDescription): void {
    this.#statement.columns = fields.map(({ name, dataTypeID }) => ({
      name,
      read: this.#types.getTypeParser(dataTypeID, 'text'),
    }));
  }

  handleDataRow({ fields }: DataRow): void {
    if (this.#unreadable !== null) return;
    const columns = this.#statement.columns ?? [];
    const row: Record<string, unknown> = {};
    try {
      for (let at = 0; at < columns.length; at += 1) {
        const { name, read } = columns[at] as Column;
        const text = fields[at] as string | null;
        row[name] = text === null ? null : read(text);
      }
    } catch (error) {
      this.#unreadable = { error };
      return;
    }
    this.#rows.push(row);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    // In an array of their own: the one that they were gathered in was made when the statement was sent, so V8 takes it for one that lives
    // long, and what it held on to for that, too.
    const rows = this.#rows.splice(0);
    if (this.#unreadable !== null) this.callback(this.#unreadable.error);
    else this.callback(null, rows);
  }
}

const SILENT = new WeakMap<Wire, Wire>();

/** The same wire, over which nothing is described. */
function withoutDescribing(wire: Wire): Wire {
  const silent = SILENT.get(wire) ?? Object.create(wire, { describe: { value: () => {} } });
  SILENT.set(wire, silent);
  return silent;
}
