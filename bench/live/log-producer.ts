/** Where the lines of the builds go: into a database, or to the raw broadcast at a port. */
export interface Target {
  readonly builds: readonly string[];
  readonly databaseUrl: string | null;
  readonly port: number;
}

/** How much is printed into all builds together. */
export interface Print {
  readonly linesPerSecond: number;
  readonly seconds: number;
}
