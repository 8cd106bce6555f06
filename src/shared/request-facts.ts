/** Where an operation comes from, for whatever writes it down. */
export interface RequestFacts {
  /** The id that is in the server's log, too; all operations of a socket have the same one. */
  readonly requestId: string;
  /** The client's address, as far as it is known: behind a proxy that is not trusted, the proxy's. */
  readonly address: string | null;
}
